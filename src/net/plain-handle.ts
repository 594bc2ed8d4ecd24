/**
 * The handle of a socket on a SAN connection. The platform's code drives it as it drives one of its own, but for writes, which
 * would go through a native request: for these the socket gets a function of its own.
 */
import { AsyncResource } from 'node:async_hooks';
import { Buffer } from 'node:buffer';
import { invalidHandleType, nodeCoded } from '../misuse.js';
import { systemError } from '../native/os.js';
import type { SwitchSocket } from '../socket/socket.js';
import { describe } from './info.js';
import type { Handle, HandleAddress, InnerSocket, ShutdownRequest, Status, WriteDone } from './internals.js';
import { letGo } from './orphan.js';
import type { Platform } from './platform.js';
import { Wire, type WireEvents } from './wire.js';

/** Bytes of several writes that are sent as one. */
const GATHER_MAX_BYTES = 65_536;

/** What the platform has read from a handle on its way to another process: a function that does nothing. */
const SENT: unknown = Function.prototype;

/** One piece of several that are written together. */
interface Piece {
  readonly chunk: string | Buffer;
  readonly encoding: BufferEncoding;
}

/** See the top of this file. */
export class PlainHandle implements Handle, WireEvents {
  /** HTTP and TLS ask: nothing native reads from it or writes to it. */
  readonly isStreamBase = false;
  /** The platform's own note of whether it reads. */
  reading = false;
  readonly stream: SwitchSocket;
  private readonly wire: Wire;
  /** What is told runs in the context in which the socket was made. */
  private readonly resource = new AsyncResource('TCPWRAP');
  readonly platform: Platform;
  private socket: InnerSocket | null = null;
  private isClosed = false;
  private reader: unknown;
  /** What `onread` has not had yet, because its callback has stopped it. */
  private held: Buffer | null = null;
  /** The end of the stream stands behind that. */
  private endsLater = false;
  /** A reset that only who reads hears of, and nobody has since. */
  private unheard: Status = 0;
  [symbol: symbol]: unknown;

  constructor(stream: SwitchSocket, platform: Platform) {
    this.stream = stream;
    this.platform = platform;
    this.wire = new Wire(stream, this);
    PlainHandle.ownBy(platform.owner);
  }

  /** Has handles know their socket by the platform's symbol. Of the class: functions of its own would make each handle slow. */
  private static ownBy(owner: symbol): void {
    if (Object.hasOwn(PlainHandle.prototype, owner)) return;
    Object.defineProperty(PlainHandle.prototype, owner, {
      get(this: PlainHandle) {
        return this.socket;
      },
      set(this: PlainHandle, socket: InnerSocket | null) {
        this.belongTo(socket);
      },
    });
  }

  /** What the platform reads by. */
  get onread(): unknown {
    return this.reader;
  }

  /** @throws TypeError as the platform's for what can't be sent. Others put functions here, too: HTTP's agent has a guard. */
  set onread(reader: unknown) {
    if (reader === SENT && !this.isClosed) throw invalidHandleType();
    this.reader = reader;
  }

  get bytesRead(): number {
    return this.stream.bytesReceived;
  }

  get bytesWritten(): number {
    return this.stream.bytesSent;
  }

  get writeQueueSize(): number {
    return this.stream.queuedBytes;
  }

  getAsyncId(): number {
    return this.resource.asyncId();
  }

  getpeername(out: HandleAddress): Status {
    const { remoteAddress: address, remotePort: port, family } = this.stream;
    Object.assign(out, { address, family, port });
    return 0;
  }

  getsockname(out: HandleAddress): Status {
    const { localAddress: address, localPort: port, family } = this.stream;
    Object.assign(out, { address, family, port });
    return 0;
  }

  readStart(): Status {
    if (this.held !== null || this.unheard !== 0) setImmediate(() => this.goOn());
    else this.stream.resume();
    return 0;
  }

  readStop(): Status {
    this.stream.pause();
    return 0;
  }

  /** `onread`: what is received is copied into the application's memory in `deliver`. */
  useUserBuffer(): void {}

  shutdown(request: ShutdownRequest): Status {
    const { stream } = this;
    stream.end();
    // Told before what the peer answers. Never from inside of the call, as with a native one, and in the caller's context.
    stream.pause();
    setImmediate(() => {
      request.oncomplete(0);
      if (this.reading && !this.isClosed) stream.resume();
    });
    return 0;
  }

  close(closed?: () => void): void {
    if (!this.isClosed) letGo(this.stream, !this.reading);
    this.over(closed);
  }

  reset(closed?: () => void): Status {
    if (!this.isClosed) this.stream.abort();
    this.over(closed);
    return 0;
  }

  /** Leaves the connection to another handle, which is to take it now. */
  leave(): SwitchSocket {
    const { socket } = this;
    if (socket !== null) socket._writeGeneric = (Object.getPrototypeOf(socket) as InnerSocket)._writeGeneric;
    this.isClosed = true;
    return this.stream;
  }

  setNoDelay(isOn: boolean): Status {
    this.stream.setOption('noDelay', isOn);
    return 0;
  }

  setKeepAlive(isOn: boolean, _initialDelay: number): Status {
    this.stream.setOption('keepAlive', isOn);
    return 0;
  }

