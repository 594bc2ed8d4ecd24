/**
 * The handle of a SAN connection under native code that reads and writes by itself, which is TLS: the platform's own stream for
 * JavaScript transports (`JSStream`, what `tls` puts below a Duplex), with our connection behind it.
 */
import type { Buffer } from 'node:buffer';
import { constants } from 'node:os';
import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import { systemError } from '../native/os.js';
import type { SwitchSocket } from '../socket/socket.js';
import { describe } from './info.js';
import type { Handle, HandleAddress, InnerSocket, Status } from './internals.js';
import { letGo } from './orphan.js';
import type { Platform } from './platform.js';
import { Wire, type WireEvents } from './wire.js';

/** The platform's stream for JavaScript transports. */
interface JsStream extends Handle {
  readBuffer(bytes: Uint8Array): void;
  emitEOF(): void;
  finishWrite(request: object, status: Status): void;
  finishShutdown(request: object, status: Status): void;
  isClosing: () => boolean;
  onreadstart: () => Status;
  onreadstop: () => Status;
  onwrite: (request: object, buffers: readonly Uint8Array[]) => Status;
  onshutdown: (request: object) => Status;
  getpeername: (out: HandleAddress) => Status;
  getsockname: (out: HandleAddress) => Status;
  setNoDelay: (isOn: boolean) => Status;
  setKeepAlive: (isOn: boolean, initialDelay: number) => Status;
  ref: () => void;
  unref: () => void;
  reset: (closed?: () => void) => Status;
}

let streamClass: (new () => JsStream) | null | undefined;

/** Its class, taken from a socket that `tls` makes over a Duplex; null: this Node.js has none there. */
function jsStream(): (new () => JsStream) | null {
  if (streamClass !== undefined) return streamClass;
  // Without authorities of its own the context costs nothing.
  const secureContext = createSecureContext({ ca: [] });
  const socket = new TLSSocket(new Duplex({ read() {}, write() {} }), { secureContext });
  const parent = (socket as unknown as InnerSocket)._handle?._parent as Partial<JsStream> | undefined;
  socket.on('error', () => {}).destroy();
  const isIt = typeof parent?.readBuffer === 'function' && typeof parent.finishWrite === 'function';
  streamClass = isIt ? (parent.constructor as new () => JsStream) : null;
  return streamClass;
}

/** Whether native code can be put over a SAN connection here. */
export function canStream(): boolean {
  return jsStream() !== null;
}

/** What a handle has behind it. */
class Behind implements WireEvents {
  readonly stream: SwitchSocket;
  /** The socket whose handle this is. */
  owner: InnerSocket | null = null;
  private readonly handle: JsStream;
  private readonly platform: Platform;
  private isEnded = false;
  private isEnding = false;
  private isReading = false;
  private readonly wire: Wire;
  private isClosed = false;
  /** The TLS socket that native code lies below. */
  upper: InnerSocket | null = null;

  constructor(stream: SwitchSocket, handle: JsStream, platform: Platform) {
    this.stream = stream;
    this.handle = handle;
    this.platform = platform;
    this.wire = new Wire(stream, this);
  }

  /** TLS stops reading once more when it is closed already; the connection, which reads on to its end, is no longer its. */
  read(isOn: boolean): Status {
    this.isReading = isOn;
    if (!this.isClosed) this.flow();
    return 0;
  }

  private flow(): void {
    if (this.isReading && !this.isEnding) this.stream.resume();
    else this.stream.pause();
  }

  received(bytes: Buffer): void {
    if (!this.isClosed) this.handle.readBuffer(bytes);
  }

  ended(): void {
    if (!this.isClosed) this.handle.emitEOF();
  }

  failed(status: Status): void {
    if (this.isClosed) return;
    const owner = this.handle[this.platform.owner] as InnerSocket | null | undefined;
    (this.upper ?? owner)?.destroy(systemError(status, 'read'));
  }

