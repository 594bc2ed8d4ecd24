/** The phases of an actor's life, and what the end of one is for. */

import type { StopReason } from './types.js';

/**
 * Where an actor is in its life. A restart goes through the phases of an end and then begins anew.
 * `children`, `paused` and `waiting` wait for something else than a turn.
 */
export const PHASE = {
  running: 0,
  /** The hook `started` is to be called. */
  starting: 1,
  /** The children are to be told to stop. */
  ending: 2,
  /** Waits for the last child to end. */
  children: 3,
  /** The hook `stopping` or `restarting` is to be called. */
  hook: 4,
  /** The hook has returned: this life is over. */
  over: 5,
  /** Waits to be restarted. */
  paused: 6,
  /** The next life is to begin. */
  reborn: 7,
  stopped: 8,
  /** It moves: `Transit.advance` is to be called. */
  transit: 9,
  /** It moves: waits for the other host. */
  waiting: 10,
} as const;

export type Phase = (typeof PHASE)[keyof typeof PHASE]; // one of the above

/** What an actor ends for. */
export interface Ending {
  readonly goal: 'stop' | 'restart';
  /** Of a stop. */
  readonly reason: StopReason;
  /** Of a restart. */
  readonly error: unknown;
  /** Of a restart: how long to wait before the next life. */
  readonly delayMs: number;
  /** What bounds the wait for a handler or hook, or ends a pause. */
  timerId: number | null;
}

/** A stop for `reason`. */
export function stopFor(reason: StopReason): Ending {
  return { goal: 'stop', reason, error: undefined, delayMs: 0, timerId: null };
}

/** A restart because of `error`. */
export function restartFor(error: unknown, delayMs: number): Ending {
  return { goal: 'restart', reason: 'failed', error, delayMs, timerId: null };
}

/** Whether a turn would bring an actor further that is in this phase. */
export function canAdvance(phase: Phase): boolean {
  switch (phase) {
    case PHASE.children:
    case PHASE.paused:
    case PHASE.stopped:
    case PHASE.waiting:
      return false;
    default:
      return true;
  }
}
