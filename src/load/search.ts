/** Looks for the highest rate of an open loop that holds a limit. */
import type { LoadRun } from './report.js';

/** The found rate is within so much of the highest. */
const PRECISION = 1.05;
const FIRST_SHARE = 0.75;
/** An open loop can't do more than a closed one did, give or take what runs differ by. */
const MOST_SHARE = 1.1;
/** Below this share of the closed loop's rate nothing is looked for: it is not the rate that breaks the limit. */
const LEAST_SHARE = 1 / 64;
const STEPS_MAX = 20;

/** What a search makes use of. */
export interface Search {
  /** One run; at this rate, or (null) in a closed loop. */
  run(rate_per_s: number | null): Promise<LoadRun>;
  holds(run: LoadRun): boolean;
  /** No further runs are wanted. */
  isOver(): boolean;
}

/** Another program's moment must not decide: a rate is given up when it breaks the limit twice. */
async function holdsAt(rate: number, { run, holds, isOver }: Search): Promise<boolean> {
  if (holds(await run(rate))) return true;
  return !isOver() && holds(await run(rate));
}

/**
 * Starts from what a closed loop does, and halves the distance (of logarithms) between the highest rate that held and the lowest
 * that did not. Who holds the limit is for `holds` to keep.
 */
export async function searchRate(search: Search): Promise<void> {
  const { completed_per_s: closed } = await search.run(null);
  let held: number | null = null;
  let broken = closed * MOST_SHARE;
  let next = closed * FIRST_SHARE;
  for (let step = 0; step < STEPS_MAX && !search.isOver(); step++) {
    const rate = Math.round(next);
    if (rate < 1 || next < closed * LEAST_SHARE) break;
    if (await holdsAt(rate, search)) held = Math.max(held ?? 0, rate);
    else broken = Math.min(broken, rate);
    if (held !== null && broken / held <= PRECISION) break;
    next = held === null ? broken / 2 : Math.sqrt(held * broken);
  }
}
