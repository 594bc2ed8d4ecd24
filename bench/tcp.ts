/** What does the switch cost where it can't help: connections that TCP/IP serves? */
import { NODE_NET, SWITCH_TCP } from './harness/contest.js';
import type { Question } from './harness/question.js';

/** The question `tcp`. */
export const tcp: Question = {
  name: 'tcp',
  title: 'the switch over TCP/IP against node:net without it',
  target: 'at least 0.9 times as good as node:net, round trips (64 B) and bulk (1 MiB) alike',
  contests: [
    {
      question: 'tcp',
      baseline: NODE_NET,
      contenders: [{ ...SWITCH_TCP, name: 'rtt' }],
      measure: (pair, slot) => pair.roundTrips(64, slot),
      ratio: (ours, baseline) => (baseline.p50_us ?? 0) / (ours.p50_us ?? 0),
    },
    {
      question: 'tcp',
      baseline: NODE_NET,
      contenders: [{ ...SWITCH_TCP, name: 'bulk' }],
      measure: (pair, slot) => pair.oneWay(1024 * 1024, slot),
      ratio: (ours, baseline) => ours.gb_per_s / baseline.gb_per_s,
    },
  ],
};
