/** Plots of distributions: the percentile curve and the histogram. */
import type { Distribution } from '../histogram.js';
import type { Line, Plot } from './plot.js';

/** A distribution, and how its line looks. */
export interface NamedDistribution extends Pick<Line, 'label' | 'color' | 'style'> {
  readonly distribution: Distribution;
}

/** Points of the curve for each nine. */
const POINTS_PER_NINE = 24;

/**
 * Where the curves have points, as 1/(1 - p): evenly on the logarithmic axis as far as the most samples reach, and where each curve
 * ends. Behind 1 - 1/n there is nothing that n samples could tell.
 */
function curveGrid(counts: readonly number[]): number[] {
  const end = Math.max(...counts);
  const grid = new Set(counts);
  for (let i = 0; ; i += 1) {
    const x = 10 ** (i / POINTS_PER_NINE);
    if (x >= end) break;
    grid.add(x);
  }
  return [...grid].sort((a, b) => a - b);
}

/** The percentile curve; null: nothing has been measured. */
export function percentilePlot(given: readonly NamedDistribution[]): Plot | null {
  const present = given.filter(({ distribution }) => distribution.count > 0);
  if (present.length === 0) return null;
  const xs = curveGrid(present.map(({ distribution }) => distribution.count));
  const lines = present.map(({ label, color, style, distribution }) => ({
    label,
    color,
    style,
    ys: xs.map((x) => (x > distribution.count ? null : positive(distribution.quantile_us(1 - 1 / x)))),
  }));
  return {
    title: 'Latency by percentile',
    x: { label: 'percentile', unit: 'percent', scale: 'nines' },
    y: { label: 'latency', unit: 'us', scale: 'log' },
    xs,
    lines,
  };
}

/** Below what the histogram can tell is still something, to a logarithmic axis. */
function positive(time_us: number): number {
  return Math.max(time_us, 0.001);
}

const MOST_BINS = 80;
/** A bin is wider than what the histogram does not tell apart. */
const LEAST_RATIO = 1.01;

/** Edges of bins of equal width on a logarithmic axis, from below `min_us` to `max_us` or just above. */
function binEdges(min_us: number, max_us: number): number[] {
  const start_us = positive(min_us) / LEAST_RATIO;
  const range = Math.log(Math.max(positive(max_us) / start_us, LEAST_RATIO));
  const bins = Math.max(1, Math.min(MOST_BINS, Math.floor(range / Math.log(LEAST_RATIO))));
  // The last edge must not lie below the maximum for being rounded.
  return Array.from({ length: bins + 1 }, (_, i) => start_us * Math.exp(((range + 1e-9) * i) / bins));
}

/** The histogram, in shares of all requests; null: nothing has been measured. */
export function histogramPlot(given: readonly NamedDistribution[]): Plot | null {
  const present = given.filter(({ distribution }) => distribution.count > 0);
  if (present.length === 0) return null;
  const min_us = Math.min(...present.map(({ distribution }) => distribution.min_us));
  const xs = binEdges(min_us, Math.max(...present.map(({ distribution }) => distribution.max_us)));
  const lines = present.map(({ label, color, distribution }): Line => {
    const upTo = xs.map((edge_us) => distribution.countUpTo(edge_us));
    const shares = upTo.slice(1).map((count, i) => (100 * (count - (upTo[i] as number))) / distribution.count);
    // The step of the last bin ends at the last edge.
    return { label, color, style: 'steps', ys: [...shares, 0] };
  });
  return {
    title: 'How often which latency',
    x: { label: 'latency', unit: 'us', scale: 'log' },
    y: { label: 'share of the requests', unit: 'percent', scale: 'linear' },
    xs,
    lines,
  };
}
