/** How long does a small message take, there and back, when both processes are hot? */
import { NODE_NET, SHM_COPIED, SHM_LENT, significant, type Variant } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;

/** Two bare rings between two processes that poll in JavaScript: what the layers above can at best reach. */
const RAW_RING: Variant = {
  name: 'raw ring',
  spec: { transport: 'ring', lend: false },
  provider: 'ring',
  judged: false,
};

/** The question `rtt`. */
export const rtt: Question = {
  name: 'rtt',
  title: '64 B echo between two processes, both hot',
  target: 'at least 40 times lower p50 than node:net, or at most 3 times the raw ring',
  contests: [
    {
      question: 'rtt',
      baseline: NODE_NET,
      contenders: [SHM_COPIED, SHM_LENT],
      references: [RAW_RING],
      measure: (pair, slot) => pair.roundTrips(SIZE, slot),
      ratio: (ours, baseline) => (baseline.p50_us ?? 0) / (ours.p50_us ?? 0),
      annotate: (ours, [ring]) => ({
        raw_ring_p50_us: ring?.p50_us ?? 0,
        vs_raw_ring: significant((ours.p50_us ?? 0) / (ring?.p50_us ?? 0)),
      }),
    },
  ],
};
