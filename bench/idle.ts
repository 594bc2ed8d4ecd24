/** What do connections cost that nobody uses? */
import { NODE_NET, SHM_COPIED, significant } from './harness/contest.js';
import type { Figures } from './harness/pair.js';
import type { Question } from './harness/question.js';

const CONNECTIONS = 1000;
/** Of one process; at most this much. */
const MARK_PERCENT = 0.5;
/** The least that is told apart from nothing. */
const LEAST_PERCENT = 0.001;

function busierPercent({ cpu_percent, cpu_percent_by_process: each }: Figures): number {
  return Math.max(each?.server ?? cpu_percent, each?.client ?? cpu_percent, LEAST_PERCENT);
}

/** The question `idle`. */
export const idle: Question = {
  name: 'idle',
  title: `${CONNECTIONS} open connections that nothing happens on; the ratio is ${MARK_PERCENT} % to the CPU time of the busier process`,
  target: `at least 1x: less than ${MARK_PERCENT} % of a CPU in each process`,
  // Ten seconds of each variant are measured.
  duration_s: 27,
  contests: [
    {
      question: 'idle',
      baseline: NODE_NET,
      contenders: [SHM_COPIED],
      rounds: 1,
      prepare: (pair) => pair.gather(CONNECTIONS, 0),
      measure: (pair, slot) => pair.rest(slot),
      ratio: (ours) => MARK_PERCENT / busierPercent(ours),
      annotate: (ours) => ({ cpu_percent_busier: significant(busierPercent(ours)) }),
    },
  ],
};
