import { describe, expect, it } from 'vitest';
import type { Line } from '../../bench/harness/contest.js';
import { runToEnd } from './command.js';

const LIMIT_MS = 60_000;
/** A shared machine may have its processors taken away for a second; not three times in a row. */
const RETRIES = 2;
/** Of what must be reached on a quiet machine: these runs are short. */
const TENTH = 0.1;
/** Both ends spin while they wait: less than this shows that they did not have a processor each, and then nobody can be hot. */
const HOT_CPU_PERCENT = 150;

async function ask(question: string, duration_s: string): Promise<Line[]> {
  const { exitCode, stdout, stderr } = await runToEnd('main', [question, '--json', '--duration', duration_s]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

describe('npm run bench, unmodified programs', () => {
  it.each([
    ['net-rtt', ['register, shm'], 8],
    ['net-stream', ['64 B', '64 KiB'], 3],
    ['http', ['1 connection', '64 connections'], 1.5],
    ['https', ['1 connection', '64 connections'], 1],
    ['http2', ['100 streams'], 1],
    ['http-undici', ['64 connections'], 1.3],
    ['ws', ['64 connections'], 2],
    ['grpc', ['64 calls in flight'], 1],
  ] as const)(
    '%s: over shared memory, both ends',
    { timeout: LIMIT_MS, retry: RETRIES },
    async (question, variants, least) => {
      const lines = await ask(question, '3');
      expect(lines.map(({ variant }) => variant).sort()).toEqual(variants);
      for (const line of lines) {
        expect(line).toMatchObject({ question, provider: 'shm', judged: true });
        expect(line.baseline).toMatchObject({ name: 'node:net', provider: 'node:net', size: line.size });
        for (const figures of [line, line.baseline]) {
          expect(figures.msgs_per_s).toBeGreaterThan(0);
          expect(figures.p99_us ?? 0).toBeGreaterThanOrEqual(figures.p50_us ?? 0);
        }
        expect(line.ratio).toBeGreaterThan(0);
        if (line.cpu_percent > HOT_CPU_PERCENT) expect(line.ratio).toBeGreaterThan(least * TENTH);
      }
    },
  );

  it('register-cost: next to nothing on TCP/IP', { timeout: LIMIT_MS, retry: RETRIES }, async () => {
    const lines = await ask('register-cost', '4');
    expect(lines.map(({ variant }) => variant).sort()).toEqual(['64 B', '64 KiB', 'http', 'rtt']);
    for (const line of lines) {
      expect(line).toMatchObject({ question: 'register-cost', provider: 'node:net', judged: true });
      expect(line.baseline).toMatchObject({ name: 'node:net', provider: 'node:net', size: line.size });
      expect(line.ratio).toBeGreaterThan(0.95 * TENTH);
    }
  });
});
