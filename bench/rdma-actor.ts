/** What do socket actors add to a round trip by RDMA? */
import { LONG_SPIN_US, type Variant, VERBS_COPIED } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;

const POLLING = { ...VERBS_COPIED.spec, spinBudgetUs: LONG_SPIN_US };
const STREAM_SOCKETS: Variant = { ...VERBS_COPIED, name: 'stream sockets', spec: POLLING, judged: false };
const INLINE: Variant = { ...VERBS_COPIED, name: 'socket actors', spec: { ...POLLING, actors: true } };
const DEDICATED: Variant = {
  ...VERBS_COPIED,
  name: 'socket actors, dedicated poller',
  spec: { ...INLINE.spec, poller: 'dedicated' },
  judged: false,
};

/** The question `rdma-actor`. */
export const rdmaActor: Question = {
  name: 'rdma-actor',
  title: '64 B echo by RDMA between socket actors of two processes, both polling',
  target: 'a p50 of at most 1.3 times that between stream sockets (a ratio of 0.77)',
  contests: [
    {
      question: 'rdma-actor',
      baseline: STREAM_SOCKETS,
      contenders: [INLINE, DEDICATED],
      rounds: 5,
      measure: (pair, slot) => pair.roundTrips(SIZE, slot),
      ratio: (ours, baseline) => (baseline.p50_us ?? 0) / (ours.p50_us ?? 0),
    },
  ],
};
