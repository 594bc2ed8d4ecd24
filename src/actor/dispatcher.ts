/** Who runs next: the ready actors of a host in the order in which they became ready, each for a bounded turn. */

import { atTurnEnd, type TurnEnd, turn } from '../reactor/turn.js';
import { activity } from '../stats/activity.js';
import type { ActorClock } from './clock.js';

/** What the dispatcher runs. It is linked into the queue itself, so that being ready costs no memory. */
export interface Runnable {
  /** The dispatcher's own: what comes after it in the queue. */
  nextReady: Runnable | null;
  /** The dispatcher's own: whether it is in the queue. */
  isReady: boolean;
  /** Does one thing. False: there is nothing to do at present. */
  step(): boolean;
  /** Whether there is something to do. */
  hasMore(): boolean;
  /** The turn is over. */
  endTurn(): void;
}

/** The clock is looked at after this many steps at most. */
const STEPS_MAX = 16;

/** What bounds a turn and a run. */
export interface DispatchLimits {
  readonly clock: ActorClock;
  readonly turnMessages: number;
  readonly turnUs: number;
  readonly dispatchUs: number;
}

/** The dispatcher of one host. */
export class Dispatcher<R extends Runnable> implements TurnEnd {
  /** Whose turn it is; null between turns. */
  current: R | null = null;
  /** The time when the clock was last looked at: at the start of a run, and every few steps. */
  nowUs: number;
  /** Turns that were ended while there was more to do. */
  preemptions = 0;
  private readonly limits: DispatchLimits;
  private head: Runnable | null = null;
  private tail: Runnable | null = null;
  private isScheduled = false;
  private isRunning = false;
  /** A look at the clock costs as much as a short message, so how often we look depends on how long messages take. */
  private checkEvery = 1;
  private sinceCheck = 0;
  /** Who has had the last turns outside of the queue, in which turn of the thread, how many, and until when it may have more. */
  private entered: R | null = null;
  private enteredIn = turn.now;
  private enteredTurns = 0;
  private enteredEndUs = 0;
  /** What is ready runs at the end of the thread's turn. */
  private runsAtTurnEnd = false;

  constructor(limits: DispatchLimits) {
    this.limits = limits;
    this.nowUs = limits.clock.nowUs();
  }

  /** Gives a turn to one that has something to do; no harm if it has one already. */
  ready(one: R): void {
    // Whose turn it is goes on by itself, or is asked at its turn's end.
    if (one.isReady || one === this.current) return;
    this.append(one);
    if (!this.isRunning) this.schedule();
  }

  /** Runs ready ones until there are none, or `dispatchUs` have passed. Nothing if it is running already. */
  readonly run = (): void => {
    this.isScheduled = false;
    if (this.isRunning || this.head === null) return;
    this.isRunning = true;
    this.entered = null;
    if (activity.isQuiet) activity.note();
    try {
      this.nowUs = this.limits.clock.nowUs();
      const endUs = this.nowUs + this.limits.dispatchUs;
      while (this.head !== null && this.nowUs < endUs) this.takeTurn(this.takeFirst() as R);
    } finally {
      this.current = null;
      this.isRunning = false;
      if (this.head !== null) this.schedule();
    }
  };

  /**
   * Begins a turn outside of the queue, for a single piece of work that has come in and needs not wait; `leave` ends it.
   * False: it is somebody's turn, or this one has had its share for now. The caller sees to it that it is not ready.
   */
  enter(one: R): boolean {
    if (this.current !== null) return false;
    if (this.entered !== one || this.enteredIn !== turn.now) {
      this.entered = one;
      this.enteredIn = turn.now;
      this.enteredTurns = 0;
    } else if (this.hasHadItsShare()) {
      return false;
    }
    this.current = one;
    return true;
  }

  /** Ends a turn that `enter` has begun. Whom it has given something to do runs when the thread's turn ends, not later. */
  leave(one: R): void {
    this.current = null;
    one.endTurn();
    if (one.hasMore()) this.ready(one);
    if (this.head === null || this.runsAtTurnEnd) return;
    this.runsAtTurnEnd = true;
    atTurnEnd(this);
  }

  endTurn(): void {
    this.runsAtTurnEnd = false;
    this.run();
  }

  /** The limits of a turn hold for what comes in at once, too; a lone piece of work needs no look at the clock. */
  private hasHadItsShare(): boolean {
    this.enteredTurns++;
    this.sinceCheck++;
    if (this.enteredTurns === 1) {
      this.nowUs = this.limits.clock.nowUs();
      this.sinceCheck = 0;
      this.enteredEndUs = this.nowUs + this.limits.turnUs;
    } else if (this.sinceCheck >= this.checkEvery) {
      this.look();
    }
    if (this.enteredTurns < this.limits.turnMessages && this.nowUs < this.enteredEndUs) return false;
    this.preemptions++;
    return true;
  }

  private takeTurn(one: R): void {
    const { turnMessages } = this.limits;
    const endUs = this.nowUs + this.limits.turnUs;
    this.current = one;
    let isOver = false;
    for (let steps = 1; one.step(); steps++) {
      this.sinceCheck++;
      // What the neighbours' messages take says nothing of this one's: a turn that goes on is looked at from its start.
      if (this.sinceCheck >= this.checkEvery || (steps === 1 && one.hasMore())) this.look();
      isOver = steps >= turnMessages || this.nowUs >= endUs;
      if (isOver) break;
    }
    this.current = null;
    one.endTurn();
    if (!one.hasMore()) return;
    if (isOver) this.preemptions++;
    this.append(one);
  }

  /** Looks at the clock, and decides when to look again: often enough to notice a turn's end at a quarter of a turn. */
  private look(): void {
    const nowUs = this.limits.clock.nowUs();
    const passedUs = nowUs - this.nowUs;
    this.nowUs = nowUs;
    this.sinceCheck = 0;
    if (passedUs * 4 > this.limits.turnUs) this.checkEvery = 1;
    else if (passedUs * 16 < this.limits.turnUs) this.checkEvery = Math.min(this.checkEvery * 2, STEPS_MAX);
  }

  private append(one: Runnable): void {
    one.isReady = true;
    if (this.tail === null) this.head = one;
    else this.tail.nextReady = one;
    this.tail = one;
  }

  private takeFirst(): Runnable {
    const first = this.head as Runnable;
    this.head = first.nextReady;
    if (this.head === null) this.tail = null;
    first.nextReady = null;
    first.isReady = false;
    return first;
  }

  private schedule(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    this.limits.clock.later(this.run);
  }
}
