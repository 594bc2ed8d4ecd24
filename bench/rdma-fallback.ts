/** What does it cost that a peer speaks TCP/IP only, at an address that RDMA would serve? */
import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { createSwitch, type Switch } from 'sanswitch';
import { type Observer, significant, worstLast } from './harness/contest.js';
import { BenchFailure } from './harness/failure.js';
import { median } from './harness/percentiles.js';
import { rdmaHost, verbsEntry } from './harness/place.js';
import type { AnyLine, Question } from './harness/question.js';
import { ratioText, table, timeText } from './report/text.js';

/** Each has to be a port of its own: what was refused is remembered by address and port (rule 3.5). */
const PORTS_PER_ROUND = 4;
const ROUNDS = { least: 5, most: 100 };

interface FallbackLine extends AnyLine {
  readonly provider: string;
  readonly p50_us: number;
  readonly rounds: number;
  readonly baseline: { readonly name: string; readonly provider: string; readonly p50_us: number };
}

/** What each connect has taken, µs. */
interface Times {
  readonly platform: number[];
  readonly refused: number[];
  readonly first: number[];
  readonly cached: number[];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start_ms = performance.now();
  await work();
  return (performance.now() - start_ms) * 1_000;
}

async function platformConnect(host: string, port: number): Promise<void> {
  const socket = new Socket();
  socket.connect({ host, port });
  await once(socket, 'connect');
  socket.destroy();
}

/** A connect that RDMA alone may serve, where nobody listens by RDMA. */
async function refusedConnect(sw: Switch, host: string, port: number): Promise<void> {
  const socket = await sw.connect({ host, port }).catch(() => null);
  if (socket === null) return;
  socket.abort();
  throw new BenchFailure(`somebody listens by RDMA on ${host}:${port}`);
}

async function fallenBack(sw: Switch, host: string, port: number): Promise<void> {
  const socket = await sw.connect({ host, port });
  const { provider } = socket;
  socket.abort();
  if (provider !== 'tcp') throw new BenchFailure(`the connect did not fall back: ${provider} served it`);
}

/** A plain server, and one connect of each kind to it. */
async function oneServer(demanding: Switch, lenient: Switch, host: string, times: Times): Promise<void> {
  const server = createServer((socket) => void socket.on('error', () => {}).resume());
  server.listen(0, host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  times.platform.push(await timed(() => platformConnect(host, port)));
  times.refused.push(await timed(() => refusedConnect(demanding, host, port)));
  times.first.push(await timed(() => fallenBack(lenient, host, port)));
  times.cached.push(await timed(() => fallenBack(lenient, host, port)));
  server.close();
}

async function measure(total_ms: number, { tell }: Observer): Promise<FallbackLine[]> {
  const host = rdmaHost();
  const demanding = await createSwitch({ providers: [verbsEntry(true)] });
  const lenient = await createSwitch({ providers: [verbsEntry(false)] });
  const times: Times = { platform: [], refused: [], first: [], cached: [] };
  let rounds = 0;
  try {
    tell('warming up');
    await oneServer(demanding, lenient, host, { platform: [], refused: [], first: [], cached: [] });
    const end_ms = performance.now() + total_ms;
    for (; rounds < ROUNDS.least || (rounds < ROUNDS.most && performance.now() < end_ms); rounds++) {
      tell(`round ${rounds + 1}`);
      for (let i = 0; i < PORTS_PER_ROUND; i++) await oneServer(demanding, lenient, host, times);
    }
  } finally {
    await demanding.close();
    await lenient.close();
  }
  return linesOf(times, rounds);
}

function linesOf({ platform, refused, first, cached }: Times, rounds: number): FallbackLine[] {
  const [platform_us, refused_us] = [median(platform), median(refused)];
  const line = (variant: string, judged: boolean, ours: readonly number[], name: string, theirs_us: number) => {
    const p50_us = significant(median(ours));
    const baseline = { name, provider: 'node:net', p50_us: significant(theirs_us) };
    const ratio = significant(theirs_us / p50_us);
    return { question: 'rdma-fallback', variant, judged, provider: 'tcp', p50_us, rounds, baseline, ratio };
  };
  return worstLast([
    line('first connect', true, first, 'node:net and a refused RDMA connect', platform_us + refused_us),
    line('further connects', false, cached, 'node:net', platform_us),
  ]);
}

function tableOf(lines: readonly FallbackLine[]): string {
  const rows = [['variant', 'p50', 'baseline', 'p50', 'ratio']];
  for (const { variant, p50_us, baseline, ratio } of lines) {
    rows.push([variant, timeText(p50_us), baseline.name, timeText(baseline.p50_us), ratioText(ratio)]);
  }
  return `\n${rdmaFallback.title}\n${table(rows)}  must be ${rdmaFallback.target}\n`;
}

/** The question `rdma-fallback`. */
export const rdmaFallback: Question = {
  name: 'rdma-fallback',
  title: 'connects to a plain TCP server at an address that RDMA serves',
  target: 'at most 1.2 times node:net and a refused RDMA connect (a ratio of 0.83) the first time',
  duration_s: 5,
  contests: [],
  own: {
    async run(total_ms, observer) {
      const lines = await measure(total_ms, observer);
      return { lines, table: tableOf(lines) };
    },
  },
};
