/** Does the load generator tell the truth about a server that stands still? (G. Tene's coordinated omission, as wrk2 corrects it.) */
import { significant } from './harness/contest.js';
import { BenchFailure } from './harness/failure.js';
import { STALL } from './harness/load-server.js';
import { onlyRun, runLoad, startServer } from './harness/load-tool.js';
import type { AnyLine, Question } from './harness/question.js';
import { ratioText, table, timeText } from './report/text.js';

const RATE_PER_S = 1_000;
const PERCENTILE = 99;
const US_PER_MS = 1_000;

/**
 * Requests that come evenly find the server still with the stall's share of the time, and wait for its end: the longest waits of
 * all are those of the first to come, so the share above the percentile is what came in the first part of each stall.
 */
const EXACT_US = (STALL.length_ms - (1 - PERCENTILE / 100) * STALL.every_ms) * US_PER_MS;

interface TruthLine extends AnyLine {
  readonly p99_us: number;
  readonly raw_p99_us: number;
  readonly baseline: { readonly name: string; readonly p99_us: number };
}

async function measure(total_ms: number): Promise<TruthLine> {
  const server = await startServer('stall');
  try {
    // Whole periods, so that each stall counts as often as any other part.
    const seconds = Math.max(2, Math.round(total_ms / STALL.every_ms));
    const target = `tcp://127.0.0.1:${server.port}`;
    const run = onlyRun(
      await runLoad([target, '--rate', String(RATE_PER_S), '--in-flight', '1', '--duration', String(seconds)]),
    );
    const at = (latency: typeof run.raw): number => {
      const found = latency?.percentiles.find(({ percentile }) => percentile === PERCENTILE);
      if (found === undefined) throw new BenchFailure(`no p${PERCENTILE} in the report`);
      return found.us;
    };
    const p99_us = at(run.corrected);
    return {
      question: 'load-truth',
      variant: 'corrected p99',
      judged: true,
      p99_us: significant(p99_us),
      raw_p99_us: significant(at(run.raw)),
      ratio: significant(Math.min(p99_us / EXACT_US, EXACT_US / p99_us)),
      baseline: { name: 'exact', p99_us: EXACT_US },
    };
  } finally {
    await server.stop();
  }
}

/** The question `load-truth`. */
export const loadTruth: Question = {
  name: 'load-truth',
  title: 'corrected p99 of sanswitch load, one request at a time to a server that stands still 100 ms each second',
  target: 'within 2 % of the exact value (a ratio of 0.98)',
  duration_s: 15,
  contests: [],
  own: {
    async run(total_ms, { tell }) {
      tell('loading');
      const line = await measure(total_ms);
      const rows = [
        ['', 'p99', 'exact', 'ratio'],
        ['corrected', timeText(line.p99_us), timeText(EXACT_US), ratioText(line.ratio)],
        ['raw, as a closed loop has it', timeText(line.raw_p99_us), '', ''],
      ];
      return { lines: [line], table: `\n${loadTruth.title}\n${table(rows)}  must be ${loadTruth.target}\n` };
    },
  },
};
