import { describe, expect, it } from 'vitest';
import { DISTURBANCES } from './scenario.js';
import { report, simulate } from './simulation.js';

const SEEDS = 1_000;
const SEEDS_PER_TEST = 100;

describe('sessions over loop and interpose, in virtual time', () => {
  for (let first = 1; first <= SEEDS; first += SEEDS_PER_TEST) {
    it(`[WSD-5.10] [WSD-6.3] [WSD-8.1] [WSD-8.2] seeds ${first} to ${first + SEEDS_PER_TEST - 1}: every byte once and in order, or one clear end`, () => {
      for (let seed = first; seed < first + SEEDS_PER_TEST; seed++) {
        const outcome = simulate(seed);
        if (outcome.problems.length > 0) throw new Error(report(outcome));
      }
    });
  }

  it('a seed is a run: the same steps, the same bytes, every time', () => {
    for (const seed of [3, 77, 512]) {
      const { steps, bytesReceived } = simulate(seed);
      expect(simulate(seed)).toMatchObject({ steps, bytesReceived });
    }
  });

  it('the seeds reach every disturbance and every kind of provider', () => {
    const disturbances = new Set<string>();
    const kinds = new Set<string>();
    let bytes = 0;
    let moved = 0;
    for (let seed = 1; seed <= 200; seed++) {
      const { scenario, bytesReceived, moves } = simulate(seed);
      moved += moves;
      disturbances.add(scenario.disturbance);
      kinds.add(`${scenario.claims} ${scenario.lends} ${scenario.rdmaRead}`);
      bytes += bytesReceived;
    }
    expect([...disturbances].sort()).toEqual([...DISTURBANCES].sort());
    expect(kinds.size).toBe(16);
    expect(bytes).toBeGreaterThan(1_000_000);
    expect(moved).toBeGreaterThan(500);
  });

  it('a lost wake-up is found, and its seed is told', () => {
    const found = [];
    for (let seed = 1; seed <= 100; seed++) {
      const outcome = simulate(seed, { disturbance: 'lost-wake' });
      if (outcome.problems.some((problem) => problem.startsWith('a hang'))) found.push(report(outcome));
    }
    expect(found.length).toBeGreaterThan(0);
    expect(found[0]).toMatch(/^seed \d+: a hang.*npm run simulate -- --seed \d+$/s);
  });
});
