/** The figures of runs as rows of text, which the terminal and the page lay out each in its way. */
import { PERCENTILES } from '../latency.js';
import type { Latency, LoadRun } from '../report.js';
import {
  errorList,
  generatorText,
  many,
  processorText,
  requestsText,
  throughputText,
  trafficText,
} from './describe.js';
import { mainLatency, percentile_us } from './histogram.js';
import { grouped, rateText, timeText } from './units.js';

/** A table: names of columns, and rows. */
export interface Cells {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const ROWS: readonly (readonly [name: string, time_us: (latency: Latency) => number])[] = [
  ...PERCENTILES.map(
    (percentile) => [`p${percentile}`, (latency: Latency) => percentile_us(latency, percentile)] as const,
  ),
  ['max', ({ max_us }) => max_us],
  ['min', ({ min_us }) => min_us],
  ['mean', ({ mean_us }) => mean_us],
  ['deviation', ({ stddev_us }) => stddev_us],
];

const NONE = '-';

/** A run's latency, corrected and raw side by side; null: there is none, for nothing is answered. */
export function latencyCells({ corrected, raw }: LoadRun): Cells | null {
  const kinds = [
    { name: 'corrected', latency: corrected },
    { name: 'raw', latency: raw },
  ];
  const present = kinds.flatMap(({ name, latency }) => (latency === null ? [] : [{ name, latency }]));
  if (present.length === 0) return null;
  const rows = ROWS.map(([name, find]) => [
    name,
    ...present.map(({ latency }) => (latency.count === 0 ? NONE : timeText(find(latency)))),
  ]);
  return { head: ['latency', ...present.map(({ name }) => name)], rows };
}

/** All runs, a line each. */
export function overviewCells(runs: readonly LoadRun[]): Cells {
  const shown = ROWS.filter(([name]) => ['p50', 'p99', 'p99.9', 'max'].includes(name));
  const rows = runs.map((run) => {
    const latency = mainLatency(run)?.latency;
    const times = shown.map(([, find]) =>
      latency === undefined || latency.count === 0 ? NONE : timeText(find(latency)),
    );
    const wanted = run.rate_per_s === null ? NONE : rateText(run.rate_per_s);
    return [
      run.name,
      wanted,
      rateText(run.completed_per_s),
      ...times,
      grouped(run.failed),
      run.is_valid ? 'yes' : 'NO',
    ];
  });
  return { head: ['run', 'wanted', 'completed', ...shown.map(([name]) => name), 'failed', 'valid'], rows };
}

/** Everything of a run that is no latency: names, each with lines. */
export function runFacts(run: LoadRun): (readonly [name: string, lines: readonly string[]])[] {
  const errors = errorList(run).map(({ code, count }) => `${code}: ${grouped(count)}`);
  const served = run.served.map(
    ({ provider, connections, why }) => `${provider}: ${many(connections, 'connection')}, ${why}`,
  );
  return [
    ['requests', [requestsText(run)]],
    ['throughput', [throughputText(run)]],
    ['bytes', [trafficText(run)]],
    ['errors', errors.length > 0 ? errors : ['none']],
    ['reconnects', [grouped(run.reconnects)]],
    ['client CPU', [processorText(run.client)]],
    ['server CPU', [run.server === null ? 'not told' : processorText(run.server)]],
    ['generator', [generatorText(run)]],
    ['served by', served.length > 0 ? served : ['nobody: no connection was made']],
  ];
}
