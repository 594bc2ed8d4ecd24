/** Distributions of the load generator, against exact percentiles and against HdrHistogram itself. */
import fc from 'fast-check';
import { build, decodeFromCompressedBase64 } from 'hdr-histogram-js';
import { describe, expect, it } from 'vitest';
import { Counts, countsAsJson, type PackedCounts, VALUE_MAX } from '#src/load/counts.js';
import { latencyOf, PERCENTILES } from '#src/load/latency.js';

/** Three significant digits. */
const PRECISION = 1e-3;
const ASKED = [0, 0.1, 25, ...PERCENTILES, 100];

/** Of every magnitude alike, for uniform integers are nearly all great. */
const value = fc
  .tuple(fc.integer({ min: 0, max: 42 }), fc.double({ min: 1, max: 2, noNaN: true, maxExcluded: true }))
  .map(([bits, mantissa]) => Math.min(VALUE_MAX, Math.floor(mantissa * 2 ** bits)));
const values = fc.array(fc.oneof(value, fc.constantFrom(0, 1, 2_047, 2_048, 2_049, 2 ** 32 - 1, 2 ** 32, VALUE_MAX)), {
  minLength: 1,
  maxLength: 400,
});

function countsOf(list: readonly number[]): Counts {
  const counts = new Counts();
  for (const one of list) counts.record(one);
  return counts;
}

/** The smallest of them that so many percent do not exceed: by whole thousandths of a percent, which are exact. */
function exact(sorted: readonly number[], percentile: number): number {
  const thousandths = BigInt(Math.round(percentile * 1_000));
  const rank = Number((thousandths * BigInt(sorted.length) + 99_999n) / 100_000n);
  return sorted[Math.max(1, rank) - 1] as number;
}

function expectWithin(found: number, wanted: number): void {
  expect(Math.abs(found - wanted)).toBeLessThanOrEqual(wanted * PRECISION);
}

const throughJson = (packed: PackedCounts) => JSON.parse(JSON.stringify(packed, countsAsJson)) as PackedCounts;

