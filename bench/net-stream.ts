/** How much passes one way through sockets of the platform's, with the switch below them, by `write` and `data`? */
import { type Contest, NET_SHM, NODE_NET } from './harness/contest.js';
import type { Figures } from './harness/pair.js';
import type { Question } from './harness/question.js';

function contest(name: string, size: number, of: (figures: Figures) => number): Contest {
  return {
    question: 'net-stream',
    baseline: NODE_NET,
    contenders: [{ ...NET_SHM, name }],
    measure: (pair, slot) => pair.oneWay(size, slot),
    ratio: (ours, baseline) => of(ours) / of(baseline),
  };
}

/** The question `net-stream`. */
export const netStream: Question = {
  name: 'net-stream',
  title: 'writes one way by net.Socket between two processes under register',
  target: 'at least 4 times the messages per second (64 B) and 3 times the bytes (64 KiB) of node:net on TCP loopback',
  contests: [contest('64 B', 64, (f) => f.msgs_per_s), contest('64 KiB', 64 * 1024, (f) => f.gb_per_s)],
};
