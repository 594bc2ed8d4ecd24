/** How many connections a second can be made, used once and closed? */
import { type Contest, NODE_NET, SHM_COPIED } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;

function contest(name: string, concurrency: number): Contest {
  return {
    question: 'churn',
    baseline: NODE_NET,
    contenders: [{ ...SHM_COPIED, name }],
    measure: (pair, slot) => pair.churn(SIZE, concurrency, slot),
    ratio: (ours, baseline) => ours.msgs_per_s / baseline.msgs_per_s,
  };
}

/** The question `churn`; a message is a connection. */
export const churn: Question = {
  name: 'churn',
  title: 'connect, echo 64 B, close, between two processes',
  target: 'at least 5 times the connections per second of node:net, one at a time and 64 at a time',
  // In shorter slots both ends are still being compiled.
  duration_s: 30,
  contests: [contest('one at a time', 1), contest('64 at a time', 64)],
};
