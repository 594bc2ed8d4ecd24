/**
 * What a connection has given to its send queue and not heard the end of, in order. Completions are selective: one stands
 * for everything before it, which then went well.
 */
import { VERBS_COOKIE_MAX } from '../../layout/layout.gen.js';
import type { Overlapped, WsaBuffer } from '../../spi/types.js';

/** One operation on the send queue. A class, see LITERALS in `switch/session/session-core.ts`. */
export class Work {
  readonly op: number;
  /** Null: the switch asked for none, or has been told already. */
  overlapped: Overlapped | null;
  /** Bytes that it moves. */
  readonly bytes: number;
  /** The arena's slot that it sends; -1: other memory, or none (yet). */
  slot: number;
  /** What is to be copied into a slot when there is one; null: nothing. */
  source: readonly WsaBuffer[] | null = null;
  /** What else its end means. */
  readonly ended: ((status: number) => void) | null;
  /** Local memory: the region (0: the arena), and where in it. */
  region = 0;
  offset = 0;
  remoteKey = 0;
  remoteLow = 0;
  remoteHigh = 0;
  cookie = 0;
  /** Its owner has heard of its end already. */
  isTold = false;
  next: Work | null = null;

  constructor(
    op: number,
    overlapped: Overlapped | null,
    bytes: number,
    slot = -1,
    ended: ((status: number) => void) | null = null,
  ) {
    this.op = op;
    this.overlapped = overlapped;
    this.bytes = bytes;
    this.slot = slot;
    this.ended = ended;
  }
}

/** First in, first out. */
export class WorkQueue {
  /** Operations under way. */
  length = 0;
  private first: Work | null = null;
  private last: Work | null = null;
  /** Of the operation that is entered next. */
  nextCookie = 0;

  /** Oldest first. */
  *[Symbol.iterator](): Generator<Work> {
    for (let work = this.first; work !== null; work = work.next) yield work;
  }

  /** Enters an operation. @returns the cookie for its completion */
  push(work: Work): number {
    work.cookie = this.nextCookie;
    this.nextCookie = (this.nextCookie + 1) & VERBS_COOKIE_MAX;
    if (this.last === null) this.first = work;
    else this.last.next = work;
    this.last = work;
    this.length += 1;
    return work.cookie;
  }

  /** Is the operation with this cookie under way? */
  has(cookie: number): boolean {
    return this.first !== null && ((cookie - this.first.cookie) & VERBS_COOKIE_MAX) < this.length;
  }

  /** Takes the oldest out. */
  shift(): Work | null {
    const { first } = this;
    if (first === null) return null;
    this.first = first.next;
    if (this.first === null) this.last = null;
    first.next = null;
    this.length -= 1;
    return first;
  }
}
