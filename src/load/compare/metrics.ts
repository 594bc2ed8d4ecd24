/** The figures by which runs are compared. */
import { PERCENTILES } from '../latency.js';
import { type LatencyKind, percentile_us } from '../output/histogram.js';
import { grouped, rateText, timeText } from '../output/units.js';
import type { LoadRun } from '../report.js';

/** What is the same for both of the runs that are compared. */
export interface Basis {
  /** Which latency both have; null: they have none in common. */
  readonly latency: LatencyKind | null;
  /** Both tell the server's processor time. */
  readonly hasServer: boolean;
}

/** One figure of a run. */
export interface Metric {
  readonly name: string;
  readonly unit: 'us' | 'per_s' | 'count';
  /** Otherwise less is better. */
  readonly isMoreBetter: boolean;
  /** Null: the run has none. */
  of(run: LoadRun, basis: Basis): number | null;
}

function latencyOf(run: LoadRun, { latency: kind }: Basis): LoadRun['raw'] {
  const latency = kind === null ? null : run[kind];
  return latency === null || latency.count === 0 ? null : latency;
}

function percentileMetric(percentile: number): Metric {
  return {
    name: `p${percentile}`,
    unit: 'us',
    isMoreBetter: false,
    of(run, basis) {
      const latency = latencyOf(run, basis);
      return latency === null ? null : percentile_us(latency, percentile);
    },
  };
}

/** All of them, in the order in which they are shown. */
export const METRICS: readonly Metric[] = [
  ...PERCENTILES.map(percentileMetric),
  { name: 'max', unit: 'us', isMoreBetter: false, of: (run, basis) => latencyOf(run, basis)?.max_us ?? null },
  { name: 'mean', unit: 'us', isMoreBetter: false, of: (run, basis) => latencyOf(run, basis)?.mean_us ?? null },
  { name: 'throughput', unit: 'per_s', isMoreBetter: true, of: ({ completed_per_s }) => completed_per_s },
  { name: 'errors', unit: 'count', isMoreBetter: false, of: ({ failed }) => failed },
  {
    name: 'cpu',
    unit: 'us',
    isMoreBetter: false,
    of: ({ client, server }, { hasServer }) =>
      client.us_per_request + (hasServer && server !== null ? server.us_per_request : 0),
  },
];

/** What two runs have in common. */
export function basisOf(a: LoadRun, b: LoadRun): Basis {
  const kinds: readonly LatencyKind[] = ['corrected', 'raw'];
  const latency = kinds.find((kind) => a[kind] !== null && b[kind] !== null) ?? null;
  return { latency, hasServer: a.server !== null && b.server !== null };
}

const TEXTS: Readonly<Record<Metric['unit'], (value: number) => string>> = {
  us: timeText,
  per_s: rateText,
  count: grouped,
};

/** A figure for people; null: a dash. */
export function metricText(unit: Metric['unit'], value: number | null): string {
  return value === null ? '-' : TEXTS[unit](value);
}
