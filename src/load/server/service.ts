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
  /** @returns false: no more before it has drained */
  send(bytes: Uint8Array): boolean;
}

/** Reads requests from the pieces that a stream comes in, and answers them. One for each connection. */
export class RequestReader {
  private readonly header = new Uint8Array(REQUEST_HEADER_BYTES);
  private headerBytes = 0;
  /** Of the present request's body, still to come. */
  private left = 0;
  private answerBytes = 0;
  /** Bytes of answers that are due. No more than a number, however much a client asks for: they are made as it takes them. */
  private owed = 0;

  /** @returns false: what comes is no request; the connection is to be ended */
  push(bytes: Uint8Array): boolean {
    for (let at = 0; at < bytes.length; ) {
      if (this.left > 0) {
        const taken = Math.min(this.left, bytes.length - at);
        this.left -= taken;
        at += taken;
        if (this.left === 0) this.owed += this.answerBytes;
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

  /** Answers as far as the client takes it. @returns false: the rest is due when the sink has drained, and nothing is read before */
  flush(sink: Sink): boolean {
    while (this.owed > 0) {
      const length = Math.min(this.owed, ANSWER.length);
      this.owed -= length;
      if (!sink.send(length === ANSWER.length ? ANSWER : ANSWER.subarray(0, length))) return false;
    }
    return true;
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
      // Who does not read is not read from either.
      if (service === 'echo' && !socket.send(bytes)) socket.pause();
      if (reader === null) return;
      if (!reader.push(bytes)) socket.abort();
      else if (!reader.flush(socket)) socket.pause();
    },
    drained(socket) {
      if (reader === null || reader.flush(socket)) socket.resume();
    },
  };
});
