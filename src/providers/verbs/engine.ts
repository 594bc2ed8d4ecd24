/**
 * The RDMA engine of one provider, as TypeScript sees it: what has come, record by record, and what is to be posted, batch by
 * batch. Everything that happens comes through the engine's ring, which this thread's reactor watches.
 */
import { performance } from 'node:perf_hooks';
import {
  RECORD_VERBS_ASYNC,
  RECORD_VERBS_CM,
  RECORD_VERBS_COMPLETION,
  RING_WORDS_CONS_WORD,
  RING_WORDS_PROD_WORD,
  VERBS_ARENA_OFFSET,
  VERBS_ASYNC_CONNECTION_WORD,
  VERBS_ASYNC_DEVICE_WORD,
  VERBS_ASYNC_EVENT_WORD,
  VERBS_ASYNC_QUEUE_PAIR_ACCESS,
  VERBS_ASYNC_QUEUE_PAIR_FATAL,
  VERBS_ASYNC_QUEUE_PAIR_REQUEST,
  VERBS_COMPLETION_CONNECTION_WORD,
  VERBS_COMPLETION_COOKIE_WORD,
  VERBS_COMPLETION_LENGTH_WORD,
  VERBS_COMPLETION_OP_WORD,
  VERBS_COMPLETION_STATUS_WORD,
  VERBS_COMPLETION_VENDOR_ERROR_WORD,
  VERBS_FLAG_SIGNALLED,
  VERBS_OP_RECEIVE,
  VERBS_RING_BYTES,
  VERBS_RING_OFFSET,
  VERBS_SEGMENT_BYTES,
  VERBS_SLOT_BYTES,
  VERBS_SLOT_COUNT,
  VERBS_STATUS_SLOT_BACK,
  VERBS_SUBMISSION_BYTES,
  VERBS_SUBMISSION_CONNECTION_WORD,
  VERBS_SUBMISSION_COOKIE_WORD,
  VERBS_SUBMISSION_FLAGS_WORD,
  VERBS_SUBMISSION_LENGTH_WORD,
  VERBS_SUBMISSION_OFFSET_WORD,
  VERBS_SUBMISSION_OP_WORD,
  VERBS_SUBMISSION_REGION_WORD,
  VERBS_SUBMISSION_REMOTE_HIGH_WORD,
  VERBS_SUBMISSION_REMOTE_KEY_WORD,
  VERBS_SUBMISSION_REMOTE_LOW_WORD,
  VERBS_SUBMISSIONS_LIMIT,
  VERBS_SUBMISSIONS_OFFSET,
} from '../../layout/layout.gen.js';
import { requireNative } from '../../native/load.js';
import type { NativeVerbsEngine, VerbsEngineOptions } from '../../native/verbs.js';
import { type Pollable, Reactor, type Watch } from '../../reactor/reactor.js';
import { atTurnEnd, type TurnEnd } from '../../reactor/turn.js';
import { type Region, threadWindows } from '../../reactor/window.js';
import { RingConsumer } from '../../ring/consumer.js';
import { SlotArena } from './arena.js';
import { type CmEvent, readCmEvent } from './cm-event.js';

/** One completion. The engine's own, used again for the next. */
export interface Completion {
  readonly connection: number;
  readonly op: number;
  readonly status: number;
  readonly bytes: number;
  readonly cookie: number;
  readonly vendorError: number;
}

/** Whom a connection's records go to. */
export interface Tenant {
  completed(completion: Completion): void;
  happened(event: CmEvent): void;
  /** VERBS_ASYNC_QUEUE_PAIR_*: its queue pair is of no use any more. */
  failed(event: number): void;
}

/** Whom everything else goes to. */
export interface EngineOwner {
  /** An event of a listener, or of a connection that nobody has. */
  happened(event: CmEvent): void;
  /** A slot comes back from a connection that is not here any more. */
  slotBack(slot: number): void;
  /** What has come is dealt with, and what it led to will be posted. */
  batchEnded(): void;
  /** VERBS_ASYNC_* about a device. */
  deviceEvent(event: number, device: number): void;
}

/** Who enters submissions of which one completion stands for several. */
export interface Poster {
  /** The engine's note: the place of the last one that is not posted yet and wants a completion; -1: none. */
  lastPlace: number;
  /** The engine's note: it is to be told when what it has entered is posted. */
  awaitsPost: boolean;
  /** Everything that it has entered so far is posted. Told before the batch, or the turn, ends. */
  wasPosted(): void;
}

