/** A distribution as a report has it. */
import { build, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { type Counts, VALUE_MAX } from './counts.js';
import type { Latency } from './report.js';

/** Those that a report lists. */
export const PERCENTILES = [50, 75, 90, 99, 99.9, 99.99, 99.999] as const;

const NS_PER_US = 1_000;

/** @param counts of nanoseconds */
export function latencyOf(counts: Counts): Latency {
  const hdr = build({
    bitBucketSize: 64,
    lowestDiscernibleValue: 1,
    highestTrackableValue: VALUE_MAX,
    numberOfSignificantValueDigits: 3,
  });
  let sum = 0;
  let squares = 0;
  counts.each((value, count) => {
    hdr.recordValueWithCount(value, count);
    sum += value * count;
    squares += value * value * count;
  });
  const { total } = counts;
  const mean_ns = total === 0 ? 0 : sum / total;
  const variance = total === 0 ? 0 : Math.max(0, squares / total - mean_ns * mean_ns);
  return {
    count: total,
    mean_us: mean_ns / NS_PER_US,
    stddev_us: Math.sqrt(variance) / NS_PER_US,
    min_us: total === 0 ? 0 : counts.min / NS_PER_US,
    max_us: counts.max / NS_PER_US,
    percentiles: PERCENTILES.map((percentile) => ({ percentile, us: counts.at(percentile) / NS_PER_US })),
    hdr: encodeIntoCompressedBase64(hdr),
  };
}
