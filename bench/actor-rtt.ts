/** What do socket actors add to a round trip? */
import { SHM_COPIED, type Variant } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;

const STREAM_SOCKETS: Variant = { ...SHM_COPIED, name: 'stream sockets', judged: false };
const ACTORS: Variant = { ...SHM_COPIED, name: 'socket actors', spec: { ...SHM_COPIED.spec, actors: true } };

/** The question `actor-rtt`. */
export const actorRtt: Question = {
  name: 'actor-rtt',
  title: '64 B echo between socket actors of two processes, both hot',
  target: 'a p50 of at most 1.3 times that between stream sockets (a ratio of 0.77)',
  contests: [
    {
      question: 'actor-rtt',
      baseline: STREAM_SOCKETS,
      contenders: [ACTORS],
      measure: (pair, slot) => pair.roundTrips(SIZE, slot),
      ratio: (ours, baseline) => (baseline.p50_us ?? 0) / (ours.p50_us ?? 0),
    },
  ],
};
