/** One way: a request is done when it has left this side's buffers. What comes back, as from an echo server, is counted and dropped. */
import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import { Client, type ClientEvents } from './client.js';

/** `stream`. */
export class StreamClient extends Client {
  private readonly payload: Uint8Array;

  /** @param payload as `EchoClient`'s */
  constructor(socket: StreamSocket<AnyBytes>, events: ClientEvents, inFlight: number, payload: Uint8Array) {
    super(socket, events, inFlight);
    this.payload = payload;
  }

  begin(intended_ms: number, started_ms: number, bytes: number): void {
    const { payload } = this;
    this.bytesSent += bytes;
    if (this.socket.send(bytes === payload.length ? payload : payload.subarray(0, bytes))) {
      this.events.sent(this, intended_ms, started_ms);
    } else this.pending.add(intended_ms, started_ms);
  }

  protected received(): void {}

  protected override drained(): void {
    const now_ms = performance.now();
    for (let left = this.pending.count; left > 0; left--) {
      const intended_ms = this.pending.intendedAt(this.pending.head);
      this.pending.removeHead();
      this.events.sent(this, intended_ms, now_ms);
    }
  }
}
