/** The RDMA questions that compare with other programs: what they say, not how much. */
import { expect, it } from 'vitest';
import type { Line } from '../../bench/harness/contest.js';
import { runToEnd } from '../bench/command.js';

const ADDRESS = process.env.SANSWITCH_TEST_HOST as string;
/** Emulated processors are that much slower. */
const SLOWNESS = '4';
const LIMIT_MS = 150_000;

it.each([
  ['rdma-rtt', ['ib_send_lat', 'rping', 'rstream']],
  ['rdma-bulk', ['ib_read_bw', 'rstream']],
])('%s', { timeout: LIMIT_MS }, async (question, opponents) => {
  const args = [question, '--json', '--duration', '3', '--host', ADDRESS];
  const { exitCode, stdout, stderr } = await runToEnd('main', args, { SANSWITCH_BENCH_SLOWNESS: SLOWNESS });
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
  expect([...new Set(lines.map(({ baseline }) => baseline.name))].sort()).toEqual(opponents);
  for (const line of lines) {
    expect(line).toMatchObject({ question, provider: 'verbs', rounds: 5 });
    expect(line.ratio).toBeGreaterThan(0);
  }
  expect(lines.at(-1)?.judged).toBe(true);
});
