/** How many small messages pass in a second, one public call each? */
import { NODE_NET, SHM_COPIED, SHM_LENT } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;

/** The question `stream`. */
export const stream: Question = {
  name: 'stream',
  title: '64 B messages one way between two processes',
  target: 'at least 20 times the messages per second of node:net',
  contests: [
    {
      question: 'stream',
      baseline: NODE_NET,
      contenders: [SHM_COPIED, SHM_LENT],
      measure: (pair, slot) => pair.oneWay(SIZE, slot),
      ratio: (ours, baseline) => ours.msgs_per_s / baseline.msgs_per_s,
    },
  ],
};
