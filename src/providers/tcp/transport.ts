/**
 * The TCP/IP provider's connection: the platform's own socket (`node:net`) behind the switch, nothing re-implemented.
 */
import type { Socket } from 'node:net';
import { HandOverError, UrgentUnsupportedError } from '../../errors.js';
import { copyOut } from '../../native/bytes.js';
import { loadNative } from '../../native/load.js';
import { duplicateDescriptor } from '../../native/os.js';
import { pendingError, setResetOnClose } from '../../native/tcp.js';
import {
  type MovedTransport,
  NOBODY,
  type SentCallback,
  type Transport,
  type TransportEvents,
} from '../../switch/transport.js';
import { descriptorOf } from './descriptor.js';
import { Leaving } from './leaving.js';

const NOTHING = new Uint8Array(0);

/** What a connection is opened with by its new owner (rule 8.1). */
export interface TcpContext {
  /** Belongs to whoever has the context. */
  readonly fd: number;
  /** This side has ended. */
  readonly ended: boolean;
  /** `drained` is owed. */
  readonly stopped: boolean;
  /** As `Underneath.descriptor` says. */
  readonly resetsOnClose: boolean;
  /** The descriptor is one that the thread which opens the connection closes when it ends, up to that moment. */
  readonly isOwned?: boolean;
}

/** What a transport needs to know of the TCP socket that carries its connection, where it is not all in the socket it is given. */
export interface Underneath {
  /** The TCP socket itself: what TLS wraps, or the same. */
  readonly socket: Socket;
  /** Its descriptor, on which closing means a reset until the application's end of the stream is on its way. */
  readonly descriptor: number;
}

/** A `Transport` over a connected `net.Socket`, which it owns from now on and which must have `allowHalfOpen`. */
export class TcpTransport implements Transport {
  readonly provider = 'tcp';
  readonly urgentBytesMax = 0;

  private readonly socket: Socket;
  private readonly underneath: Underneath | null;
  private events: TransportEvents;
  private readonly highWaterMarkBytes: number;
  /** The platform says `drain` only above its own mark; below it the last write's callback has to. */
  private readonly belowPlatformMark: boolean;
  /** `send` has returned false and `drained` has not followed yet. */
  private stopped = false;
  private error: Error | null = null;
  private reserved: Uint8Array | null = null;
  bytesCopiedSent = 0;
  /** What the platform does is not seen here. */
  readonly bytesCopiedReceived = 0;
  readonly largeSendsCopied = 0;
  stalls = 0;
  /** Made when a change of owner begins, and gone when it is over. */
  private leaving: Leaving | null = null;

  /** Delivery starts with the first `resume`. @param stopped `drained` is owed, by another owner of the connection */
  constructor(
    socket: Socket,
    events: TransportEvents,
    highWaterMarkBytes: number,
    underneath: Underneath | null = null,
    stopped = false,
  ) {
    this.socket = socket;
    this.underneath = underneath;
    this.events = events;
    this.highWaterMarkBytes = highWaterMarkBytes;
    this.stopped = stopped;
    this.belowPlatformMark = stopped || highWaterMarkBytes < socket.writableHighWaterMark;
    socket.pause();
    socket.on('data', (bytes: Buffer) => this.events.received(bytes));
    socket.on('end', () => this.ended());
    socket.on('drain', () => this.drained());
    socket.on('error', (error) => {
      this.error ??= error;
    });
    socket.on('close', () => {
      this.leaving?.fail(this.error);
      this.leaving = null;
      this.events.closed(this.error);
    });
    if (stopped) this.write(NOTHING, undefined);
  }

  get queuedBytes(): number {
    return this.socket.writableLength + (this.leaving?.bytes ?? 0);
  }

  /** The system's buffers are not looked at. */
  ring(): null {
    return null;
  }

  send(given: Uint8Array, sent?: SentCallback, isLent = false): boolean {
    // The platform does not tell beforehand what it will have to keep.
    const bytes = isLent ? copyOut(given, 0, given.length) : given;
    if (isLent) this.bytesCopiedSent += given.length;
    if (this.leaving !== null) this.leaving.hold(bytes, sent);
    else this.write(bytes, sent);
    if (this.queuedBytes < this.highWaterMarkBytes) return true;
    if (!this.stopped) this.stalls += 1;
    this.stopped = true;
    return false;
  }

  private write(bytes: Uint8Array, sent: SentCallback | undefined): void {
    const { socket } = this;
    if (this.belowPlatformMark) socket.write(bytes, this.countingDown(sent));
    else socket.write(bytes, sent as ((error?: Error | null) => void) | undefined);
  }

  allocate(bytes: number): Uint8Array {
    return new Uint8Array(bytes);
  }

