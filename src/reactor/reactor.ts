/**
 * The reactor: what notices, in this thread's event loop, that words in shared memory have changed. Its native half polls
 * them, spins for a short, bounded time while there is traffic, sleeps with the loop when there is none, and calls in here
 * once per batch. There is one per thread, while anybody uses it.
 */
import { availableParallelism } from 'node:os';
import { InvalidOptionError } from '../errors.js';
import * as layout from '../layout/layout.gen.js';
import type { NativeReactor } from '../native/addon.js';
import { requireNative } from '../native/load.js';
import { check, ERRNO } from '../native/os.js';
import { rethrowLater } from '../rethrow.js';
import type { IdleStrategy, PollerKind } from './poller-kind.js';
import { endTurn } from './turn.js';

/** Something that the reactor calls when there may be work for it. */
export interface Pollable {
  /** A watched word has changed, not necessarily one of this pollable's. @returns how much work was done (0: none) */
  poll(): number;
  /**
   * The thread is about to sleep and the reactor is dirty: publish what was held back, then look once more.
   * @returns how much work was found; the thread does not sleep if there was any
   */
  beforeSleep(): number;
}

/** A watched word. Belongs to the reactor that made it; the reactor alone changes it. */
export interface Watch {
  /** Index in `Reactor.control` of the value that has been dealt with. Changes when other watches go. */
  seenIndex: number;
}

/** Counters since the reactor was made. */
export interface ReactorStats {
  /** Calls from native code into JavaScript. */
  readonly callbacks: number;
  /** Passes over the watched words. */
  readonly polls: number;
  /** Turns of the event loop that spun. */
  readonly spins: number;
  /** Times that the thread went to sleep. */
  readonly sleeps: number;
  readonly wakesSent: number;
  readonly wakesReceived: number;
  /** Completion records that came from the dedicated poller. */
  readonly records: number;
}

const STRATEGY_NUMBERS: Readonly<Record<IdleStrategy, number>> = {
  blocking: layout.POLLER_IDLE_BLOCKING,
  'back-off': layout.POLLER_IDLE_BACK_OFF,
  yield: layout.POLLER_IDLE_YIELD,
  spin: layout.POLLER_IDLE_SPIN,
};

/** A link's event: the peer sent far more wake-ups than this thread slept. */
export const LINK_OVERDONE = ERRNO.EPROTO;

/** Called once when the socket of a link has ended: 0 in the ordinary way, otherwise a negative errno, or LINK_OVERDONE. */
export type LinkEvent = (event: number) => void;

const SPIN_BUDGET_LIMIT_US = 1_000;
const NS_PER_MS = 1e6;
const ORIGIN_READINGS = 5;
const WORD_RANGE = 2 ** 32;
const CONTROL_WORDS = layout.REACTOR_CONTROL_BYTES / 4;
const WATCH_WORDS = layout.WATCH_ENTRY_BYTES / 4;
const INITIAL_WATCHES = 64;

/** Spinning where there is only one processor keeps the peer from answering. */
const defaultSpinBudgetUs = availableParallelism() > 1 ? 50 : 0;

/** When `performance.now()` of this thread was 0, by CLOCK_MONOTONIC; later by what lies between two readings, never earlier. */
function clockOrigin_ns(): number {
  const readings = Array.from({ length: ORIGIN_READINGS }, () => {
    const now_ms = performance.now();
    return Number(process.hrtime.bigint()) - now_ms * NS_PER_MS;
  });
  return Math.min(...readings);
}

let current: Reactor | null = null;

/** One thread's reactor; see the top of this file. */
export class Reactor {
  /**
   * The control block that is shared with the native half. Hot code may store to `control[watch.seenIndex]`; it must read
   * this field afresh each time, for the block is replaced when it grows.
   */
  control = new Int32Array(CONTROL_WORDS + INITIAL_WATCHES * WATCH_WORDS);

  private readonly native: NativeReactor;
  /** By place in the control block. */
  private readonly watches: Watch[] = [];
  /** Replaced, never changed, so that pollables may come and go while they are being called. */
  private pollables: readonly Pollable[] = [];
  private readonly linkEvents: (LinkEvent | undefined)[] = [];
  private readonly freeLinkIds: number[] = [];
  private references = 0;
  private readonly origin_ns = clockOrigin_ns();
  private isClosed = false;

  private constructor() {
    this.spinBudgetUs = defaultSpinBudgetUs;
    this.native = new (requireNative().Reactor)(
      this.control,
      () => this.poll(),
      () => this.beforeSleep(),
      (linkId, event) => this.linkEvents[linkId]?.(event),
    );
  }

