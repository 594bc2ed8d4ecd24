/** How long does a small message take, there and back, between two processes that sleep in the meantime? */
import { NODE_NET, SHM_COPIED } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;
const INTERVAL_MS = 10;

/** The question `cold`. */
export const cold: Question = {
  name: 'cold',
  title: '64 B echo, 100 a second, between two processes that sleep in between',
  target: 'no higher p50 than node:net',
  contests: [
    {
      question: 'cold',
      baseline: NODE_NET,
      contenders: [SHM_COPIED],
      measure: (pair, slot) => pair.roundTrips(SIZE, slot, INTERVAL_MS),
      ratio: (ours, baseline) => (baseline.p50_us ?? 0) / (ours.p50_us ?? 0),
    },
  ],
};
