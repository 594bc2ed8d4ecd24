/** What do socket actors on workers cost or bring where clients know nothing but TCP/IP? */
import { NODE_NET, type Variant } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;
const CONNECTIONS = 256;

function onWorkers(count: number, judged: boolean): Variant {
  const name = count === 1 ? '1 worker' : `${count} workers`;
  return { ...NODE_NET, name, spec: { ...NODE_NET.spec, actorWorkers: count }, judged };
}

/** The question `echo-tcp`. */
export const echoTcp: Question = {
  name: 'echo-tcp',
  title: `64 B echo on ${CONNECTIONS} connections of node:net clients at once, by socket actors on workers`,
  target: 'at least 0.95 times the requests of a node:net server with 1 worker',
  contests: [
    {
      question: 'echo-tcp',
      baseline: NODE_NET,
      contenders: [onWorkers(1, true), onWorkers(2, false)],
      prepare: async (pair) => {
        await pair.gather(CONNECTIONS, 0);
        return {};
      },
      measure: (pair, slot) => pair.crowdRoundTrips(SIZE, slot),
      ratio: (ours, baseline) => ours.msgs_per_s / baseline.msgs_per_s,
    },
  ],
};
