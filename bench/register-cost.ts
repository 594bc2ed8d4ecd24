/** What does `register` cost where it can't help: connections to peers that know nothing but TCP/IP? */
import { type Contest, NET_REGISTERED, NODE_NET } from './harness/contest.js';
import type { Figures } from './harness/pair.js';
import type { Question } from './harness/question.js';
import { warmCrowd } from './harness/warm-crowd.js';

const question = 'register-cost';
const baseline = NODE_NET;
const ofTimes = (ours: Figures, theirs: Figures): number => (theirs.p50_us ?? 0) / (ours.p50_us ?? 0);

function oneWay(name: string, size: number): Contest {
  return {
    question,
    baseline,
    contenders: [{ ...NET_REGISTERED, name }],
    measure: (pair, slot) => pair.oneWay(size, slot),
    ratio: (ours, theirs) => ours.gb_per_s / theirs.gb_per_s,
  };
}

const HTTP_CONNECTIONS = 64;

/** The question `register-cost`. */
export const registerCost: Question = {
  name: question,
  title: 'sockets of node:net and node:http on TCP/IP with register at one end',
  target: 'at least 0.95 times as good as without register',
  duration_s: 20,
  contests: [
    {
      question,
      baseline,
      contenders: [{ ...NET_REGISTERED, name: 'rtt' }],
      measure: (pair, slot) => pair.roundTrips(64, slot),
      ratio: ofTimes,
    },
    oneWay('64 B', 64),
    oneWay('64 KiB', 64 * 1024),
    {
      question,
      baseline: { ...baseline, spec: { ...baseline.spec, program: 'http' } },
      contenders: [{ ...NET_REGISTERED, name: 'http', spec: { ...NET_REGISTERED.spec, program: 'http' } }],
      prepare: warmCrowd(HTTP_CONNECTIONS),
      measure: (pair, slot) => pair.crowdRoundTrips(64, slot),
      ratio: (ours, theirs) => ours.msgs_per_s / theirs.msgs_per_s,
    },
  ],
};