/** Something that has work to do before the batch, or the turn, ends. */
export interface Due {
  runDue(): void;
}

/** Of what is told about a queue pair, that which ends it; there is also that it drained, or hears of its peer. */
const PAIR_ERRORS: ReadonlySet<number> = new Set([
  VERBS_ASYNC_QUEUE_PAIR_FATAL,
  VERBS_ASYNC_QUEUE_PAIR_REQUEST,
  VERBS_ASYNC_QUEUE_PAIR_ACCESS,
]);

const SUBMISSION_WORDS = VERBS_SUBMISSION_BYTES / 4;
const SUBMISSION_START = VERBS_SUBMISSIONS_OFFSET / 4;
/** Records that one poll deals with; then the reactor's other pollables have their turn. */
const BATCH_RECORDS = 256;
/** Submissions that wait for the end of a batch; more are posted at once, so that the wire goes on meanwhile. */
const BATCH_SUBMISSIONS = 64;

/** What is to be posted. Reused; set every field. */
export class Submission {
  op = 0;
  flags = 0;
  cookie = 0;
  region = 0;
  offset = 0;
  length = 0;
  remoteKey = 0;
  remoteLow = 0;
  remoteHigh = 0;
}

/** See the top of this file. */
export class Engine implements Pollable, TurnEnd {
  readonly native: NativeVerbsEngine;
  /** The whole segment. */
  readonly bytes: Uint8Array;
  readonly arena = new SlotArena(VERBS_ARENA_OFFSET, VERBS_SLOT_BYTES, VERBS_SLOT_COUNT);
  /** Milliseconds, as of the last batch; kept while anybody wants to know. */
  nowMs = 0;
  private timekeepers = 0;
  private readonly words: Int32Array;
  private readonly region: Region;
  private readonly reactor: Reactor;
  private readonly ring: RingConsumer;
  private readonly watch: Watch;
  private readonly owner: EngineOwner;
  private readonly tenants = new Map<number, Tenant>();
  private readonly completion = { connection: 0, op: 0, status: 0, bytes: 0, cookie: 0, vendorError: 0 };
  private readonly due: Due[] = [];
  /** Connections that are gone and shared receives, by the last batch before that: the ring may still tell of their slots. */
  private readonly ghosts = new Map<number, number>();
  private batch = 0;
  /** Those who have entered what is not posted. */
  private readonly posters: Poster[] = [];
  /** Those who are to be told that it is. */
  private readonly untold: Poster[] = [];
  /** Submissions that are entered and not posted. */
  private submitted = 0;
  /** Those that found no place, behind the entered ones. */
  private readonly overflow: Int32Array[] = [];
  private isWorking = false;
  private turnAsked = false;
  private isClosed = false;

  /** @throws NativeUnavailableError, NoWindowError, SystemError */
  constructor(owner: EngineOwner, options: VerbsEngineOptions) {
    this.owner = owner;
    const { VerbsEngine } = requireNative();
    const { region, made } = threadWindows().mapBy(
      VERBS_SEGMENT_BYTES,
      (windowId, offset) => new VerbsEngine(windowId, offset, options),
    );
    this.native = made;
    this.region = region;
    this.bytes = region.bytes;
    this.words = region.words;
    const place = { words: region.words, base: VERBS_RING_OFFSET, capacity: VERBS_RING_BYTES };
    this.ring = new RingConsumer({
      prodWords: region.words,
      prodIndex: RING_WORDS_PROD_WORD,
      consWords: region.words,
      consIndex: RING_WORDS_CONS_WORD,
      ...place,
    });
    try {
      this.reactor = Reactor.current();
      this.watch = this.reactor.addWatch(region.windowId, region.wordOffset + RING_WORDS_PROD_WORD, this.ring.position);
    } catch (error) {
      made.close();
      threadWindows().unmap(region);
      throw error;
    }
    this.reactor.addPollable(this);
  }

  /** From now on `nowMs` is kept, until as many `stopTime` have followed: asking for it costs each batch. */
  keepTime(): void {
    this.timekeepers += 1;
    this.nowMs = performance.now();
  }

  stopTime(): void {
    this.timekeepers -= 1;
  }

  /** From now on the records of `connection` go to `tenant`. */
  settle(connection: number, tenant: Tenant): void {
    this.tenants.set(connection, tenant);
  }

  /** The connection is destroyed, or somewhere else. @param shared it took receives from a queue of this engine's */
  evict(connection: number, shared = false): void {
    this.tenants.delete(connection);
    if (shared) this.ghosts.set(connection, this.batch);
  }

