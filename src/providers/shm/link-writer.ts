/** The sending half of a link: the records of our link ring, the peer's wake-ups, and what has to wait. */
import {
  LINK_CONNECTION_LIMIT,
  SEGMENT_HEADER_LINK_CONS_WORD,
  SEGMENT_HEADER_SLEEP_EPOCH_WORD,
} from '../../layout/layout.gen.js';
import type { Region } from '../../reactor/window.js';
import { RingProducer } from '../../ring/producer.js';
import { Waker } from '../../ring/sleep-epoch.js';
import { linkRing } from './segment.js';

/** How soon records that found the link ring full are tried again. */
const BACKLOG_RETRY_MS = 1;
/** How soon a wake-up that the system had no memory for is sent again. */
const WAKE_RETRY_MS = 1;
/** So many failures in a row, about half a second, and the peer is given up. */
const WAKE_FAILURES_MAX = 400;
/** Where short records are put together; a typed array of its own would cost more than the record. */
const scratch = new Int32Array(2);

/** The link, seen from its sending half. */
export interface WritingLink {
  readonly own: Region;
  readonly peer: Region;
  /** Nothing can be written any more. */
  readonly isSilenced: boolean;
  /** Sends a wake-up. @returns false: it can't be sent now, or never */
  wakePeer(): boolean;
  /** The peer wrote nonsense. @throws `error` if it says something else */
  distrust(error: unknown): void;
  /** The peer does not read its link ring. */
  unread(): void;
  /** The peer can't be woken. */
  unwakeable(): void;
}

/** Writes the link ring. */
export class LinkWriter {
  private readonly link: WritingLink;
  private readonly words: Int32Array;
  private readonly peerWords: Int32Array;
  private readonly out: RingProducer;
  private readonly waker: Waker;
  /** Positions of our link ring, unwrapped: 53 bits never alias. */
  private consumedTotal = 0;
  private consumedLow = 0;
  private readonly backlog: Int32Array[] = [];
  private readonly backlogTypes: number[] = [];
  private backlogTimer: NodeJS.Timeout | undefined;
  private wakeTimer: NodeJS.Timeout | undefined;
  /** In a row. */
  private wakeFailures = 0;

  constructor(link: WritingLink) {
    this.link = link;
    this.words = link.own.words;
    this.peerWords = link.peer.words;
    this.out = new RingProducer(linkRing(link.own, link.peer));
    this.waker = new Waker(this.peerWords, SEGMENT_HEADER_SLEEP_EPOCH_WORD);
  }

  /** How far the peer has consumed our link ring, unwrapped. */
  peerConsumed(): number {
    const low = Atomics.load(this.peerWords, SEGMENT_HEADER_LINK_CONS_WORD);
    const step = (low - this.consumedLow) | 0;
    if (step === 0) return this.consumedTotal;
    // What nonsense the peer may have written there, the producer finds when it needs room; here it costs only wake-ups.
    if (step > 0) {
      this.consumedLow = low;
      this.consumedTotal += step;
    }
    return this.consumedTotal;
  }

  /** Writes a record of one or two words. @returns the unwrapped position behind it */
  record(type: number, id: number, extra?: number): number {
    scratch[0] = id;
    if (extra !== undefined) scratch[1] = extra;
    return this.write(type, scratch, extra === undefined ? 1 : 2);
  }

  /** Writes a link record and wakes the peer if it sleeps. @returns the unwrapped position behind it */
  write(type: number, payload: Int32Array, words: number): number {
    if (this.link.isSilenced) return 0;
    if (this.backlog.length > 0 || !this.tryWrite(type, payload, words)) this.postpone(type, payload.slice(0, words));
    return this.consumedTotal + ((this.out.position - this.consumedLow) >>> 0);
  }

  /** Nothing is written any more. */
  stop(): void {
    clearTimeout(this.backlogTimer);
    clearTimeout(this.wakeTimer);
  }

  private tryWrite(type: number, payload: Int32Array, words: number): boolean {
    const bytes = words * 4;
    let at: number;
    try {
      at = this.out.claim(bytes, bytes);
    } catch (error) {
      this.link.distrust(error);
      return true;
    }
    if (at < 0) return false;
    for (let i = 0; i < words; i++) this.words[(at >>> 2) + i] = payload[i];
    this.out.commit(type, bytes);
    this.out.publish();
    this.wakeSleeper();
    return true;
  }

  /** After publishing something that the peer watches, also while it sleeps. */
  wakeSleeper(): void {
    if (this.waker.isDue()) this.wake();
  }

  /** A sleeper whose wake-up was lost would sleep on: what can't be sent now is sent later, or the link ends. */
  private wake(): void {
    if (this.link.isSilenced) return;
    if (this.link.wakePeer()) {
      this.wakeFailures = 0;
      return;
    }
    // Not at once: whoever writes is in the middle of something.
    if (this.wakeFailures++ === WAKE_FAILURES_MAX) process.nextTick(() => this.link.unwakeable());
    this.wakeTimer ??= setTimeout(() => {
      this.wakeTimer = undefined;
      this.wake();
    }, WAKE_RETRY_MS);
  }

  /** The link ring is full: the peer holds many consumed records uncommitted. They go out a little later, in order. */
  private postpone(type: number, payload: Int32Array): void {
    this.backlog.push(payload);
    this.backlogTypes.push(type);
    this.backlogTimer ??= setTimeout(() => this.retryBacklog(), BACKLOG_RETRY_MS);
    if (this.backlog.length > 4 * LINK_CONNECTION_LIMIT) this.link.unread();
  }

  private retryBacklog(): void {
    this.backlogTimer = undefined;
    let done = 0;
    while (!this.link.isSilenced && done < this.backlog.length) {
      const payload = this.backlog[done] as Int32Array;
      if (!this.tryWrite(this.backlogTypes[done] as number, payload, payload.length)) break;
      done++;
    }
    this.backlog.splice(0, done);
    this.backlogTypes.splice(0, done);
    if (this.backlog.length === 0 || this.link.isSilenced) return;
    this.backlogTimer = setTimeout(() => this.retryBacklog(), BACKLOG_RETRY_MS);
  }
}
