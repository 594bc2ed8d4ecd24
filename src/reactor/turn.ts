/**
 * Turns: the unit in which small sends are gathered. The first send of a turn goes out at once, later ones wait for the
 * turn's end, so that a lone request never waits and a burst is published once. A turn ends when the JavaScript that runs
 * now, and its `process.nextTick` callbacks, have returned (a promise job, which costs less than a tick of its own), or
 * with the reactor's next batch.
 */

import { rethrowLater } from '../rethrow.js';

/** Something that has work to do when the turn ends. */
export interface TurnEnd {
  endTurn(): void;
}

const NOTHING: TurnEnd = { endTurn() {} };

/** The first `count` are to be called. It is never emptied: that costs 100 ns, and the next one memory for 17. */
const pending: TurnEnd[] = [];
let count = 0;
let scheduled = false;
const settled = Promise.resolve();

/** The current turn's number; compare for equality only. One object per thread, so that hot code reads a field. */
export const turn = { now: 0 };

/** How the end of a turn is awaited. Where time is virtual (the tests' simulation), something else stands here. */
export const turnClock = {
  atEnd: (end: () => void): void => {
    void settled.then(end);
  },
};

/** Ends the current turn: everything that asked for it is called, in order. */
export function endTurn(): void {
  scheduled = false;
  turn.now = (turn.now + 1) | 0;
  for (let i = 0; i < count; i++) {
    const work = pending[i] as TurnEnd;
    pending[i] = NOTHING;
    work.endTurn();
  }
  count = 0;
}

function endReturned(): void {
  try {
    endTurn();
  } catch (error) {
    rethrowLater(error);
  }
}

/** Has `work.endTurn` called when this turn ends; the caller sees to it that it asks once a turn. */
export function atTurnEnd(work: TurnEnd): void {
  pending[count++] = work;
  if (!scheduled) {
    scheduled = true;
    turnClock.atEnd(endReturned);
  }
}