  /** This thread's reactor, made if there is none. It closes when its last pollable leaves. @throws NativeUnavailableError */
  static current(): Reactor {
    current ??= new Reactor();
    return current;
  }

  /** This thread's reactor, if there is one. */
  static existing(): Reactor | null {
    return current;
  }

  /** Adds a pollable. Each one that is added keeps the reactor (not the event loop) alive. */
  addPollable(pollable: Pollable): void {
    if (!this.pollables.includes(pollable)) this.pollables = [...this.pollables, pollable];
  }

  /** Removes a pollable; it is not called any more. The last one closes the reactor. */
  removePollable(pollable: Pollable): void {
    if (!this.pollables.includes(pollable)) return;
    this.pollables = this.pollables.filter((one) => one !== pollable);
    if (this.pollables.length === 0) this.close();
  }

  /**
   * Watches a word: the pollables are called whenever it is not `seen`, again and again until setSeen says otherwise.
   * @param wordIndex index of the word in its whole window, up to 2^30 - 1
   */
  addWatch(windowId: number, wordIndex: number, seen: number): Watch {
    const place = this.watches.length;
    const start = CONTROL_WORDS + place * WATCH_WORDS;
    if (start + WATCH_WORDS > this.control.length) this.grow();
    const control = this.control;
    control[start + layout.WATCH_ENTRY_WINDOW_ID_WORD] = windowId;
    control[start + layout.WATCH_ENTRY_WORD_INDEX_WORD] = wordIndex;
    control[start + layout.WATCH_ENTRY_SEEN_WORD] = seen;
    const watch = { seenIndex: start + layout.WATCH_ENTRY_SEEN_WORD };
    this.watches.push(watch);
    control[layout.REACTOR_CONTROL_WATCH_COUNT_WORD] = this.watches.length;
    return watch;
  }

  /** Says that the word's value `seen` has been dealt with. */
  setSeen(watch: Watch, seen: number): void {
    this.control[watch.seenIndex] = seen;
  }

  /** Stops watching. The last watch takes its place, so that the native half sweeps a dense list. */
  removeWatch(watch: Watch): void {
    const place = (watch.seenIndex - CONTROL_WORDS - layout.WATCH_ENTRY_SEEN_WORD) / WATCH_WORDS;
    if (this.watches[place] !== watch) return;
    const last = this.watches.pop() as Watch;
    this.control[layout.REACTOR_CONTROL_WATCH_COUNT_WORD] = this.watches.length;
    if (last !== watch) {
      const from = last.seenIndex - layout.WATCH_ENTRY_SEEN_WORD;
      this.control.copyWithin(watch.seenIndex - layout.WATCH_ENTRY_SEEN_WORD, from, from + WATCH_WORDS);
      last.seenIndex = watch.seenIndex;
      this.watches[place] = last;
    }
    watch.seenIndex = -1;
  }

  /** Watched words. */
  get watchCount(): number {
    return this.watches.length;
  }

  /** Whether the pollables hold something back that must be published before the thread sleeps. */
  set dirty(value: boolean) {
    this.control[layout.REACTOR_CONTROL_DIRTY_WORD] = value ? 1 : 0;
  }

  get dirty(): boolean {
    return this.control[layout.REACTOR_CONTROL_DIRTY_WORD] !== 0;
  }

  /**
   * Adds a link. The descriptor stays the caller's, to be closed after removeLink.
   * @param ownEpochWordIndex in our own segment: where the peer reads whether this thread sleeps; an index in the window
   * @param ended called once when the socket has ended
   * @returns the link's number, for wake and removeLink @throws SystemError
   */
  addLink(fd: number, windowId: number, ownEpochWordIndex: number, ended: LinkEvent): number {
    const linkId = this.freeLinkIds.pop() ?? this.linkEvents.length;
    this.linkEvents[linkId] = ended;
    const result = this.native.addLink(linkId, fd, windowId, ownEpochWordIndex);
    if (result < 0) this.freeLink(linkId);
    check(result, 'poll');
    return linkId;
  }

  /** Forgets a link: no more events of it. */
  removeLink(linkId: number): void {
    if (this.linkEvents[linkId] === undefined) return;
    this.native.removeLink(linkId);
    this.freeLink(linkId);
  }

  /** Wakes the peer of a link; never waits. False: it is not woken. If the socket has ended, `ended` says so too. */
  wake(linkId: number): boolean {
    return this.native.wake(linkId) === 0;
  }

