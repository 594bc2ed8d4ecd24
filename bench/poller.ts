/** Which poller should be the default: each thread's own, or one for all of the process? */
import { type Contest, SHM_COPIED, type Variant } from './harness/contest.js';
import type { Figures } from './harness/pair.js';
import type { Question } from './harness/question.js';

const ECHO_BYTES = 64;
const STREAM_BYTES = 16 * 1024;
const THREADS = 8;
const STRETCHES = { stretch_ms: 20, every_ms: 100 };
const COMPUTES = `the server computes ${STRETCHES.stretch_ms} of ${STRETCHES.every_ms} ms`;

type Kind = 'inline' | 'dedicated';

function variant(poller: Kind, name: string, threads?: number): Variant {
  const label = threads === undefined ? poller : `${poller}-${threads}`;
  return { ...SHM_COPIED, name, spec: { ...SHM_COPIED.spec, poller, threads, label }, judged: false };
}

function contest(what: string, measure: Contest['measure'], ratio: Contest['ratio'], threads?: number): Contest {
  return {
    question: 'poller',
    baseline: variant('inline', 'inline', threads),
    contenders: [variant('dedicated', `dedicated: ${what}`, threads)],
    measure,
    ratio,
  };
}

const byMedian = (ours: Figures, inline: Figures): number => (inline.p50_us ?? 0) / (ours.p50_us ?? 0);
const byRate = (ours: Figures, inline: Figures): number => ours.msgs_per_s / inline.msgs_per_s;

/** The question `poller`: it decides a default, so no answer is wrong. */
export const poller: Question = {
  name: 'poller',
  title: 'both ends with a dedicated poller, against both polling inline',
  // Five rounds of each contest.
  duration_s: 20,
  contests: [
    contest('64 B echo, hot, by p50', (pair, slot) => pair.roundTrips(ECHO_BYTES, slot), byMedian),
    contest(
      `64 B echo, ${COMPUTES}, by rate`,
      (pair, slot) => pair.whileServerComputes(STRETCHES, () => pair.roundTrips(ECHO_BYTES, slot)),
      byRate,
    ),
    contest(
      `16 KiB one way, ${COMPUTES}, by rate`,
      (pair, slot) => pair.whileServerComputes(STRETCHES, () => pair.oneWay(STREAM_BYTES, slot)),
      byRate,
    ),
    contest(
      `64 B echo, ${THREADS} threads a side, by rate`,
      (pair, slot) => pair.roundTrips(ECHO_BYTES, slot),
      byRate,
      THREADS,
    ),
  ],
};
