import { describe, expect, it } from 'vitest';
import type { Line } from '../../bench/harness/contest.js';
import { runToEnd } from './command.js';

const LIMIT_MS = 60_000;
/** A shared machine may have its processors taken away for a second; not three times in a row. */
const RETRIES = 2;
/** Of what must be reached on a quiet machine: these runs are short. */
const TENTH = 0.1;
/** Memory hardly depends on how busy the machine is, but on the version of V8. */
const MEMORY_SLACK = 1.2;

async function ask(question: string, duration_s: string): Promise<Line[]> {
  const { exitCode, stdout, stderr } = await runToEnd('main', [question, '--json', '--duration', duration_s]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  for (const line of lines) {
    expect(line).toMatchObject({ question, provider: 'shm', judged: true });
    expect(line.ratio).toBeGreaterThan(0);
  }
  return lines;
}

function expectTimes(line: Line): void {
  for (const figures of [line, line.baseline]) {
    expect(figures.p50_us).toBeGreaterThan(0);
    expect(figures.p99_us).toBeGreaterThanOrEqual(figures.p50_us as number);
    expect(figures.msgs_per_s).toBeGreaterThan(0);
  }
}

describe('npm run bench, at scale', () => {
  it('cold: a hundred echoes a second', { timeout: LIMIT_MS, retry: RETRIES }, async () => {
    const [line] = (await ask('cold', '3')) as [Line];
    expectTimes(line);
    expect(line.baseline.name).toBe('node:net');
    expect(line.msgs_per_s).toBeLessThan(101);
    expect(line.ratio).toBeGreaterThan(TENTH);
  });

  it('idle: a thousand connections for next to nothing', { timeout: LIMIT_MS, retry: RETRIES }, async () => {
    const [line] = (await ask('idle', '4')) as [Line];
    expect(line.baseline).toMatchObject({ name: 'node:net', provider: 'node:net' });
    expect(line.baseline.descriptors).toBeGreaterThanOrEqual(1000);
    expect(line.descriptors).toBeLessThan(100);
    expect(line.cpu_percent).toBeGreaterThan(0);
    expect(line.ratio).toBeGreaterThan(TENTH);
  });

  it('many: ten thousand neighbours, hardly felt', { timeout: LIMIT_MS, retry: RETRIES }, async () => {
    const [line] = (await ask('many', '2')) as [Line];
    expectTimes(line);
    expect(line.pss_bytes_per_connection).toBeGreaterThan(0);
    expect(line.pss_bytes_per_connection).toBeLessThan(12_288 * MEMORY_SLACK);
    expect(line.descriptors).toBeLessThan(1000);
    expect(line.ratio).toBeGreaterThan(0.9 * TENTH);
  });

  it('churn: more connections, one or many at a time', { timeout: LIMIT_MS, retry: RETRIES }, async () => {
    const lines = await ask('churn', '3');
    expect(lines.map(({ variant }) => variant).sort()).toEqual(['64 at a time', 'one at a time']);
    for (const line of lines) {
      expectTimes(line);
      expect(line.baseline.name).toBe('node:net');
    }
    expect(lines.at(-1)?.ratio).toBeGreaterThan(5 * TENTH);
  });

  it('fair: small messages beside bulk', { timeout: LIMIT_MS, retry: RETRIES }, async () => {
    const [line] = (await ask('fair', '2')) as [Line];
    expectTimes(line);
    expect(line.bulk_gb_per_s).toBeGreaterThan(0.1);
    expect(line.ratio).toBeGreaterThan(0.2 * TENTH);
  });
});
