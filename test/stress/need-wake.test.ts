// No wake-up is lost: two processes that fall asleep after spinning for 1 us, in all pairings of languages. By default it
// is bounded by time; LITMUS_SLEEPS=1000000 npm test -- test/stress/need-wake.test.ts sleeps so often on both sides.
import { beforeAll, expect, it } from 'vitest';
import { buildEnds, pairings, runProcesses } from './ring-pairs.js';

const sleeps = Number(process.env.LITMUS_SLEEPS ?? 100_000);
const limit_ms = process.env.LITMUS_SLEEPS ? 1_800_000 : 10_000;

beforeAll(buildEnds, 120_000);

it.each(pairings)('%s and %s wake each other', { timeout: limit_ms + 30_000 }, async (first, second) => {
  const common = { seed: Math.floor(Math.random() * 2 ** 31), amount: sleeps, limit_ms };
  const results = await runProcesses([
    { ...common, language: first, role: 'litmus-0' },
    { ...common, language: second, role: 'litmus-1' },
  ]);
  for (const result of results) {
    expect({ ...common, ...result }).toMatchObject({ isOk: true, problem: '' });
    expect(result.sleeps).toBeGreaterThan(100);
  }
  console.log(`${first} slept ${results[0].sleeps} times, ${second} ${results[1].sleeps} times`);
});
