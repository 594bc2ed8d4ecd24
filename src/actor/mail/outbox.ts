/**
 * The writing half of a mail link: records go into the ring, and the reader is told.
 *
 * Publishing. The first record of a turn is published at once, later ones with the turn's end or by BATCH_BYTES: a lone
 * message never waits, a burst is published a few times.
 *
 * No wake-up is lost. After every publish the reader's sleep epoch is looked at (src/ring/sleep-epoch.ts). A full ring is
 * the same thing the other way round, without a word of its own. What finds no room waits in `queue`, everything before it
 * is published, padding included, and from then on we watch the reader's position CONS for a value other than `seen`, which
 * was loaded before the claim that failed. That claim found at least half of the ring in use; so the reader, which commits
 * every quarter, what it has skipped included, will store another CONS. If it has done so before our publish, we find CONS
 * changed with the next look. If it does so afterwards, it loads PROD after its store of CONS, finds at least half of the
 * ring in use, and looks at our sleep epoch; while we, before we sleep, store the epoch, then look at CONS once more. All of
 * these are sequentially consistent, so one of the two sees the other. The model `mail` goes through every interleaving.
 */
import { RingCorruptError } from '../../errors.js';
import { MAIL_HEADER_BYTES } from '../../layout/layout.gen.js';
import { copyBytes } from '../../native/bytes.js';
import type { Reactor, Watch } from '../../reactor/reactor.js';
import { atTurnEnd, type TurnEnd, turn } from '../../reactor/turn.js';
import { RingProducer } from '../../ring/producer.js';
import { Waker } from '../../ring/sleep-epoch.js';
import type { MailPlace } from './memory.js';
import { Views } from './views.js';

/** Bytes of records after which a burst is published. */
const BATCH_BYTES = 4_096;
/** How soon a wake-up that the system had no memory for is sent again, and how often in a row. */
const WAKE_RETRY_MS = 1;
const WAKE_FAILURES_MAX = 400;
/** Records that were sent, from which on the queue is looked after. */
const FORGET_RECORDS = 256;
/** Bytes of records that fit on this side when the ring is full. */
const QUEUE_BYTES = 4 << 20;

/** The link, seen from its writing half. */
export interface OutboxOwner {
  readonly reactor: Reactor;
  readonly windowId: number;
  /** @returns false: the reader can't be woken now, or never */
  wakePeer(): boolean;
  /** The reader wrote nonsense, or can't be woken. */
  fail(error: unknown): void;
}

interface QueuedRecord {
  readonly type: number;
  readonly bytes: Uint8Array;
}

/** Claims room, takes records, sees to it that they arrive. */
export class Outbox implements TurnEnd {
  /** The memory of the last claim: the ring, or our own where that is full. */
  views: Views;
  /** Records that wait for room. */
  private queue: QueuedRecord[] = [];
  /** The first of them. */
  private head = 0;
  private queuedBytes = 0;

  private readonly owner: OutboxOwner;
  private readonly ring: RingProducer;
  private readonly ringViews: Views;
  private readonly aside: Views;
  private readonly waker: Waker;
  private readonly words: Int32Array;
  private readonly consWord: number;
  /** Of CONS, while anything waits for room. */
  private watch: Watch | null = null;
  /** The last claim, in bytes of payload and where it starts; -1: it is not in the ring. */
  private claimed = 0;
  private claimedAt = -1;
  private publishedPosition: number;
  private publishedTurn = -1;
  private isTurnEndDue = false;
  private wakeTimer: NodeJS.Timeout | undefined;
  private wakeFailures = 0;
  private isClosed = false;

  /** @throws RingCorruptError */
  constructor(owner: OutboxOwner, place: MailPlace, views: Views) {
    this.owner = owner;
    this.ring = new RingProducer(place.out);
    this.ringViews = views;
    this.views = views;
    this.aside = new Views(new ArrayBuffer(Math.ceil((this.bodyLimit + MAIL_HEADER_BYTES) / 8) * 8));
    this.waker = new Waker(place.words, place.peerEpochWord);
    this.words = place.out.consWords;
    this.consWord = place.out.consIndex;
    this.publishedPosition = this.ring.position;
  }

  /** Bytes of the largest body. */
  get bodyLimit(): number {
    return this.ring.payloadLimit - MAIL_HEADER_BYTES;
  }

  /** Records that wait on this side. */
  get waiting(): number {
    return this.queue.length - this.head;
  }

  /** Whether there is no more room on this side either. */
  get isFull(): boolean {
    return this.queuedBytes >= QUEUE_BYTES;
  }

