/** How much the property tests of this folder try: a fixed budget, which SANSWITCH_FUZZ_RUNS multiplies (`npm run fuzz`). */
const factor = Number(process.env.SANSWITCH_FUZZ_RUNS ?? 1);

/** Parameters for fc.assert. A failure prints its seed and path. */
export function budget(numRuns: number): { numRuns: number } {
  return { numRuns: Math.ceil(numRuns * factor) };
}

/** The time limit of such a test. */
export const TIMEOUT_MS = 30_000 * Math.max(1, factor);
