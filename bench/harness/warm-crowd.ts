/** Requesters of a program that nobody here wrote, ready to be measured. */
import type { Figures, Pair } from './pair.js';

const SIZE = 64;
/** Until the platform's JavaScript and ours are compiled: their first thousands of requests cost several times as much. */
const COMPILED = { warmup_ms: 1_500, duration_ms: 200 };

/** @returns what prepares a pair with so many requesters */
export function warmCrowd(requesters: number): (pair: Pair) => Promise<Partial<Figures>> {
  return async (pair) => {
    await pair.gather(requesters, 0);
    await pair.crowdRoundTrips(SIZE, COMPILED);
    return {};
  };
}
