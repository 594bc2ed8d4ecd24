/** The actor behind each connection of `sanswitch echo`. Its module, which the workers load. */
import { defineActor } from '../../actor/define.js';
import { ANSWER_LENGTH, REQUEST_BYTES_MAX, REQUEST_HEADER_BYTES, REQUEST_LENGTH } from '../request-format.js';

/** What a server does with what it is sent. `sink`: nothing. */
export const SERVICES = ['echo', 'sink', 'request'] as const;
/** One of them. */
export type Service = (typeof SERVICES)[number];

/** Answers are cut from this, in pieces of its length. */
const ANSWER = new Uint8Array(65_536).fill(46);

/** Whoever is answered: an actor's socket, or one of the platform's. */
export interface Sink {
  send(bytes: Uint8Array): unknown;
}

/** Reads requests from the pieces that a stream comes in. One for each connection. */
export class RequestReader {
  private readonly header = new Uint8Array(REQUEST_HEADER_BYTES);
  private headerBytes = 0;
  /** Of the present request's body, still to come. */
  private left = 0;
  private answerBytes = 0;

  /** @returns false: what comes is no request; the connection is to be ended */
  push(bytes: Uint8Array, sink: Sink): boolean {
    for (let at = 0; at < bytes.length; ) {
      if (this.left > 0) {
        const taken = Math.min(this.left, bytes.length - at);
        this.left -= taken;
        at += taken;
        if (this.left === 0) this.answer(sink);
        continue;
      }
      this.header[this.headerBytes++] = bytes[at++] as number;
      if (this.headerBytes < REQUEST_HEADER_BYTES) continue;
      this.headerBytes = 0;
      const header = new DataView(this.header.buffer);
      this.left = header.getUint32(REQUEST_LENGTH, true);
      this.answerBytes = header.getUint32(ANSWER_LENGTH, true);
      if (this.left === 0 || this.left > REQUEST_BYTES_MAX || this.answerBytes > REQUEST_BYTES_MAX) return false;
    }
    return true;
  }

  private answer(sink: Sink): void {
    for (let left = this.answerBytes; left > 0; left -= ANSWER.length) {
      sink.send(left < ANSWER.length ? ANSWER.subarray(0, left) : ANSWER);
    }
  }
}

/** What it is made of. */
export interface ServiceArgs {
  readonly service: Service;
}

export default defineActor<never, ServiceArgs>(({ service }) => {
  const reader = service === 'request' ? new RequestReader() : null;
  return {
    received(socket, bytes) {
      if (reader !== null && !reader.push(bytes, socket)) return socket.abort();
      if (service === 'echo') socket.send(bytes);
      // Who does not read is not read from either.
      if (socket.queuedBytes >= socket.highWaterMarkBytes) socket.pause();
    },
    drained: (socket) => socket.resume(),
  };
});
