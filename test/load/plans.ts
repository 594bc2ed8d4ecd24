/** Plans of runs, for tests that are about a part of one. */
import type { RunPlan } from '#src/load/plan.js';

/** A closed loop of one connection with 64 bytes to nobody, but for what is given. */
export function planOf(fields: Partial<RunPlan>): RunPlan {
  const sizes = [{ least: 64, most: 64, weight: 1 }];
  return {
    name: 'test',
    target: { url: 'tcp://127.0.0.1:9', host: '127.0.0.1', port: 9, path: '/', providers: ['tcp!'] },
    protocol: 'echo',
    connections: 1,
    inFlight: 1,
    sizes,
    answers: sizes,
    rate_per_s: null,
    arrivals: 'constant',
    warmup_ms: 0,
    duration_ms: 1_000,
    requests: null,
    tick_ms: 0,
    lateTolerance_ms: 1,
    patience_ms: 1_000,
    seed: 1,
    isWatched: true,
    ...fields,
  };
}
