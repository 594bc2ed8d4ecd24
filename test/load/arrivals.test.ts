/** When requests are due, how great they are, and who makes which of them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Arrivals } from '#src/load/arrivals.js';
import { type RunPlan, share } from '#src/load/plan.js';
import { Random } from '#src/load/random.js';
import { greatestSize, meanSize, Sizes } from '#src/load/sizes.js';
import { planOf } from './plans.js';

function distancesOf(arrivals: Arrivals, count: number): number[] {
  return Array.from({ length: count }, () => {
    const from_ms = arrivals.next_ms;
    arrivals.advance();
    return arrivals.next_ms - from_ms;
  });
}

function momentsOf(list: readonly number[]): { mean: number; variance: number } {
  const mean = list.reduce((sum, one) => sum + one, 0) / list.length;
  return { mean, variance: list.reduce((sum, one) => sum + (one - mean) ** 2, 0) / list.length };
}

describe('arrivals', () => {
  it.each([3, 1_000, 700_000])('come at a constant rate of %i/s without drift', (rate_per_s) => {
    const start_ms = 86_400_000.123;
    const arrivals = new Arrivals('constant', rate_per_s, start_ms, 0.25, 1);
    expect(arrivals.next_ms).toBeCloseTo(start_ms + 250 / rate_per_s, 5);
    const count = 2_000_000;
    for (let i = 0; i < count; i++) arrivals.advance();
    const wanted_ms = ((count + 0.25) * 1_000) / rate_per_s;
    // A millionth: 86 ms of a day would be missed otherwise.
    expect(Math.abs((arrivals.next_ms - start_ms) / wanted_ms - 1)).toBeLessThan(1e-6);
  });

  it('come as independent users do: mean and deviation of the distances are the same', () => {
    for (const seed of [0, 1, 2, 4_294_967_295]) {
      const { mean, variance } = momentsOf(distancesOf(new Arrivals('poisson', 200, 0, 0, seed), 100_000));
      expect(mean).toBeGreaterThan(5 * 0.98);
      expect(mean).toBeLessThan(5 * 1.02);
      expect(variance).toBeGreaterThan(25 * 0.95);
      expect(variance).toBeLessThan(25 * 1.05);
    }
  });

  it('are the same for the same seed, others for another, and never go back', () => {
    const of = (seed: number) => distancesOf(new Arrivals('poisson', 1_000, 0, 0, seed), 1_000);
    expect(of(7)).toEqual(of(7));
    expect(of(7)).not.toEqual(of(8));
    expect(of(7).every((distance) => distance >= 0 && Number.isFinite(distance))).toBe(true);
  });
});

describe('random numbers', () => {
  it('are even, from 0 up to 1, for any seed', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const random = new Random(seed);
        const { mean, variance } = momentsOf(
          Array.from({ length: 20_000 }, () => {
            const next = random.next();
            if (!(next >= 0 && next < 1)) throw new Error(`${next}`);
            return next;
          }),
        );
        expect(Math.abs(mean - 0.5)).toBeLessThan(0.02);
        expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.01);
      }),
      { numRuns: 20 },
    );
  });
});

describe('sizes', () => {
  it('are of the mix, with the weights that it gives', () => {
    const mix = [
      { least: 64, most: 64, weight: 9 },
      { least: 1_000, most: 1_003, weight: 1 },
    ];
    const sizes = new Sizes(mix, 5);
    const seen = new Map<number, number>();
    const count = 100_000;
    for (let i = 0; i < count; i++) {
      const size = sizes.next();
      seen.set(size, (seen.get(size) ?? 0) + 1);
    }
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual([64, 1_000, 1_001, 1_002, 1_003]);
    expect(Math.abs((seen.get(64) as number) / count - 0.9)).toBeLessThan(0.01);
    for (const size of [1_000, 1_001, 1_002, 1_003]) {
      expect(Math.abs((seen.get(size) as number) / count - 0.025)).toBeLessThan(0.005);
    }
    expect(meanSize(mix)).toBeCloseTo(0.9 * 64 + 0.1 * 1_001.5);
    expect(greatestSize(mix)).toBe(1_003);
  });
});

describe('shares', () => {
  const plans = fc.record({
    connections: fc.integer({ min: 1, max: 2_000 }),
    rate_per_s: fc.oneof(fc.constant(null), fc.double({ min: 0.1, max: 1e8, noNaN: true })),
    extraRequests: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 1e12 })),
    seed: fc.nat(),
  });

  it('lose nothing, and add nothing, however they are shared again', () => {
    fc.assert(
      fc.property(plans, fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }), (fields, hosts, workers) => {
        const { extraRequests, ...rest } = fields;
        const requests = extraRequests === null ? null : rest.connections + extraRequests;
        const plan = planOf({ ...rest, requests });
        const parts = share(plan, hosts).flatMap((part) => share(part, workers));
        expect(parts.length).toBeLessThanOrEqual(Math.min(plan.connections, hosts * workers));
        const sum = (pick: (part: RunPlan) => number) => parts.reduce((total, part) => total + pick(part), 0);
        expect(sum(({ connections }) => connections)).toBe(plan.connections);
        if (requests !== null) expect(sum((part) => part.requests as number)).toBe(requests);
        for (const part of parts) {
          expect(part.connections).toBeGreaterThanOrEqual(1);
          if (requests !== null) expect(part.requests).toBeGreaterThanOrEqual(1);
          if (plan.rate_per_s === null) expect(part.rate_per_s).toBeNull();
        }
        if (plan.rate_per_s !== null) {
          expect(Math.abs(sum((part) => part.rate_per_s as number) / plan.rate_per_s - 1)).toBeLessThan(1e-9);
        }
      }),
    );
  });

  it('draw from sequences of their own, on whichever host', () => {
    const seeds = share(planOf({ connections: 64 }), 4).flatMap((part) => share(part, 8).map(({ seed }) => seed));
    expect(new Set(seeds).size).toBe(32);
    expect(seeds.every((seed) => Number.isInteger(seed) && seed >= 0)).toBe(true);
  });
});