  write(request: object, buffers: readonly Uint8Array[]): Status {
    // TLS and HTTP/2 have their last words when the connection is gone already.
    if (this.isClosed || this.isEnded) return -constants.errno.EPIPE;
    let left = buffers.length;
    let failure: Status = 0;
    for (const buffer of buffers) {
      this.wire.send(buffer, (status) => {
        failure ||= status;
        left -= 1;
        // Native code does not expect its answer before the call has returned.
        if (left === 0) setImmediate(() => this.written(request, failure));
      });
    }
    return 0;
  }

  shutdown(request: object): Status {
    this.isEnded = true;
    this.stream.end();
    // Told before what the peer answers, as with a plain socket.
    this.isEnding = true;
    this.flow();
    setImmediate(() => {
      this.isEnding = false;
      if (!this.isClosed) this.handle.finishShutdown(request, 0);
      if (!this.isClosed) this.flow();
    });
    return 0;
  }

  close(closed: (() => void) | undefined, isReset: boolean): void {
    if (!this.isClosed) {
      if (isReset) this.stream.abort();
      else letGo(this.stream, false);
    }
    this.isClosed = true;
    if (closed !== undefined) setImmediate(closed);
  }

  private written(request: object, status: Status): void {
    if (!this.isClosed) this.handle.finishWrite(request, status);
  }
}

/** What the handles that were made here have behind them. */
const behinds = new WeakMap<Handle, Behind>();

/** Makes one. The class must be there (`canStream`). */
export function streamHandle(stream: SwitchSocket, platform: Platform): Handle {
  const JsStream = jsStream() as new () => JsStream;
  const handle = new JsStream();
  const behind = new Behind(stream, handle, platform);
  behinds.set(handle, behind);
  const ends = (address: string, port: number) => (out: HandleAddress) => {
    Object.assign(out, { address, family: stream.family, port });
    return 0;
  };
  const ok = (): Status => 0;
  Object.assign(handle, {
    isClosing: () => false,
    onreadstart: () => behind.read(true),
    onreadstop: () => behind.read(false),
    onwrite: (request: object, buffers: readonly Uint8Array[]) => behind.write(request, buffers),
    onshutdown: (request: object) => behind.shutdown(request),
    getpeername: ends(stream.remoteAddress, stream.remotePort),
    getsockname: ends(stream.localAddress, stream.localPort),
    setNoDelay: ok,
    setKeepAlive: ok,
    ref: () => stream.ref(),
    unref: () => stream.unref(),
    close: (closed?: () => void) => behind.close(closed, false),
    reset: (closed?: () => void) => {
      behind.close(closed, true);
      return 0;
    },
  });
  Object.defineProperty(handle, platform.owner, owned);
  return handle;
}

/** The platform's symbol for the socket of a handle, on those that were made here. The same functions for all, for their speed. */
const owned: PropertyDescriptor = {
  get(this: Handle) {
    return behinds.get(this)?.owner ?? null;
  },
  set(this: Handle, socket: InnerSocket | null) {
    const behind = behinds.get(this) as Behind;
    behind.owner = socket;
    if (socket !== null) describe(socket, behind.stream);
  },
};

/** A TLS handle, as far as it has to be told what a socket listens for. */
interface TlsHandle extends Handle {
  enableSessionCallbacks?: () => void;
  enableKeylogCallback?: () => void;
}

/** Asks a TLS socket's new handle for the events that only its former one has been asked for. */
export function askAgain(socket: InnerSocket): void {
  const handle = socket._handle as TlsHandle;
  if (socket.listenerCount('session') > 0) handle.enableSessionCallbacks?.();
  if (socket.listenerCount('keylog') > 0) handle.enableKeylogCallback?.();
}

/** Has a TLS socket hear of a reset below it: native code that reads from JavaScript knows of ends only. Of other handles nothing. */
export function layBelow(handle: Handle, socket: InnerSocket): void {
  const behind = behinds.get(handle);
  if (behind !== undefined) behind.upper = socket;
}
