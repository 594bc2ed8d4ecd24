/**
 * The TCP/IP provider's connection: the platform's own socket (`node:net`) behind the switch, nothing re-implemented.
 */
import type { Socket } from 'node:net';
import { UrgentUnsupportedError } from '../../errors.js';
import type { SentCallback, Transport, TransportEvents } from '../../switch/transport.js';

/** A `Transport` over a connected `net.Socket`, which it owns from now on and which must have `allowHalfOpen`. */
export class TcpTransport implements Transport {
  readonly provider = 'tcp';
  readonly urgentBytesMax = 0;

  private readonly socket: Socket;
  private readonly events: TransportEvents;
  private readonly highWaterMarkBytes: number;
  /** The platform says `drain` only above its own mark; below it the last write's callback has to. */
  private readonly belowPlatformMark: boolean;
  /** `send` has returned false and `drained` has not followed yet. */
  private stopped = false;
  private error: Error | null = null;

  /** Delivery starts with the first `resume`. */
  constructor(socket: Socket, events: TransportEvents, highWaterMarkBytes: number) {
    this.socket = socket;
    this.events = events;
    this.highWaterMarkBytes = highWaterMarkBytes;
    this.belowPlatformMark = highWaterMarkBytes < socket.writableHighWaterMark;
    socket.pause();
    socket.on('data', (bytes: Buffer) => events.received(bytes));
    socket.on('end', () => events.ended());
    socket.on('drain', () => this.drained());
    socket.on('error', (error) => {
      this.error ??= error;
    });
    socket.on('close', () => events.closed(this.error));
  }

  get queuedBytes(): number {
    return this.socket.writableLength;
  }

  send(bytes: Uint8Array, sent?: SentCallback): boolean {
    const socket = this.socket;
    if (this.belowPlatformMark) socket.write(bytes, this.countingDown(sent));
    else socket.write(bytes, sent as ((error?: Error | null) => void) | undefined);
    if (socket.writableLength < this.highWaterMarkBytes) return true;
    this.stopped = true;
    return false;
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
    this.socket.resetAndDestroy();
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

  private drained(): void {
    if (!this.stopped || this.socket.destroyed) return;
    this.stopped = false;
    this.events.drained();
  }
}
