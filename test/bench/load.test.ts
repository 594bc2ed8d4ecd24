// What is asked of the load generator: that there is an answer, and that it is no nonsense.
import { describe, expect, it } from 'vitest';
import { runToEnd } from './command.js';

const LIMIT_MS = 180_000;
/** A search takes as many runs as the machine makes it take. */
const PATIENT = { SANSWITCH_BENCH_SLOWNESS: '3' };
/** A shared machine may have its processors taken away for a second; not three times in a row. */
const RETRIES = 2;

interface Line {
  readonly question: string;
  readonly variant: string;
  readonly judged: boolean;
  readonly ratio: number;
  readonly us_per_request?: number;
  readonly p99_us?: number;
  readonly raw_p99_us?: number;
  readonly baseline: Readonly<Record<string, unknown>>;
}

async function ask(question: string, duration_s: string): Promise<Line[]> {
  const { exitCode, stdout, stderr } = await runToEnd('main', [question, '--json', '--duration', duration_s], PATIENT);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

describe('npm run bench, of the load generator', () => {
  it('load-truth: sees what a server that stands still does to its p99', {
    timeout: LIMIT_MS,
    retry: RETRIES,
  }, async () => {
    const [line, ...others] = await ask('load-truth', '4');
    expect(others).toEqual([]);
    expect(line).toMatchObject({ question: 'load-truth', judged: true, baseline: { name: 'exact' } });
    // Within 2 % on a quiet machine.
    expect(line?.ratio).toBeGreaterThan(0.8);
    expect(line?.raw_p99_us).toBeLessThan((line?.p99_us ?? 0) / 2);
  });

  it('load-cost: of itself, beside autocannon, and at the rate that it holds', {
    timeout: LIMIT_MS,
    retry: RETRIES,
  }, async () => {
    const lines = await ask('load-cost', '2');
    const names = ['HTTP, 10000/s', 'null target, closed loop', 'shm, open loop, p99<100us'];
    expect(lines.map(({ variant }) => variant).sort()).toEqual(names);
    expect(lines[0]).toMatchObject({ variant: 'null target, closed loop', judged: false });
    // 0.4 µs on a quiet machine.
    expect(lines[0]?.us_per_request).toBeLessThan(4);
    const http = lines.find(({ variant }) => variant === names[0]);
    expect(http?.baseline).toMatchObject({ name: 'autocannon' });
    expect(http?.ratio).toBeGreaterThan(0.1);
    // Where others want the processors it holds none.
    expect(lines.find(({ variant }) => variant === names[2])?.ratio).toBeGreaterThanOrEqual(0);
  });
});