  // ------------------------------------------------------------------- down

  /**
   * Enters a submission, to be posted with the others of this turn; the first of a turn goes at once. Of what one poster
   * enters between two posts only the last that `completes` is sure to have a completion, which stands for all before it.
   */
  submit(connection: number, submission: Submission, poster: Poster | null = null, completes = true): void {
    if (this.submitted === VERBS_SUBMISSIONS_LIMIT) this.flush();
    const place = this.submitted < VERBS_SUBMISSIONS_LIMIT ? this.submitted++ : -1;
    const words = place < 0 ? new Int32Array(SUBMISSION_WORDS) : this.words;
    const at = place < 0 ? 0 : SUBMISSION_START + place * SUBMISSION_WORDS;
    words[at + VERBS_SUBMISSION_CONNECTION_WORD] = connection;
    words[at + VERBS_SUBMISSION_OP_WORD] = submission.op;
    words[at + VERBS_SUBMISSION_FLAGS_WORD] = place < 0 ? VERBS_FLAG_SIGNALLED : submission.flags;
    words[at + VERBS_SUBMISSION_COOKIE_WORD] = submission.cookie;
    words[at + VERBS_SUBMISSION_REGION_WORD] = submission.region;
    words[at + VERBS_SUBMISSION_OFFSET_WORD] = submission.offset;
    words[at + VERBS_SUBMISSION_LENGTH_WORD] = submission.length;
    words[at + VERBS_SUBMISSION_REMOTE_KEY_WORD] = submission.remoteKey;
    words[at + VERBS_SUBMISSION_REMOTE_LOW_WORD] = submission.remoteLow;
    words[at + VERBS_SUBMISSION_REMOTE_HIGH_WORD] = submission.remoteHigh;
    if (poster !== null && !poster.awaitsPost) {
      poster.awaitsPost = true;
      this.posters.push(poster);
    }
    if (place < 0) return void this.overflow.push(words);
    if (poster !== null && completes) poster.lastPlace = place;
    if (this.isWorking ? this.submitted >= BATCH_SUBMISSIONS : !this.askTurn()) this.flush();
  }

  /** Posts a slot for a message to land in. */
  submitReceive(connection: number, slot: number): void {
    receive.cookie = slot;
    this.submit(connection, receive);
  }

  /**
   * Posts what has been entered. @returns false: the ring is full of completions, and this thread, which reads it, is busy
   * here; the rest waits for its next batch
   */
  flush(): boolean {
    const { posters } = this;
    for (let i = 0; i < posters.length; i++) {
      const poster = posters[i] as Poster;
      if (poster.lastPlace < 0) continue;
      this.words[SUBMISSION_START + poster.lastPlace * SUBMISSION_WORDS + VERBS_SUBMISSION_FLAGS_WORD] |=
        VERBS_FLAG_SIGNALLED;
      poster.lastPlace = -1;
    }
    while (this.submitted > 0) {
      const count = this.submitted;
      const taken = this.native.submit(count);
      this.submitted = count - taken;
      if (this.submitted > 0) {
        const from = SUBMISSION_START + taken * SUBMISSION_WORDS;
        this.words.copyWithin(SUBMISSION_START, from, from + this.submitted * SUBMISSION_WORDS);
        return false;
      }
      if (this.overflow.length > 0) this.enterOverflow();
    }
    // Emptied one by one: to set an array's length costs 100 ns.
    for (let poster = posters.pop(); poster !== undefined; poster = posters.pop()) {
      poster.awaitsPost = false;
      this.untold.push(poster);
    }
    if (this.untold.length > 0 && !this.isWorking) this.askTurn();
    return true;
  }

  private enterOverflow(): void {
    for (const waiting of this.overflow.splice(0, VERBS_SUBMISSIONS_LIMIT)) {
      this.words.set(waiting, SUBMISSION_START + this.submitted * SUBMISSION_WORDS);
      this.submitted += 1;
    }
  }

  /** Tells the posters, after the wire has what it was given. */
  private tellPosted(): void {
    try {
      for (let one = this.untold.pop(); one !== undefined; one = this.untold.pop()) one.wasPosted();
    } finally {
      if (this.untold.length > 0) this.askTurn();
    }
  }

  /** @returns whether this turn's end will flush; the first to ask in a turn is told no, since he need not wait for it */
  private askTurn(): boolean {
    if (this.turnAsked) return true;
    this.turnAsked = true;
    atTurnEnd(this);
    return false;
  }

