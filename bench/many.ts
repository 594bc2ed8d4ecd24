/** What do ten thousand connections cost that have been used, in memory and for the one that is in use? */
import { SHM_COPIED, type Variant } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;
const CONNECTIONS = 10_000;
const LOAD_BYTES = 1024 * 1024;

const ALONE: Variant = {
  ...SHM_COPIED,
  name: 'one connection',
  spec: { ...SHM_COPIED.spec, label: 'alone' },
  judged: false,
};
const CROWDED: Variant = {
  ...SHM_COPIED,
  name: `beside ${CONNECTIONS}`,
  spec: { ...SHM_COPIED.spec, label: 'crowded' },
};

/** The question `many`. */
export const many: Question = {
  name: 'many',
  title: `64 B echo beside ${CONNECTIONS} idle connections, each of which has carried 1 MiB`,
  target: 'at least 0.9 times as fast as without them, at most 12,288 bytes per connection (PSS of one process)',
  contests: [
    {
      question: 'many',
      baseline: ALONE,
      contenders: [CROWDED],
      prepare: async (pair, variant) => (variant === CROWDED ? pair.gather(CONNECTIONS, LOAD_BYTES) : {}),
      measure: (pair, slot) => pair.roundTrips(SIZE, slot),
      ratio: (ours, baseline) => (baseline.p50_us ?? 0) / (ours.p50_us ?? 0),
    },
  ],
};