  reserve(bytes: number): Uint8Array | null {
    this.reserved = this.stopped ? null : Buffer.allocUnsafeSlow(bytes);
    return this.reserved;
  }

  commit(bytes: number): boolean | undefined {
    const { reserved } = this;
    this.reserved = null;
    if (reserved === null || bytes > reserved.length) return undefined;
    return bytes === 0 || this.send(reserved.subarray(0, bytes));
  }

  /** The platform gives nothing back that was written to it. */
  cancel(_sent: SentCallback): boolean {
    return false;
  }

  /** Rule 5.9. */
  urgent(_bytes: Uint8Array): void {
    throw new UrgentUnsupportedError('Node offers no urgent data on a TCP/IP connection');
  }

  end(): void {
    const { underneath } = this;
    if (this.leaving !== null) {
      this.leaving.ended = true;
      return;
    }
    if (underneath !== null) this.socket.once('finish', () => endsInOrder(underneath));
    this.socket.end();
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  abort(error: Error | null): void {
    if (this.socket.destroyed) return;
    this.error ??= error;
    const socket = this.underneath?.socket ?? this.socket;
    const descriptor = descriptorOf(socket);
    if (descriptor < 0 || loadNative().addon === null) {
      socket.resetAndDestroy();
      return;
    }
    // libuv does not reset a connection whose end waits behind what is queued; closing one that is set so does.
    setResetOnClose(descriptor, true);
    socket.destroy();
  }

  suspend(timeoutMs: number, done: (error: Error | null) => void): void {
    const { socket } = this;
    const reason = this.immovable;
    if (reason !== null) {
      process.nextTick(done, new HandOverError(`the connection can't move: ${reason}`));
      return;
    }
    const leaving = new Leaving(timeoutMs, done, () => this.keep());
    this.leaving = leaving;
    const flushed = (error?: Error | null): void => {
      if (this.leaving === leaving && !error) leaving.settle(null);
    };
    if (!socket.writableEnded) socket.write(NOTHING, flushed);
    else if (socket.writableFinished) process.nextTick(flushed);
    else socket.once('finish', flushed);
  }

  private get immovable(): string | null {
    const { socket, underneath } = this;
    if (this.leaving !== null) return 'it moves already';
    if (socket.destroyed) return 'it has ended';
    if ('encrypted' in socket || (underneath !== null && underneath.socket !== socket)) {
      return 'the state of TLS can not leave its thread';
    }
    return descriptorOf(socket) < 0 ? 'its socket has no descriptor' : null;
  }

  keep(): void {
    const { leaving } = this;
    if (leaving === null) return;
    this.leaving = null;
    leaving.release((bytes, sent) => this.write(bytes, sent));
    if (leaving.ended) this.end();
  }

  handOver(): MovedTransport {
    const { socket, leaving, stopped } = this;
    if (leaving === null || !leaving.isQuiet || socket.destroyed) {
      throw new HandOverError("the connection can't move: it has ended meanwhile");
    }
    const ended = socket.writableEnded;
    const fd = duplicateDescriptor(descriptorOf(socket));
    // What the platform has read ahead; each read is told as `data`.
    socket.pause();
    while (socket.read() !== null);
    this.leaving = null;
    this.events = NOBODY;
    // Closing is no end of the connection, which lives on with the other descriptor.
    socket.destroy();
    const context: TcpContext = { fd, ended, stopped, resetsOnClose: this.underneath !== null && !ended };
    return { context, state: null, unsent: leaving.take(), unsentUrgent: [] };
  }

  ref(): void {
    this.socket.ref();
  }

  unref(): void {
    this.socket.unref();
  }

  private countingDown(sent: SentCallback | undefined): (error?: Error | null) => void {
    return (error) => {
      sent?.(error ?? null);
      if (!error && this.socket.writableLength === 0) this.drained();
    };
  }

  private ended(): void {
    const error = untoldError(this.socket);
    if (error === null) {
      this.events.ended();
      return;
    }
    this.error ??= error;
    this.socket.destroy();
  }

  private drained(): void {
    if (!this.stopped || this.socket.destroyed) return;
    this.stopped = false;
    this.events.drained();
  }
}

/** All that was queued, and the end behind it, is the system's now: whatever comes, the peer gets it. */
function endsInOrder({ socket, descriptor }: Underneath): void {
  if (!socket.destroyed) setResetOnClose(descriptor, false);
}

/**
 * libuv takes a reset for an end if some last bytes have come in the same moment: the system still has the error then. (An end
 * that TLS has told is one, whatever follows.)
 */
function untoldError(socket: Socket): Error | null {
  const descriptor = descriptorOf(socket);
  if (descriptor < 0 || 'encrypted' in socket || loadNative().addon === null) return null;
  return pendingError(descriptor);
}
