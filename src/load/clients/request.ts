/** Each request says how long its answer is to be: sizes of both are drawn from their distributions. */
import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import type { RunPlan } from '../plan.js';
import { ANSWER_LENGTH, REQUEST_HEADER_BYTES, REQUEST_LENGTH } from '../request-format.js';
import { Sizes } from '../sizes.js';
import { Client, type ClientEvents } from './client.js';

/** Clients draw from sequences of their own. */
let made = 0;

/** `request`. */
export class RequestClient extends Client {
  private readonly payload: Uint8Array;
  private readonly answers: Sizes;
  /** Where in the stream of answers each pending request's ends. */
  private readonly ends: Float64Array;
  private endOfLast = 0;
  private got = 0;

  /** @param payload as `EchoClient`'s */
  constructor(
    socket: StreamSocket<AnyBytes>,
    events: ClientEvents,
    inFlight: number,
    payload: Uint8Array,
    { answers, seed }: RunPlan,
  ) {
    super(socket, events, inFlight);
    this.payload = payload;
    this.answers = new Sizes(answers, seed + ++made);
    this.ends = new Float64Array(inFlight);
  }

  begin(intended_ms: number, started_ms: number, bytes: number): void {
    const answerBytes = this.answers.next();
    this.endOfLast += answerBytes;
    this.ends[this.pending.add(intended_ms, started_ms)] = this.endOfLast;
    const message = new Uint8Array(REQUEST_HEADER_BYTES + bytes);
    const header = new DataView(message.buffer);
    header.setUint32(REQUEST_LENGTH, bytes, true);
    header.setUint32(ANSWER_LENGTH, answerBytes, true);
    message.set(this.payload.subarray(0, bytes), REQUEST_HEADER_BYTES);
    this.bytesSent += message.length;
    this.socket.send(message);
  }

  protected received(bytes: Uint8Array): void {
    this.got += bytes.length;
    if (this.got > this.endOfLast) return this.fail('EMSGSIZE');
    const now_ms = performance.now();
    while (this.pending.count > 0 && (this.ends[this.pending.head] as number) <= this.got) this.answer(now_ms);
  }
}
