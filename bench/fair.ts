/** What do small messages suffer from a neighbour that moves data in bulk, between the same two threads? */
import { SHM_COPIED, type Variant } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;
const CONNECTIONS = 64;
const BULK_BYTES = 1024 * 1024;

const ALONE: Variant = {
  ...SHM_COPIED,
  name: 'echoes alone',
  spec: { ...SHM_COPIED.spec, label: 'alone' },
  judged: false,
};
const BESIDE: Variant = {
  ...SHM_COPIED,
  name: 'beside bulk',
  spec: { ...SHM_COPIED.spec, label: 'beside-bulk' },
};

/** The question `fair`. */
export const fair: Question = {
  name: 'fair',
  title: `64 B echo on ${CONNECTIONS} connections at once, beside one that carries 1 MiB messages`,
  target: 'a p99 of at most 5 times what it is without the bulk (a ratio of 0.2)',
  contests: [
    {
      question: 'fair',
      baseline: ALONE,
      contenders: [BESIDE],
      prepare: async (pair) => {
        await pair.gather(CONNECTIONS, 0);
        return {};
      },
      measure: (pair, slot, variant) => pair.crowdRoundTrips(SIZE, slot, variant === BESIDE ? BULK_BYTES : 0),
      ratio: (ours, baseline) => (baseline.p99_us ?? 0) / (ours.p99_us ?? 0),
    },
  ],
};
