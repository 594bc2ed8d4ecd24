/** Plots over the runs of a sweep or a search. */
import type { LoadRun } from '../../report.js';
import { mainLatency, percentile_us } from '../histogram.js';
import { bytesText, rateText } from '../units.js';
import type { Axis, Line, Plot } from './plot.js';

/** The runs of one report, and the name and first colour of its lines. */
export interface NamedRuns {
  readonly prefix: string;
  readonly color: number;
  readonly runs: readonly LoadRun[];
}

interface Dimension {
  readonly axis: Axis;
  of(run: LoadRun): number | null;
  text(value: number): string;
}

/** What may be swept, the one drawn along the axis first. */
const DIMENSIONS: readonly Dimension[] = [
  {
    axis: { label: 'wanted rate', unit: 'per_s', scale: 'linear' },
    of: ({ rate_per_s }) => rate_per_s,
    text: rateText,
  },
  {
    axis: { label: 'size of a request', unit: 'bytes', scale: 'log' },
    of: ({ size_bytes }) => (size_bytes > 0 ? size_bytes : null),
    text: bytesText,
  },
  {
    axis: { label: 'in flight on a connection', unit: 'count', scale: 'linear' },
    of: ({ in_flight }) => in_flight,
    text: (value) => `${value} in flight`,
  },
];

function isSwept(dimension: Dimension, given: readonly NamedRuns[]): boolean {
  const values = given.flatMap(({ runs }) => runs.map((run) => dimension.of(run)));
  return new Set(values).size > 1 && values.every((value) => value !== null);
}

interface Group {
  /** Before the names of its lines. */
  readonly name: string;
  readonly color: number;
  readonly runs: readonly LoadRun[];
}

/** The runs that differ along the axis alone. */
function groupsOf(given: readonly NamedRuns[], others: readonly Dimension[]): Group[] {
  return given.flatMap((each) => {
    const groups = new Map<string, LoadRun[]>();
    for (const run of each.runs) {
      const name = others.map((dimension) => `${dimension.text(dimension.of(run) ?? 0)} `).join('');
      groups.set(name, [...(groups.get(name) ?? []), run]);
    }
    // Colours of the reports alternate, so that the first lines of each have the report's own.
    return [...groups].map(([name, runs], i) => ({
      name: `${each.prefix}${name}`,
      color: each.color + i * given.length,
      runs,
    }));
  });
}

interface Figure {
  readonly label: string;
  readonly style: Line['style'];
  value(run: LoadRun): number | null;
}

function percentileOf(run: LoadRun, percentile: number): number | null {
  const main = mainLatency(run);
  // Below what can be told is nowhere on a logarithmic axis.
  return main === null || main.latency.count === 0 ? null : percentile_us(main.latency, percentile) || null;
}

const P50: Figure = { label: 'p50', style: 'solid', value: (run) => percentileOf(run, 50) };
const P99: Figure = { label: 'p99', style: 'solid', value: (run) => percentileOf(run, 99) };
const REACHED: Figure = { label: 'completed', style: 'solid', value: ({ completed_per_s }) => completed_per_s };

/** Marks the runs whose figure is not to be believed. */
function doubtful({ label, value }: Figure): Figure {
  return { label: `${label}, not valid`, style: 'doubtful', value: (run) => (run.is_valid ? null : value(run)) };
}

function draw(groups: readonly Group[], x: Dimension, figures: readonly Figure[]): Pick<Plot, 'xs' | 'lines'> {
  const xs = [...new Set(groups.flatMap(({ runs }) => runs.map((run) => x.of(run) as number)))].sort((a, b) => a - b);
  const lines = groups.flatMap(({ name, color, runs }) =>
    figures.map(({ label, style, value }, j): Line => {
      const found = xs.map((at) => runs.find((run) => x.of(run) === at));
      const ys = found.map((run) => (run === undefined ? null : value(run)));
      return { label: `${name}${label}`, color: color + j, style, ys };
    }),
  );
  return { xs, lines: lines.filter(({ ys }) => ys.some((y) => y !== null)) };
}

/** Latency and throughput over what was swept: a rate, a size, or requests in flight. None where nothing was. */
export function sweepPlots(given: readonly NamedRuns[]): Plot[] {
  const [x, ...others] = DIMENSIONS.filter((dimension) => isSwept(dimension, given));
  if (x === undefined) return [];
  const groups = groupsOf(given, others);
  // Of many lines the tails are what one asks for.
  const latencies = groups.length === 1 ? [P50, P99] : [P99];
  const over = `by ${x.axis.label}`;
  const plots: Plot[] = [
    {
      title: `Latency ${over}`,
      x: x.axis,
      y: { label: 'latency', unit: 'us', scale: 'log' },
      ...draw(groups, x, [...latencies, doubtful(P99)]),
    },
    {
      title: `Throughput ${over}`,
      x: x.axis,
      y: { label: 'completed', unit: 'per_s', scale: 'linear' },
      ...draw(groups, x, [REACHED, doubtful(REACHED)]),
    },
  ];
  return plots.filter(({ lines }) => lines.length > 0);
}
