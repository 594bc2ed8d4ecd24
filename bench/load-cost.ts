/** What does the load generator cost, and how near to saturation can it hold a rate? */
import { fileURLToPath } from 'node:url';
import { runProgram } from './harness/children.js';
import { type Observer, significant, worstLast } from './harness/contest.js';
import { BenchFailure } from './harness/failure.js';
import { onlyRun, runLoad, startServer } from './harness/load-tool.js';
import { nullCost_us } from './harness/null-target.js';
import { median } from './harness/percentiles.js';
import type { AnyLine, Question } from './harness/question.js';
import { ratioText, table } from './report/text.js';

const AUTOCANNON = fileURLToPath(new URL('./harness/autocannon-run.js', import.meta.url));
const ROUNDS = 3;
/** Of the HTTP runs at most so much of the time is taken: the search behind them takes what it takes, and a question has 43 s. */
const HTTP = { rate_per_s: 10_000, connections: 64, most_ms: 12_000 };
/** As wrk2's clock; autocannon's is coarser by far. */
const TICK_MS = 1;
const LIMIT = 'p99<100us';
const SEARCH_RUN_S = 0.5;

interface CostLine extends AnyLine {
  readonly us_per_request: number;
  readonly baseline: { readonly name: string; readonly us_per_request: number };
}

interface RateLine extends AnyLine {
  readonly rate_per_s: number;
  readonly baseline: { readonly name: string; readonly rate_per_s: number };
}

async function theirs(port: number, seconds: number): Promise<number> {
  const args = [port, HTTP.rate_per_s, HTTP.connections, seconds].map(String);
  const { exitCode, output } = await runProgram(AUTOCANNON, args);
  if (exitCode !== 0) throw new BenchFailure(`autocannon has ended with ${exitCode}`);
  const { us_per_request, failed } = JSON.parse(output) as { us_per_request: number; failed: number };
  if (failed > 0) throw new BenchFailure(`${failed} requests of autocannon have failed`);
  return us_per_request;
}

async function ours(port: number, seconds: number): Promise<number> {
  const { rate_per_s, connections } = HTTP;
  const args = ['--rate', rate_per_s, '--connections', connections, '--tick', TICK_MS, '--duration', seconds];
  return onlyRun(await runLoad([`http://127.0.0.1:${port}/`, ...args.map(String)])).client.us_per_request;
}

async function httpCost(total_ms: number, { tell }: Observer): Promise<CostLine> {
  const server = await startServer('http');
  const seconds = Math.max(1, Math.round(Math.min(total_ms, HTTP.most_ms) / 2_000 / ROUNDS));
  const figures = { ours: [] as number[], theirs: [] as number[] };
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      tell(`HTTP, round ${round} of ${ROUNDS}: sanswitch load`);
      figures.ours.push(await ours(server.port, seconds));
      tell(`HTTP, round ${round} of ${ROUNDS}: autocannon`);
      figures.theirs.push(await theirs(server.port, seconds));
    }
  } finally {
    await server.stop();
  }
  const us_per_request = median(figures.ours);
  const autocannon = median(figures.theirs);
  return {
    question: 'load-cost',
    variant: `HTTP, ${HTTP.rate_per_s}/s`,
    judged: true,
    us_per_request: significant(us_per_request),
    ratio: significant(autocannon / us_per_request),
    baseline: { name: 'autocannon', us_per_request: significant(autocannon) },
  };
}

async function ownCost(closed_per_s: number): Promise<CostLine> {
  const us_per_request = await nullCost_us();
  const whole_us = 1e6 / closed_per_s;
  return {
    question: 'load-cost',
    variant: 'null target, closed loop',
    judged: false,
    us_per_request: significant(us_per_request),
    ratio: significant(whole_us / us_per_request),
    baseline: { name: 'a round trip by shm', us_per_request: significant(whole_us) },
  };
}

async function openLoopShare({ tell }: Observer): Promise<RateLine> {
  const server = await startServer('shm');
  try {
    tell('shared memory: searching');
    const target = `shm://127.0.0.1:${server.port}`;
    const times = ['--warmup', String(SEARCH_RUN_S), '--duration', String(SEARCH_RUN_S)];
    const options = ['--strict', '--in-flight', '1', '--search', '--slo', LIMIT, ...times];
    const { runs, slo } = await runLoad([target, ...options]);
    const closed = runs[0]?.completed_per_s ?? 0;
    const highest = slo?.highest_rate_per_s ?? 0;
    return {
      question: 'load-cost',
      variant: `shm, open loop, ${LIMIT}`,
      judged: true,
      rate_per_s: highest,
      ratio: significant(highest / closed),
      baseline: { name: 'closed loop', rate_per_s: significant(closed) },
    };
  } finally {
    await server.stop();
  }
}

function tableOf(costs: readonly CostLine[], shm: RateLine): string {
  const rows = [['', 'ours', 'against', '', 'ratio']];
  for (const { variant, us_per_request, baseline, ratio } of costs) {
    rows.push([variant, `${us_per_request} µs`, baseline.name, `${baseline.us_per_request} µs`, ratioText(ratio)]);
  }
  rows.push([
    shm.variant,
    `${shm.rate_per_s}/s`,
    shm.baseline.name,
    `${shm.baseline.rate_per_s}/s`,
    ratioText(shm.ratio),
  ]);
  return `\n${loadCost.title}\n${table(rows)}  must be ${loadCost.target}\n`;
}

/** The question `load-cost`. */
export const loadCost: Question = {
  name: 'load-cost',
  title: 'processor time of sanswitch load per HTTP request, and the rate that it holds by shared memory',
  target: 'a third of autocannon’s at most (3), and 0.7 of the closed loop’s rate',
  duration_s: 12,
  contests: [],
  own: {
    async run(total_ms, observer) {
      const http = await httpCost(total_ms, observer);
      const shm = await openLoopShare(observer);
      const own = await ownCost(shm.baseline.rate_per_s);
      return { lines: worstLast([own, http, shm]), table: tableOf([own, http], shm) };
    },
  },
};
