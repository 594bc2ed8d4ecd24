/** How many bytes pass in a second when messages are large? */
import { NODE_NET, SHM_COPIED, SHM_LENT, SHM_OWN_BUFFER } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 1024 * 1024;

/** The question `bulk`. */
export const bulk: Question = {
  name: 'bulk',
  title: '1 MiB messages one way between two processes',
  target: 'at least 6 times the bytes per second of node:net',
  contests: [
    {
      question: 'bulk',
      baseline: NODE_NET,
      contenders: [SHM_COPIED, SHM_OWN_BUFFER, SHM_LENT],
      measure: (pair, slot) => pair.oneWay(SIZE, slot),
      ratio: (ours, baseline) => ours.gb_per_s / baseline.gb_per_s,
    },
  ],
};