describe('counts', () => {
  it('has the exact percentiles of a sorted array, within three digits', () => {
    fc.assert(
      fc.property(values, (list) => {
        const counts = countsOf(list);
        const sorted = [...list].sort((a, b) => a - b);
        for (const percentile of ASKED) expectWithin(counts.at(percentile), exact(sorted, percentile));
        expect(counts).toMatchObject({ total: list.length, min: sorted[0], max: sorted[sorted.length - 1] });
      }),
    );
  });

  it.each([1_000, 10_000, 100_000])('counts ranks exactly: each of %i values is another', (length) => {
    // Below 2,048 each value has a place of its own; above, neighbours that share one are within a thousandth.
    const counts = countsOf(Array.from({ length }, (_, i) => i + 1));
    for (const percentile of PERCENTILES)
      expectWithin(counts.at(percentile), Math.ceil((percentile * length) / 100 - 1e-6));
    expect(countsOf(Array.from({ length: 1_000 }, (_, i) => i + 1)).at(99.9)).toBe(999);
  });

  it('agrees with HdrHistogram', () => {
    fc.assert(
      fc.property(values, (list) => {
        const theirs = build({
          bitBucketSize: 64,
          lowestDiscernibleValue: 1,
          highestTrackableValue: VALUE_MAX,
          numberOfSignificantValueDigits: 3,
        });
        for (const one of list) theirs.recordValue(one);
        const ours = countsOf(list);
        // Theirs is the greatest value of a place, ours the middle.
        for (const percentile of ASKED) {
          const wanted = theirs.getValueAtPercentile(percentile);
          expect(Math.abs(ours.at(percentile) - wanted)).toBeLessThanOrEqual(wanted * PRECISION);
        }
      }),
      { numRuns: 50 },
    );
  });

  it('brings into its range what is not, and says nothing of none', () => {
    const counts = countsOf([-5, 1.9, Number.POSITIVE_INFINITY, 2 ** 60]);
    expect(counts).toMatchObject({ total: 4, min: 0, max: VALUE_MAX });
    expect(counts.at(50)).toBe(1);
    expect(counts.at(100)).toBeGreaterThan(VALUE_MAX * (1 - PRECISION));
    const none = new Counts();
    expect([none.at(50), none.at(100), none.total]).toEqual([0, 0, 0]);
    counts.reset();
    expect(counts.pack()).toEqual(none.pack());
  });

  it('is the same after a way through JSON, and sums of parts are the whole', () => {
    fc.assert(
      fc.property(values, values, (one, other) => {
        const merged = new Counts();
        for (const part of [one, other]) merged.add(throughJson(countsOf(part).pack()));
        expect(merged.pack()).toEqual(countsOf([...one, ...other]).pack());
      }),
    );
    const none = new Counts();
    none.add(throughJson(new Counts().pack()));
    expect(none.pack()).toEqual(new Counts().pack());
  });

  it('stays sound whatever another process says', () => {
    const wild = fc.oneof(fc.double(), fc.integer(), fc.integer({ min: 0, max: 40_000 }), fc.constant(2 ** 53));
    const packed = fc.record({
      places: fc.array(wild, { maxLength: 40 }),
      min: fc.oneof(fc.constant(null), wild),
      max: wild,
    });
    fc.assert(
      fc.property(packed, values, (hostile, list) => {
        const counts = countsOf(list);
        counts.add(hostile);
        expect(Number.isSafeInteger(counts.total)).toBe(true);
        expect(counts.total).toBeGreaterThanOrEqual(list.length);
        expect(counts.min).toBeGreaterThanOrEqual(0);
        expect(counts.max).toBeLessThanOrEqual(VALUE_MAX);
        let last = 0;
        for (const percentile of ASKED) {
          const at = counts.at(percentile);
          expect(at).toBeGreaterThanOrEqual(last);
          last = at;
        }
        expect(last).toBeLessThanOrEqual(counts.max);
        expect(Number.isFinite(latencyOf(counts).mean_us)).toBe(true);
      }),
    );
    const alone = new Counts();
    alone.add({ places: [5, 1], min: null, max: 0 });
    expect(alone).toMatchObject({ total: 1, min: 5, max: 5 });
    expect(alone.at(50)).toBe(5);
  });
});

describe('a latency of a report', () => {
  it('has mean and deviation of what was recorded, and all of it as HdrHistogram', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 3.6e12 }), { minLength: 1, maxLength: 300 }), (list) => {
        const latency = latencyOf(countsOf(list));
        const mean = list.reduce((sum, one) => sum + one, 0) / list.length;
        const variance = list.reduce((sum, one) => sum + (one - mean) ** 2, 0) / list.length;
        expectWithin(latency.mean_us * 1_000, mean);
        const most = Math.max(...list);
        expect(Math.abs(latency.stddev_us * 1_000 - Math.sqrt(variance))).toBeLessThanOrEqual(most * PRECISION);
        expect(latency).toMatchObject({ count: list.length, min_us: Math.min(...list) / 1_000, max_us: most / 1_000 });
        const decoded = decodeFromCompressedBase64(latency.hdr);
        expect(decoded.totalCount).toBe(list.length);
        for (const { percentile, us } of latency.percentiles) {
          expect(Math.abs(decoded.getValueAtPercentile(percentile) / 1_000 - us)).toBeLessThanOrEqual(
            us * PRECISION + 1e-3,
          );
        }
      }),
      { numRuns: 50 },
    );
  });

  it('keeps the longest waits, of hours', () => {
    const latency = latencyOf(countsOf([2 * 3_600e9]));
    const decoded = decodeFromCompressedBase64(latency.hdr);
    expect(Math.abs(decoded.maxValue / 7_200e9 - 1)).toBeLessThanOrEqual(PRECISION);
  });

  it('is all 0 where nothing was', () => {
    const { hdr, percentiles, ...rest } = latencyOf(new Counts());
    expect(rest).toEqual({ count: 0, mean_us: 0, stddev_us: 0, min_us: 0, max_us: 0 });
    expect(percentiles.every(({ us }) => us === 0)).toBe(true);
    expect(decodeFromCompressedBase64(hdr).totalCount).toBe(0);
  });
});
