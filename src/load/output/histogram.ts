/** The histograms of a report: decoded, and asked. */
import { decodeFromCompressedBase64, JsHistogram } from 'hdr-histogram-js';
import type { Latency, LoadRun } from '../report.js';

/** Counts need 53 bits: what a long run counts does not fit into 32. */
const COUNT_BITS = 64;

/** @param hdr as in a `Latency`. @throws Error with what is wrong with it */
export function decodeHistogram(hdr: string): JsHistogram {
  const histogram = decodeFromCompressedBase64(hdr, COUNT_BITS);
  if (!(histogram instanceof JsHistogram)) throw new Error('it was decoded to something else than a histogram');
  return histogram;
}

/** A distribution that can be asked quickly and often. Times in microseconds. */
export class Distribution {
  readonly count: number;
  /** 0 where there is nothing. */
  readonly min_us: number;
  readonly max_us: number;
  /** The times that occurred, ascending, each the largest of those that the histogram does not tell apart. */
  private readonly times_us: number[] = [];
  /** How many took as long as the time of the same index, or less. */
  private readonly upTo: number[] = [];

  constructor(hdr: string) {
    const histogram = decodeHistogram(hdr);
    let total = 0;
    for (let i = 0; i < histogram.countsArrayLength && total < histogram.totalCount; i += 1) {
      const here = histogram.getCountAtIndex(i);
      if (here === 0) continue;
      total += here;
      this.times_us.push(histogram.highestEquivalentValue(histogram.valueFromIndex(i)) / 1_000);
      this.upTo.push(total);
    }
    this.count = total;
    this.min_us = this.times_us[0] ?? 0;
    this.max_us = this.times_us.at(-1) ?? 0;
  }

  /** The time that `share` of all (0 to 1) did not exceed. */
  quantile_us(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.count - 1e-9));
    return this.times_us[firstIndex(this.upTo, (upTo) => upTo >= wanted)] ?? this.max_us;
  }

  /** How many took `time_us` at most. */
  countUpTo(time_us: number): number {
    return this.upTo[firstIndex(this.times_us, (time) => time > time_us) - 1] ?? 0;
  }
}

/** The first index for which `isReached` holds, which must stay so from there on; the length if for none. */
function firstIndex(values: readonly number[], isReached: (value: number) => boolean): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isReached(values[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** Which of a run's latencies is meant. */
export type LatencyKind = 'corrected' | 'raw';

/** The latency that a run is judged by: the corrected one of an open loop. Null: nothing was answered, or nothing is. */
export function mainLatency(run: LoadRun): { readonly kind: LatencyKind; readonly latency: Latency } | null {
  const kind = run.corrected === null ? 'raw' : 'corrected';
  const latency = run[kind];
  return latency === null ? null : { kind, latency };
}

/** A percentile of a latency. @param percentile one of `PERCENTILES` */
export function percentile_us(latency: Latency, percentile: number): number {
  const found = latency.percentiles.find((each) => each.percentile === percentile);
  if (found === undefined) throw new Error(`the latency has no percentile ${percentile}`);
  return found.us;
}
