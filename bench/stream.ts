/** How many small messages pass in a second, one public call each? */
import { NODE_NET, SHM_COPIED, SHM_LENT, type Variant } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;

/** What the baseline reaches when it may queue as much as the switch does: its default mark is 16 KiB, ours 1 MiB. */
const NODE_NET_DEEP: Variant = {
  name: 'node:net, 1 MiB mark',
  spec: { transport: 'net', lend: false, highWaterMarkBytes: 1024 * 1024 },
  provider: 'node:net',
  judged: false,
};

/** The question `stream`. */
export const stream: Question = {
  name: 'stream',
  title: '64 B messages one way between two processes',
  target: 'at least 20 times the messages per second of node:net',
  contests: [
    {
      question: 'stream',
      baseline: NODE_NET,
      contenders: [SHM_COPIED, SHM_LENT, NODE_NET_DEEP],
      measure: (pair, slot) => pair.oneWay(SIZE, slot),
      ratio: (ours, baseline) => ours.msgs_per_s / baseline.msgs_per_s,
    },
  ],
};
