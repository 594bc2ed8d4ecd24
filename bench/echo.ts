/** How many requests do socket actors on workers answer, over shared memory and over TCP/IP? */
import { SHM_COPIED, SWITCH_TCP, type Variant } from './harness/contest.js';
import type { Question } from './harness/question.js';

const SIZE = 64;
const CONNECTIONS = 256;
const WORKERS = 2;

const TCP: Variant = {
  ...SWITCH_TCP,
  name: 'tcp',
  spec: { ...SWITCH_TCP.spec, actorWorkers: WORKERS },
  judged: false,
};
const SHM: Variant = { ...SHM_COPIED, name: 'shm', spec: { ...SHM_COPIED.spec, actorWorkers: WORKERS } };

/** The question `echo`. */
export const echo: Question = {
  name: 'echo',
  title: `64 B echo on ${CONNECTIONS} connections at once, by socket actors on ${WORKERS} workers; one client process`,
  target: 'at least 10 times the requests of the same program with provider tcp',
  contests: [
    {
      question: 'echo',
      baseline: TCP,
      contenders: [SHM],
      prepare: async (pair) => {
        await pair.gather(CONNECTIONS, 0);
        return {};
      },
      measure: (pair, slot) => pair.crowdRoundTrips(SIZE, slot),
      ratio: (ours, baseline) => ours.msgs_per_s / baseline.msgs_per_s,
    },
  ],
};
