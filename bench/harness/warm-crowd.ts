/** Requesters of a program that nobody here wrote, ready to be measured. */
import type { Figures, Pair } from './pair.js';

const SIZE = 64;
/**
 * Until the platform's JavaScript, the program's and ours are compiled: their first thousands of requests cost several times as
 * much. gRPC takes longest. A short run makes do with as long as it measures.
 */
const COMPILED_MS = 4_000;
const SLOT_MS = 200;

/** @returns what prepares a pair with so many requesters */
export function warmCrowd(
  requesters: number,
): (pair: Pair, variant: unknown, total_ms: number) => Promise<Partial<Figures>> {
  return async (pair, _variant, total_ms) => {
    await pair.gather(requesters, 0);
    await pair.crowdRoundTrips(SIZE, { warmup_ms: Math.min(COMPILED_MS, total_ms), duration_ms: SLOT_MS });
    return {};
  };
}
