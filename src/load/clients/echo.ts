/** What is sent comes back, byte for byte: any echo server will do. Answers are told apart by their lengths. */
import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import { Client, type ClientEvents } from './client.js';

/** `echo`. */
export class EchoClient extends Client {
  private readonly payload: Uint8Array;
  /** Where in the stream of answers each pending request's ends. */
  private readonly ends: Float64Array;
  private endOfLast = 0;
  private got = 0;

  /** @param payload as long as the greatest request; shared by clients, never changed */
  constructor(socket: StreamSocket<AnyBytes>, events: ClientEvents, inFlight: number, payload: Uint8Array) {
    super(socket, events, inFlight);
    this.payload = payload;
    this.ends = new Float64Array(inFlight);
  }

  begin(intended_ms: number, started_ms: number, bytes: number): void {
    const { payload } = this;
    this.endOfLast += bytes;
    this.ends[this.pending.add(intended_ms, started_ms)] = this.endOfLast;
    this.bytesSent += bytes;
    this.socket.send(bytes === payload.length ? payload : payload.subarray(0, bytes));
  }

  protected received(bytes: Uint8Array): void {
    this.got += bytes.length;
    if (this.got > this.endOfLast) return this.fail('EMSGSIZE');
    const now_ms = performance.now();
    while (this.pending.count > 0 && (this.ends[this.pending.head] as number) <= this.got) this.answer(now_ms);
  }
}