  ref(): void {
    this.stream.ref();
  }

  unref(): void {
    this.stream.unref();
  }

  received(bytes: Buffer): void {
    this.resource.runInAsyncScope(this.deliver, this, bytes);
  }

  ended(): void {
    if (this.held !== null) {
      this.endsLater = true;
      return;
    }
    this.resource.runInAsyncScope(() => {
      const { socket } = this;
      if (socket === null || socket.destroyed) return;
      socket.push(null);
      socket.read(0);
    });
  }

  failed(status: Status): void {
    if (!this.reading) {
      this.unheard = status;
      return;
    }
    this.resource.runInAsyncScope(() => {
      this.socket?.destroy(systemError(status, 'read'));
    });
  }

  /** What `_writeGeneric` of the socket does for a connection of ours. */
  write(socket: InnerSocket, bytes: Uint8Array, done: WriteDone): void {
    const { stream } = this;
    // What waits is told in the writer's context.
    let context: AsyncResource | null = null;
    let isSent = false;
    this.wire.send(bytes, (status) => {
      isSent = true;
      const error = status === 0 ? null : systemError(status, 'write');
      if (context === null) done(error);
      else context.runInAsyncScope(done, null, error);
    });
    if (!isSent) context = new AsyncResource('WRITEWRAP');
    if (stream.queuedBytes > 0) socket[this.platform.lastWriteQueueSize] = stream.queuedBytes;
  }

  private deliver(bytes: Buffer): void {
    const { socket, platform } = this;
    if (socket === null || socket.destroyed) return;
    socket._unrefTimer();
    if (socket[platform.buffer]) this.fill(socket, bytes);
    else if (!socket.push(bytes)) this.stopReading();
  }

  /** `onread`: the application's own memory, a piece after the other, until its callback returns false. */
  private fill(socket: InnerSocket, bytes: Buffer): void {
    const { buffer, bufferCallback, bufferGenerator } = this.platform;
    for (let at = 0; at < bytes.length && !socket.destroyed; ) {
      if (!this.reading) {
        this.held = bytes.subarray(at);
        return;
      }
      const target = socket[buffer] as Uint8Array;
      const length = bytes.copy(target, 0, at);
      at += length;
      const generator = socket[bufferGenerator] as (() => Uint8Array) | null | undefined;
      if (generator) socket[buffer] = generator();
      const callback = socket[bufferCallback] as (length: number, target: Uint8Array) => unknown;
      if (callback.call(socket, length, target) === false) this.stopReading();
    }
  }

  private goOn(): void {
    const { held } = this;
    if (!this.reading || this.isClosed) return;
    this.held = null;
    if (held !== null) this.received(held);
    if (!this.reading) return;
    if (this.endsLater) this.ended();
    else if (this.unheard !== 0) this.failed(this.unheard);
    else this.stream.resume();
  }

  private stopReading(): void {
    this.reading = false;
    this.stream.pause();
  }

  private belongTo(socket: InnerSocket | null): void {
    this.socket = socket;
    if (socket === null) return;
    socket._writeGeneric = writeGeneric;
    socket.resetAndDestroy = resetAndDestroy;
    describe(socket, this.stream);
  }

  private over(closed: (() => void) | undefined): void {
    this.isClosed = true;
    setImmediate(() => {
      this.resource.emitDestroy();
      if (closed !== undefined) this.resource.runInAsyncScope(closed);
    });
  }
}

function bytesOf({ chunk, encoding }: Piece): Buffer {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
}

/** Several writes at once (`cork`, or what has gathered). */
function writeSeveral(handle: PlainHandle, socket: InnerSocket, pieces: readonly Piece[], done: WriteDone): void {
  const buffers = pieces.map(bytesOf);
  const total = buffers.reduce((sum, { length }) => sum + length, 0);
  if (total <= GATHER_MAX_BYTES) {
    handle.write(socket, Buffer.concat(buffers, total), done);
    return;
  }
  let left = buffers.length;
  let failure: Error | null = null;
  const sent: WriteDone = (error) => {
    failure ??= error ?? null;
    left -= 1;
    if (left === 0) done(failure);
  };
  for (const buffer of buffers) handle.write(socket, buffer, sent);
}

/** `resetAndDestroy` of a socket on a SAN connection: the platform's takes only a handle of its own. */
function resetAndDestroy(this: InnerSocket): InnerSocket {
  if (this._handle === null) this.destroy(nodeCoded(new Error('Socket is closed'), 'ERR_SOCKET_CLOSED'));
  else this._reset();
  return this;
}

/** `_writeGeneric` of a socket on a SAN connection. */
function writeGeneric(this: InnerSocket, several: boolean, data: unknown, encoding: string, done: WriteDone): unknown {
  this._pendingData = null;
  this._pendingEncoding = '';
  const handle = this._handle as PlainHandle | null;
  if (handle === null) {
    done(nodeCoded(new Error('Socket is closed'), 'ERR_SOCKET_CLOSED'));
    return false;
  }
  this._unrefTimer();
  if (several) writeSeveral(handle, this, data as readonly Piece[], done);
  else handle.write(this, bytesOf({ chunk: data as string | Buffer, encoding: encoding as BufferEncoding }), done);
  return undefined;
}
