/** Looks for the highest rate of an open loop that holds a limit. */
import type { LoadRun } from './report.js';

/** The found rate is within so much of the highest. */
const PRECISION = 1.05;
const STEPS_MAX = 20;

/** What a search makes use of. */
export interface Search {
  /** One run; at this rate, or (null) in a closed loop. */
  run(rate_per_s: number | null): Promise<LoadRun>;
  holds(run: LoadRun): boolean;
  /** No further runs are wanted. */
  isOver(): boolean;
}

/**
 * Starts from what a closed loop does, and halves the distance (of logarithms) between the highest rate that held and the lowest
 * that did not. @returns the highest that held; null: none did
 */
export async function searchRate({ run, holds, isOver }: Search): Promise<number | null> {
  const { completed_per_s: closed } = await run(null);
  let held: number | null = null;
  let broken = closed * 1.1;
  let next = closed * 0.75;
  for (let step = 0; step < STEPS_MAX && !isOver() && next >= 1; step++) {
    const rate = Math.max(1, Math.round(next));
    if (holds(await run(rate))) held = Math.max(held ?? 0, rate);
    else broken = Math.min(broken, rate);
    if (held !== null && broken / held <= PRECISION) break;
    next = held === null ? broken / 2 : Math.sqrt(held * broken);
  }
  return held;
}
