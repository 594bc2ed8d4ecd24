/** How long does a small message take, there and back, between two processes that sleep in the meantime? */
import { NODE_NET, SHM_COPIED } from './harness/contest.js';
import type { Slot } from './harness/pair.js';
import type { Question } from './harness/question.js';

const SIZE = 64;
const INTERVAL_MS = 10;
/** At full speed, before anything is measured: what is asked is what sleeping costs, not what compiling does. */
const HOT: Slot = { warmup_ms: 0, duration_ms: 1000 };

/** The question `cold`. */
export const cold: Question = {
  name: 'cold',
  title: '64 B echo, 100 a second, between two processes that sleep in between, after a second at full speed',
  target: 'no higher p50 than node:net',
  contests: [
    {
      question: 'cold',
      baseline: NODE_NET,
      contenders: [SHM_COPIED],
      prepare: async (pair) => {
        await pair.roundTrips(SIZE, HOT);
        return {};
      },
      measure: (pair, slot) => pair.roundTrips(SIZE, slot, INTERVAL_MS),
      ratio: (ours, baseline) => (baseline.p50_us ?? 0) / (ours.p50_us ?? 0),
    },
  ],
};
