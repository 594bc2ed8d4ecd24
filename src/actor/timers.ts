/** Timers of one actor. A timer that has fired goes in front of the mailbox as a message; a cancelled one never does. */

import { ActorStoppedError } from '../errors.js';
import type { ActorCell } from './cell.js';
import { checkDelay } from './options.js';
import type { ActorTimers } from './types.js';

/** One timer with a key. */
export class ActorTimer {
  readonly kind = 'timer';
  readonly key: string;
  readonly message: unknown;
  /** Milliseconds between ticks; 0 for a single one. */
  readonly everyMs: number;
  private readonly set: TimerSet;
  private dueUs: number;
  private id: number | null = null;
  /** A tick waits in front of the mailbox: another one adds nothing. */
  private isPosted = false;

  constructor(set: TimerSet, key: string, message: unknown, firstMs: number, everyMs: number) {
    this.set = set;
    this.key = key;
    this.message = message;
    this.everyMs = everyMs;
    this.dueUs = set.cell.core.clock.nowUs() + firstMs * 1_000;
    this.arm(firstMs);
  }

  /** Called for a tick that was posted, when it is its turn. @returns false if the timer was cancelled meanwhile */
  take(): boolean {
    this.isPosted = false;
    if (!this.set.holds(this)) return false;
    if (this.everyMs === 0) this.set.cancel(this.key);
    return true;
  }

  stop(): void {
    if (this.id !== null) this.set.cell.core.clock.clearTimer(this.id);
    this.id = null;
  }

  private arm(ms: number): void {
    this.id = this.set.cell.core.clock.setTimer(ms, this.fire);
  }

  private readonly fire = (): void => {
    this.id = null;
    const { cell } = this.set;
    if (!this.isPosted) {
      this.isPosted = true;
      cell.post(this);
    }
    if (this.everyMs === 0) return;
    const intervalUs = this.everyMs * 1_000;
    const lateUs = Math.max(0, cell.core.clock.nowUs() - this.dueUs);
    this.dueUs += intervalUs * (1 + Math.floor(lateUs / intervalUs));
    this.arm(Math.max(0, this.dueUs - cell.core.clock.nowUs()) / 1_000);
  };
}

/** The timers of one life of an actor. */
export class TimerSet implements ActorTimers<unknown> {
  readonly cell: ActorCell;
  private readonly timers = new Map<string, ActorTimer>();
  private isClosed = false;

  constructor(cell: ActorCell) {
    this.cell = cell;
  }

  once(key: string, ms: number, message: unknown): void {
    this.add(key, message, checkDelay('ms', ms, 0), 0);
  }

  every(key: string, ms: number, message: unknown): void {
    // A timer of the event loop that is shorter than this runs every millisecond.
    checkDelay('ms', ms, 1);
    this.add(key, message, ms, ms);
  }

  cancel(key: string): void {
    this.timers.get(key)?.stop();
    this.timers.delete(key);
  }

  cancelAll(): void {
    for (const timer of this.timers.values()) timer.stop();
    this.timers.clear();
  }

  has(key: string): boolean {
    return this.timers.has(key);
  }

  holds(timer: ActorTimer): boolean {
    return this.timers.get(timer.key) === timer;
  }

  /** The life is over. */
  close(): void {
    this.cancelAll();
    this.isClosed = true;
  }

  private add(key: string, message: unknown, firstMs: number, everyMs: number): void {
    if (this.isClosed) throw new ActorStoppedError('these timers belong to a life of the actor that is over');
    this.cancel(key);
    this.timers.set(key, new ActorTimer(this, key, message, firstMs, everyMs));
  }
}

/** Notices that an actor gets no messages. Messages only note the time: the timer is set again when it has fired. */
export class ReceiveTimer {
  readonly kind = 'receive-timeout';
  private readonly cell: ActorCell;
  private readonly timeoutUs: number;
  private lastUs: number;
  private id: number | null = null;

  constructor(cell: ActorCell, ms: number) {
    this.cell = cell;
    this.timeoutUs = ms * 1_000;
    this.lastUs = cell.core.clock.nowUs();
    this.arm();
  }

  /** A message came. */
  touch(nowUs: number): void {
    this.lastUs = nowUs;
  }

  /** Called when it is the time-out's turn. @returns false if a message was handled meanwhile */
  isOver(): boolean {
    const nowUs = this.cell.core.clock.nowUs();
    const isOver = nowUs - this.lastUs >= this.timeoutUs;
    if (isOver) this.lastUs = nowUs;
    this.arm();
    return isOver;
  }

  cancel(): void {
    if (this.id !== null) this.cell.core.clock.clearTimer(this.id);
    this.id = null;
  }

  private arm(): void {
    const leftUs = this.lastUs + this.timeoutUs - this.cell.core.clock.nowUs();
    // Rounded up: a timer that fires a little early would find the time-out not over, and be set once more.
    this.id = this.cell.core.clock.setTimer(Math.max(1, Math.ceil(leftUs / 1_000)), this.fire);
  }

  private readonly fire = (): void => {
    this.id = null;
    if (this.cell.core.clock.nowUs() - this.lastUs < this.timeoutUs) this.arm();
    else this.cell.post(this);
  };
}
