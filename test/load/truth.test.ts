/** Whether `sanswitch load` tells the truth: against a server whose delays are known, and against other people's instruments. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import type { Latency } from '#src/load/report.js';
import { ensurePrograms } from '../../tools/lib/debian.mjs';
import { expectConsistent, load, onlyRun, PATIENCE_MS } from './command.js';
import { stallServer } from './stalls.js';

/** What disturbs this machine must not decide. */
const TRIES = 3;

function at(latency: Latency | null, wanted: number): number {
  const found = latency?.percentiles.find(({ percentile }) => percentile === wanted);
  if (found === undefined) throw new Error(`no p${wanted}`);
  return found.us;
}

/** The first of some measurements that is as it must be, or else the last. */
async function bestOf<T>(measure: () => Promise<T>, isGood: (figures: T) => boolean): Promise<T> {
  let figures = await measure();
  for (let tries = 1; tries < TRIES && !isGood(figures); tries++) figures = await measure();
  return figures;
}

const STALL = { length_ms: 100, every_ms: 1_000 };

describe('a server that stands still for 100 ms each second', () => {
  it('shows it in the corrected p99, and hides it from the raw one', async () => {
    const server = await stallServer(STALL);
    const args = ['--rate', '1000', '--in-flight', '1', '--warmup', '0.5', '--duration', '4'];
    const isGood = ({ corrected }: { corrected: number }): boolean => Math.abs(corrected / 90_000 - 1) <= 0.1;
    const figures = await bestOf(async () => {
      const run = onlyRun((await load([`tcp://127.0.0.1:${server.port}`, ...args])).report);
      expectConsistent(run);
      return { corrected: at(run.corrected, 99), raw: at(run.raw, 99), median: at(run.corrected, 50) };
    }, isGood);
    await server.stop();
    // Requests that come evenly wait from 100 ms down to none, a tenth of all: the greatest hundredth waits 90 ms and more.
    expect(figures.corrected).toBeGreaterThan(81_000);
    expect(figures.corrected).toBeLessThan(99_000);
    expect(figures.raw).toBeLessThan(figures.corrected / 2);
    expect(figures.median).toBeLessThan(20_000);
  });
});

describe('a server that delays its first answer by 30 ms', () => {
  it('does not stop the generator', async () => {
    let isFirst = true;
    const server = createServer((socket) => {
      socket.setNoDelay(true).on('error', () => {});
      socket.on('data', (bytes) => {
        if (!isFirst) return void socket.write(bytes);
        isFirst = false;
        setTimeout(() => socket.write(bytes), 30);
      });
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const args = ['--rate', '200', '--in-flight', '1', '--warmup', '0', '--duration', '1', '--tolerance', '1000'];
    const run = onlyRun((await load([`tcp://127.0.0.1:${port}`, ...args])).report);
    server.close();
    expectConsistent(run);
    expect(run.completed).toBeGreaterThanOrEqual(190);
  });
});

const SOCKPERF_FLAGS = 9;
/** What our client's event loop may add to a round trip; some 20 µs where nothing else runs. */
const LOOP_US = 200;

/** What a program prints, run to its end. */
async function printed(program: string, args: readonly string[]): Promise<string> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: PATIENCE_MS });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (more: string) => {
      text += more;
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${program} has ended with ${code}: ${text}`);
  return text;
}

/** Why a comparison is left out: in the title, where whoever reads the results sees it. */
function lackOf(program: string): string {
  const { missing, message } = ensurePrograms(program, { [program]: program }, { args: [] });
  return missing.length === 0 ? '' : ` (${message})`;
}

describe("beside other people's instruments", () => {
  const wrkLack = lackOf('wrk');
  it.skipIf(wrkLack !== '')(`a closed loop has wrk's rate${wrkLack}`, async () => {
    const server = createHttpServer((_, response) => void setTimeout(() => response.end('hello'), 5));
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    // Five milliseconds of each answer are the server's waiting: what the machine does meanwhile matters little.
    const ratio = await bestOf(
      async () => {
        const [, theirs] = /Requests\/sec:\s+([\d.]+)/.exec(await printed('wrk', ['-t1', '-c8', '-d2', url])) ?? [];
        const args = ['--in-flight', '1', '-c', '8', '--warmup', '0.5', '--duration', '2'];
        return onlyRun((await load([url, ...args])).report).completed_per_s / Number(theirs);
      },
      (found) => Math.abs(found - 1) < 0.15,
    );
    server.closeAllConnections();
    server.close();
    expect(ratio).toBeGreaterThan(0.85);
    expect(ratio).toBeLessThan(1.15);
  });

  const sockperfLack = lackOf('sockperf');
  it.skipIf(sockperfLack !== '')(
    `a round trip takes what sockperf's does, and an event loop${sockperfLack}`,
    async () => {
      const server = createServer((socket) => {
        socket.setNoDelay(true).on('error', () => {});
        socket.on('data', (bytes) => {
          // Where sockperf's messages say that a client has sent them; ours have nothing to say.
          if (bytes.length > SOCKPERF_FLAGS) bytes[SOCKPERF_FLAGS] = (bytes[SOCKPERF_FLAGS] as number) & ~1;
          socket.write(bytes);
        });
      });
      await once(server.listen(0, '127.0.0.1'), 'listening');
      const { port } = server.address() as AddressInfo;
      const place = ['--tcp', '-i', '127.0.0.1', '-p', String(port)];
      const figures = await bestOf(
        async () => {
          const text = await printed('sockperf', ['ping-pong', ...place, '-m', '64', '-t', '2', '--full-rtt']);
          const [, theirs] = /percentile 50\.000 =\s+([\d.]+)/.exec(text) ?? [];
          const args = ['--in-flight', '1', '--size', '64', '--warmup', '0.5', '--duration', '2'];
          const { raw } = onlyRun((await load([`tcp://127.0.0.1:${port}`, ...args])).report);
          return { theirs: Number(theirs), ours: at(raw, 50) };
        },
        ({ theirs, ours }) => ours > theirs * 0.8 && ours < theirs + LOOP_US,
      );
      server.close();
      expect(figures.ours).toBeGreaterThan(figures.theirs * 0.8);
      expect(figures.ours).toBeLessThan(figures.theirs + LOOP_US);
    },
  );
});