  /**
   * Claims room for a record with a body of exactly `bytes`, at most `bodyLimit`; the header comes before it. A claim that no
   * `commit` follows is dropped. @returns the byte offset of the body in `views`, a multiple of 8
   */
  claim(bytes: number): number {
    const payload = MAIL_HEADER_BYTES + bytes;
    this.claimed = payload;
    this.claimedAt = this.waiting > 0 ? -1 : this.claimInRing(payload);
    if (this.claimedAt < 0) {
      this.views = this.aside;
      return MAIL_HEADER_BYTES;
    }
    this.views = this.ringViews;
    return this.claimedAt + MAIL_HEADER_BYTES;
  }

  /** Index, as of an Int32Array over `views`, of the claimed record's header. */
  get headerWord(): number {
    return this.claimedAt < 0 ? 0 : this.claimedAt >>> 2;
  }

  /** Sends the claimed record. @returns false: it waits for room on this side */
  commit(type: number): boolean {
    if (this.claimedAt < 0 || this.isClosed) {
      this.enqueue(type);
      return false;
    }
    this.ring.commit(type, this.claimed);
    if (turn.now !== this.publishedTurn) {
      this.publishedTurn = turn.now;
      this.publish();
    } else if (((this.ring.position - this.publishedPosition) | 0) >= BATCH_BYTES) this.publish();
    else if (!this.isTurnEndDue) {
      this.isTurnEndDue = true;
      atTurnEnd(this);
    }
    return true;
  }

  /** With the turn's end: nothing is held back any longer. */
  endTurn(): void {
    this.isTurnEndDue = false;
    if (!this.isClosed) this.publish();
  }

  /** With every poll of the reactor: sends what waits, if there may be room. @returns how many records */
  poll(): number {
    if (this.watch === null || this.words[this.consWord] === this.owner.reactor.control[this.watch.seenIndex]) return 0;
    return this.pump();
  }

  /** Wakes the reader if it sleeps: after a publish, and after each commit of the ring that we read. */
  wakeSleeper(): void {
    if (this.waker.isDue()) this.wake();
  }

  /** Publishes what is not, and sends nothing more. What waits for room is lost. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.wakeTimer);
    this.unwatch();
    this.ring.publish();
    this.wakeSleeper();
  }

  private claimInRing(payload: number): number {
    try {
      return this.ring.claim(payload, payload);
    } catch (error) {
      if (!(error instanceof RingCorruptError)) throw error;
      this.owner.fail(error);
      return -1;
    }
  }

  private publish(): void {
    this.publishedPosition = this.ring.position;
    this.ring.publish();
    if (this.waker.isDue()) this.wake();
  }

  private enqueue(type: number): void {
    if (this.isClosed) return;
    const bytes = this.aside.u8.slice(0, this.claimed);
    this.queue.push({ type, bytes });
    this.queuedBytes += this.claimed;
    if (this.watch === null) this.pump();
  }

  /** Sends what waits, as far as there is room, and watches for more. See the top of this file. */
  private pump(): number {
    const seen = Atomics.load(this.words, this.consWord);
    const sent = this.sendQueued();
    if (this.isClosed) return sent;
    this.publish();
    if (this.waiting === 0) this.unwatch();
    else if (this.watch !== null) this.owner.reactor.setSeen(this.watch, seen);
    else this.watch = this.owner.reactor.addWatch(this.owner.windowId, this.consWord, seen);
    return sent;
  }

  private sendQueued(): number {
    let sent = 0;
    while (this.waiting > 0) {
      const { type, bytes } = this.queue[this.head] as QueuedRecord;
      const at = this.claimInRing(bytes.length);
      if (at < 0) {
        this.forgetSent();
        return sent;
      }
      copyBytes(this.ringViews.u8, at, bytes, 0, bytes.length);
      this.ring.commit(type, bytes.length);
      this.queuedBytes -= bytes.length;
      this.head++;
      sent++;
    }
    this.queue = [];
    this.head = 0;
    return sent;
  }

  /** A queue that is never empty must not keep what was sent long ago. */
  private forgetSent(): void {
    if (this.head < FORGET_RECORDS || this.head < this.waiting) return;
    this.queue = this.queue.slice(this.head);
    this.head = 0;
  }

  private unwatch(): void {
    if (this.watch !== null) this.owner.reactor.removeWatch(this.watch);
    this.watch = null;
  }

  private wake(): void {
    if (this.owner.wakePeer()) {
      this.wakeFailures = 0;
      return;
    }
    if (++this.wakeFailures > WAKE_FAILURES_MAX) {
      this.owner.fail(new Error('a thread can not be woken'));
      return;
    }
    clearTimeout(this.wakeTimer);
    this.wakeTimer = setTimeout(() => {
      if (!this.isClosed) this.wake();
    }, WAKE_RETRY_MS).unref();
  }
}