  /** Keeps the event loop alive until as many unref() have followed. */
  ref(): void {
    if (this.references++ === 0) this.native.ref();
  }

  unref(): void {
    if (this.references > 0 && --this.references === 0) this.native.unref();
  }

  /** How long to spin when nothing comes, in microseconds: 0 (never) to 1000. @throws InvalidOptionError */
  set spinBudgetUs(value: number) {
    if (typeof value !== 'number' || !(value >= 0 && value <= SPIN_BUDGET_LIMIT_US)) {
      throw new InvalidOptionError(`spinBudgetUs must be a number from 0 to ${SPIN_BUDGET_LIMIT_US}, not ${value}`);
    }
    this.control[layout.REACTOR_CONTROL_SPIN_BUDGET_NS_WORD] = Math.round(value * 1_000);
  }

  get spinBudgetUs(): number {
    return this.control[layout.REACTOR_CONTROL_SPIN_BUDGET_NS_WORD] / 1_000;
  }

  /**
   * Who polls for this thread while it sleeps: nobody (peers wake it), or the process's dedicated poller, whose idle strategy
   * is the one that was named last. @throws SystemError: the poller's thread can't be started
   */
  pollBy(poller: PollerKind, strategy: IdleStrategy = 'blocking'): void {
    check(this.native.setDedicated(poller === 'inline' ? -1 : STRATEGY_NUMBERS[strategy]), 'pthread_create');
  }

  /**
   * Has the pollables called at a moment that is near, and the thread spin until then; another moment takes its place.
   * @param at_ms of `performance.now()`; what is more than a millisecond ahead is not spun for, and may come late
   */
  setAlarm(at_ms: number): void {
    const at_ns = Math.max(1, Math.ceil(at_ms * NS_PER_MS + this.origin_ns));
    this.control[layout.REACTOR_CONTROL_ALARM_WORD] = (at_ns % WORD_RANGE) | 0;
    this.control[layout.REACTOR_CONTROL_ALARM_WORD + 1] = at_ns / WORD_RANGE;
  }

  /** The last alarm has rung, or there was none. */
  get hasRung(): boolean {
    const { control } = this;
    return (control[layout.REACTOR_CONTROL_ALARM_WORD] | control[layout.REACTOR_CONTROL_ALARM_WORD + 1]) === 0;
  }

  /** The counters. */
  stats(): ReactorStats {
    const counter = (word: number): number => (this.control[word] >>> 0) + (this.control[word + 1] >>> 0) * 2 ** 32;
    return {
      callbacks: counter(layout.REACTOR_CONTROL_CALLBACKS_WORD),
      polls: counter(layout.REACTOR_CONTROL_POLLS_WORD),
      spins: counter(layout.REACTOR_CONTROL_SPINS_WORD),
      sleeps: counter(layout.REACTOR_CONTROL_SLEEPS_WORD),
      wakesSent: counter(layout.REACTOR_CONTROL_WAKES_SENT_WORD),
      wakesReceived: counter(layout.REACTOR_CONTROL_WAKES_RECEIVED_WORD),
      records: counter(layout.REACTOR_CONTROL_RECORDS_WORD),
    };
  }

  /** True once the last pollable has left: `Reactor.current()` is another one then. */
  get closed(): boolean {
    return this.isClosed;
  }

  /** One batch. An exception of one pollable neither keeps the others from their work nor is it lost. */
  private poll(): void {
    const pollables = this.pollables;
    for (let i = 0; i < pollables.length; i++) {
      try {
        pollables[i].poll();
      } catch (error) {
        rethrowLater(error);
      }
    }
    endTurn();
  }

  private beforeSleep(): number {
    const pollables = this.pollables;
    let work = 0;
    for (let i = 0; i < pollables.length; i++) {
      try {
        work += pollables[i].beforeSleep();
      } catch (error) {
        // What it had to do was cut short, so there is more.
        work++;
        rethrowLater(error);
      }
    }
    endTurn();
    return work;
  }

  private grow(): void {
    const larger = new Int32Array(CONTROL_WORDS + (this.watches.length * 2 + 1) * WATCH_WORDS);
    larger.set(this.control);
    this.control = larger;
    this.native.setControl(larger);
  }

  private freeLink(linkId: number): void {
    this.linkEvents[linkId] = undefined;
    this.freeLinkIds.push(linkId);
  }

  private close(): void {
    this.isClosed = true;
    if (current === this) current = null;
    this.native.close();
  }
}