  /** Has `due` run before this batch, or this turn, ends; never from inside of this call. */
  runLater(due: Due): void {
    this.due.push(due);
    if (!this.isWorking) this.askTurn();
  }

  endTurn(): void {
    this.turnAsked = false;
    if (this.isClosed || this.isWorking) return;
    this.isWorking = true;
    this.endWork();
  }

  // --------------------------------------------------------------------- up

  poll(): number {
    if (this.isClosed || this.isWorking || !this.ring.poll()) return 0;
    if (this.timekeepers > 0) this.nowMs = performance.now();
    this.batch += 1;
    this.isWorking = true;
    try {
      return this.readRing();
    } finally {
      this.endWork();
    }
  }

  beforeSleep(): number {
    return this.poll();
  }

  /** Runs what has become due, then posts what came of it all. */
  private endWork(): void {
    try {
      for (let one = this.due.shift(); one !== undefined; one = this.due.shift()) one.runDue();
      this.owner.batchEnded();
      if (this.isClosed || !this.flush() || this.untold.length === 0) return;
      this.tellPosted();
      // What was told has freed slots that somebody may wait for.
      this.owner.batchEnded();
    } finally {
      this.isWorking = false;
      if (!this.isClosed) this.flush();
    }
  }

  private readRing(): number {
    const { ring } = this;
    let count = 0;
    try {
      while (count < BATCH_RECORDS && !this.isClosed && ring.next()) {
        count += 1;
        this.dispatch(ring.type, ring.offset);
      }
    } finally {
      if (!this.isClosed) {
        // What is read is committed with each quarter of the ring: its writer has room enough.
        if (ring.isDrained) this.forgetGhosts();
        this.reactor.setSeen(this.watch, ring.position);
      }
    }
    return count;
  }

  /** Reads the record and gives it back before anybody is told, who may close this engine. */
  private dispatch(type: number, offset: number): void {
    const { words, ring } = this;
    const at = offset >>> 2;
    if (type === RECORD_VERBS_COMPLETION) {
      const { completion } = this;
      completion.connection = words[at + VERBS_COMPLETION_CONNECTION_WORD] as number;
      completion.op = words[at + VERBS_COMPLETION_OP_WORD] as number;
      completion.status = words[at + VERBS_COMPLETION_STATUS_WORD] as number;
      completion.bytes = words[at + VERBS_COMPLETION_LENGTH_WORD] as number;
      completion.cookie = words[at + VERBS_COMPLETION_COOKIE_WORD] as number;
      completion.vendorError = words[at + VERBS_COMPLETION_VENDOR_ERROR_WORD] as number;
      if (ring.release()) ring.commit();
      const tenant = this.tenants.get(completion.connection);
      if (tenant !== undefined) tenant.completed(completion);
      else if (completion.op === VERBS_OP_RECEIVE) this.stray(completion);
    } else if (type === RECORD_VERBS_CM) {
      const event = readCmEvent(this.bytes, words, offset);
      if (ring.release()) ring.commit();
      (this.tenants.get(event.connection) ?? this.owner).happened(event);
    } else if (type === RECORD_VERBS_ASYNC) {
      const event = words[at + VERBS_ASYNC_EVENT_WORD] as number;
      const device = words[at + VERBS_ASYNC_DEVICE_WORD] as number;
      const connection = words[at + VERBS_ASYNC_CONNECTION_WORD] as number;
      if (ring.release()) ring.commit();
      if (connection === 0) this.owner.deviceEvent(event, device);
      else if (PAIR_ERRORS.has(event)) this.tenants.get(connection)?.failed(event);
    } else throw new TypeError(`an RDMA engine's ring has a record of type ${type}`);
  }

  /** Of those that were gone before this batch nothing can be told any more. */
  private forgetGhosts(): void {
    for (const [connection, batch] of this.ghosts) if (batch < this.batch) this.ghosts.delete(connection);
  }

  /**
   * A receive of a connection that is not here any more. Its slot is free already, and perhaps somebody else's, unless it comes
   * back only now, or was in a queue that others share.
   */
  private stray(completion: Completion): void {
    if (completion.status === VERBS_STATUS_SLOT_BACK || this.ghosts.has(completion.connection)) {
      this.owner.slotBack(completion.cookie);
    }
  }

  /** Ends everything, once. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.native.close();
    this.reactor.removeWatch(this.watch);
    this.reactor.removePollable(this);
    threadWindows().unmap(this.region);
  }
}

const receive = new Submission();
receive.op = VERBS_OP_RECEIVE;
