/** How long does a small message take through sockets of the platform's, with the switch below them? */
import { NET_SHM, NODE_NET } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;

/** The question `net-rtt`. */
export const netRtt: Question = {
  name: 'net-rtt',
  title: '64 B echo by net.Socket between two processes under register, both hot',
  target: 'at least 8 times lower p50 than node:net on TCP loopback',
  contests: [
    {
      question: 'net-rtt',
      baseline: NODE_NET,
      contenders: [NET_SHM],
      measure: (pair, slot) => pair.roundTrips(SIZE, slot),
      ratio: (ours, baseline) => (baseline.p50_us ?? 0) / (ours.p50_us ?? 0),
    },
  ],
};
