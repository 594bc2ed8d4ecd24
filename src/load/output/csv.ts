/** Tables for other programs: RFC 4180, a line of names, points as decimal marks. */
import type { LoadReport, Second } from '../report.js';
import type { LatencyKind } from './histogram.js';

function field(value: string | number): string {
  const text = `${value}`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function lines(rows: readonly (readonly (string | number)[])[]): string {
  return rows.map((row) => `${row.map(field).join(',')}\r\n`).join('');
}

const SECOND_FIELDS: readonly (keyof Second)[] = [
  'at_s',
  'length_s',
  'started',
  'completed',
  'failed',
  'p50_us',
  'p99_us',
  'max_us',
];

/** The seconds of all runs: `run,at_s,length_s,started,completed,failed,p50_us,p99_us,max_us`. */
export function seriesCsv({ runs }: LoadReport): string {
  const rows = runs.flatMap(({ name, series }) =>
    series.map((second) => [name, ...SECOND_FIELDS.map((each) => second[each])]),
  );
  return lines([['run', ...SECOND_FIELDS], ...rows]);
}

/** The percentiles of all runs: `run,latency,percentile,us`, the least and the greatest as percentiles 0 and 100. */
export function percentilesCsv({ runs }: LoadReport): string {
  const kinds: readonly LatencyKind[] = ['corrected', 'raw'];
  const rows = runs.flatMap((run) =>
    kinds.flatMap((kind) => {
      const latency = run[kind];
      // Of nothing there are no percentiles.
      if (latency === null || latency.count === 0) return [];
      const { min_us, max_us, percentiles } = latency;
      const all = [{ percentile: 0, us: min_us }, ...percentiles, { percentile: 100, us: max_us }];
      return all.map(({ percentile, us }) => [run.name, kind, percentile, us]);
    }),
  );
  return lines([['run', 'latency', 'percentile', 'us'], ...rows]);
}
