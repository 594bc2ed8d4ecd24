/** Plots over time. */
import type { Second } from '../../report.js';
import type { Line, Plot } from './plot.js';

/** The seconds of one run, and the name and first colour of its lines. */
export interface NamedSeries {
  /** Before the name of each line; empty where there is one run only. */
  readonly prefix: string;
  readonly color: number;
  readonly series: readonly Second[];
}

interface Column {
  readonly label: string;
  readonly style: Line['style'];
  value(second: Second): number | null;
}

/** A rate of nothing is nothing, where the time is none. */
function rate(count: number, { length_s }: Second): number | null {
  return length_s > 0 ? count / length_s : null;
}

function time(time_us: number, { completed }: Second): number | null {
  return completed > 0 && time_us > 0 ? time_us : null;
}

const COMPLETED: Column = { label: 'completed', style: 'solid', value: (second) => rate(second.completed, second) };
const STARTED: Column = { label: 'started', style: 'dashed', value: (second) => rate(second.started, second) };
const FAILED: Column = { label: 'failed', style: 'dots', value: (second) => rate(second.failed, second) };
const P50: Column = { label: 'p50', style: 'solid', value: (second) => time(second.p50_us, second) };
const P99: Column = { label: 'p99', style: 'solid', value: (second) => time(second.p99_us, second) };
const MAX: Column = { label: 'max', style: 'dots', value: (second) => time(second.max_us, second) };

function draw(given: readonly NamedSeries[], columns: readonly Column[]): Pick<Plot, 'xs' | 'lines'> | null {
  const xs = [...new Set(given.flatMap(({ series }) => series.map(({ at_s }) => at_s)))].sort((a, b) => a - b);
  if (xs.length === 0) return null;
  const lines = given.flatMap(({ prefix, color, series }) => {
    const byTime = new Map(series.map((second) => [second.at_s, second]));
    return columns.map(({ label, style, value }, i) => ({
      label: `${prefix}${label}`,
      color: color + i,
      style,
      ys: xs.map((x) => {
        const second = byTime.get(x);
        return second === undefined ? null : value(second);
      }),
    }));
  });
  return { xs, lines };
}

const X: Plot['x'] = { label: 'time', unit: 's', scale: 'linear' };

/** Requests per second. @param isBrief only what completed, for several runs in one plot */
export function ratePlot(given: readonly NamedSeries[], isBrief: boolean): Plot | null {
  const hasFailed = given.some(({ series }) => series.some(({ failed }) => failed > 0));
  const drawn = draw(given, isBrief ? [COMPLETED] : [COMPLETED, STARTED, ...(hasFailed ? [FAILED] : [])]);
  if (drawn === null) return null;
  return { title: 'Requests over time', x: X, y: { label: 'requests', unit: 'per_s', scale: 'linear' }, ...drawn };
}

/** Latency. @param isBrief only p99, for several runs in one plot */
export function timePlot(given: readonly NamedSeries[], isBrief: boolean): Plot | null {
  const drawn = draw(given, isBrief ? [P99] : [P50, P99, MAX]);
  // Of a stream there are seconds, but no latencies.
  if (drawn === null || drawn.lines.every(({ ys }) => ys.every((y) => y === null))) return null;
  return { title: 'Latency over time', x: X, y: { label: 'latency', unit: 'us', scale: 'log' }, ...drawn };
}
