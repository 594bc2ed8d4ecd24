/**
 * The script of the page, run by the reader's browser: draws the plots that the page carries, in the page's colours and as wide as
 * there is room. Its compiled text is put into the page as it is, so it imports nothing but types.
 */
import type UPlot from 'uplot';
import type { Axis, Line, Plot, Unit } from './plot.js';

/** An element, as far as it is used here. */
interface Holder {
  readonly dataset: Readonly<Record<string, string | undefined>>;
  readonly clientWidth: number;
  closest(selector: string): object | null;
}

// What the browser has; the package is compiled without its types, so that nothing else can use them by mistake.
declare const uPlot: (new (
  options: UPlot.Options,
  data: UPlot.AlignedData,
  holder: Holder,
) => UPlot) & { readonly paths: UPlot.Series.PathBuilderFactories };
declare const document: {
  readonly documentElement: object;
  getElementById(id: string): { readonly textContent: string };
  querySelectorAll(selector: string): Iterable<Holder>;
};
declare const getComputedStyle: (element: object) => { getPropertyValue(name: string): string };
declare const matchMedia: (query: string) => { addEventListener(event: 'change', listener: () => void): void };
declare const ResizeObserver: new (
  changed: (entries: readonly { readonly target: Holder }[]) => void,
) => {
  observe(holder: Holder): void;
};

const PLOT_HEIGHT_PX = 280;
/** As many as the style sheet has. */
const COLORS = 8;
const FONT = '12px system-ui, sans-serif';

/** About three significant digits. */
function digits(value: number): string {
  return `${Number(value.toPrecision(3))}`;
}

/** The largest unit of which there is at least one. */
function scaled(value: number, units: readonly (readonly [size: number, name: string])[]): string {
  const [size, name] = units.find(([least]) => Math.abs(value) >= least) ?? units[units.length - 1] ?? [1, ''];
  return `${digits(value / size)}${name}`;
}

const TEXTS: Readonly<Record<Unit, (value: number) => string>> = {
  us: (value) =>
    scaled(value, [
      [1e6, ' s'],
      [1e3, ' ms'],
      [1, ' µs'],
      [1e-3, ' ns'],
    ]),
  s: (value) => `${digits(value)} s`,
  per_s: (value) =>
    scaled(value, [
      [1e6, ' M/s'],
      [1e3, ' k/s'],
      [1, '/s'],
    ]),
  bytes: (value) =>
    scaled(value, [
      [2 ** 30, ' GiB'],
      [2 ** 20, ' MiB'],
      [2 ** 10, ' KiB'],
      [1, ' B'],
    ]),
  percent: (value) => `${digits(value)} %`,
  count: digits,
};

/** 99.9 of 1000: as many decimals as there are nines. */
function percentileText(x: number): string {
  const decimals = Math.max(0, Math.ceil(Math.log10(x)) - 1);
  return `${Number((100 * (1 - 1 / x)).toFixed(decimals))}`;
}

function textOf({ unit, scale }: Axis, value: number | null | undefined): string {
  if (value === null || value === undefined) return '\u2013';
  return scale === 'nines' ? percentileText(value) : TEXTS[unit](value);
}

/** Powers of ten times 1, 2 and 5; powers of ten alone, or some of them, where those would be too many. */
function logSplits(min: number, max: number, most: number): number[] {
  const first = Math.floor(Math.log10(min));
  const powers = Array.from({ length: Math.ceil(Math.log10(max)) - first + 1 }, (_, i) => 10 ** (first + i));
  const inside = (value: number): boolean => value >= min * 0.999 && value <= max * 1.001;
  const all = powers.flatMap((power) => [power, 2 * power, 5 * power]).filter(inside);
  if (all.length <= most) {
    // Zoomed in between two of them: any numbers will do.
    return all.length >= 2 ? all : [0, 1, 2, 3].map((i) => min + ((max - min) * i) / 3);
  }
  const some = powers.filter(inside);
  const step = Math.ceil(some.length / most);
  return some.filter((_, i) => i % step === 0);
}

/** The next number below (`Math.floor`) or above (`Math.ceil`) of 1, 2 and 5 times a power of ten. */
function rounded(value: number, isUp: boolean): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 2, 5, 10].map((step) => step * power);
  const found = isUp
    ? steps.find((step) => step >= value * 0.999)
    : steps.reverse().find((step) => step <= value * 1.001);
  return found ?? value;
}

type Range = [min: number, max: number];

function yRange({ scale }: Axis, min: number | null, max: number | null): Range {
  if (min === null || max === null) return scale === 'log' ? [1, 10] : [0, 1];
  if (scale === 'linear') return [0, max > 0 ? max * 1.08 : 1];
  const low = rounded(min, false);
  return [low, Math.max(rounded(max, true), low * 2)];
}

function xRange({ scale, unit }: Axis, min: number | null, max: number | null): Range {
  if (min === null || max === null) return [1, 10];
  if (min === max) return scale === 'linear' ? [min - 1, max + 1] : [min / 2, max * 2];
  // Room for the points at both ends.
  const isSweep = unit === 'per_s' || unit === 'bytes' || unit === 'count';
  if (!isSweep) return [min, max];
  const margin = scale === 'linear' ? (max - min) * 0.04 : (max / min) ** 0.04;
  return scale === 'linear' ? [min - margin, max + margin] : [min / margin, max * margin];
}

/** A colour of the page's style sheet. */
function ink(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function seriesOf(line: Line, { x, y, xs }: Plot): UPlot.Series {
  const isDoubtful = line.style === 'doubtful';
  const stroke = ink(isDoubtful ? '--bad' : `--c${line.color % COLORS}`);
  const isDots = isDoubtful || line.style === 'dots';
  return {
    label: line.label,
    stroke,
    width: isDots ? 0 : 2,
    // A second without an answer is a gap; a rate that another report has not tried is none.
    spanGaps: x.unit !== 's',
    value: (_chart, value) => textOf(y, value),
    ...(line.style === 'dashed' && { dash: [6, 4] }),
    ...(isDots && { paths: () => null }),
    ...(line.style === 'steps' && { paths: uPlot.paths.stepped?.({ align: 1 }), fill: `${stroke}40` }),
    points: {
      show: isDots || (line.style === 'solid' && xs.length <= 30),
      size: isDoubtful ? 12 : isDots ? 8 : 6,
      stroke,
      fill: isDots ? 'transparent' : stroke,
    },
  };
}

function splitsOf(axis: Axis, xs: readonly number[] | null): UPlot.Axis.Splits | undefined {
  if (axis.scale === 'linear') return undefined;
  // Sizes that were measured are better marks than round numbers.
  if (axis.unit === 'bytes' && xs !== null && xs.length <= 10) return () => [...xs];
  return (chart, _axis, min, max) => {
    const most = xs === null ? 9 : Math.max(3, Math.floor(chart.width / 60));
    if (axis.scale === 'log') return logSplits(min, max, most);
    const nines = logSplits(min, max, Math.floor(chart.width / 50));
    return nines.length < 3 ? nines : nines.filter((x) => x === 2 || Number.isInteger(Math.log10(x)));
  };
}

function axisOf(axis: Axis, xs: readonly number[] | null): UPlot.Axis {
  const line = { stroke: ink('--line'), width: 1 };
  const splits = splitsOf(axis, xs);
  return {
    label: axis.label,
    labelFont: FONT,
    labelSize: 20,
    font: FONT,
    stroke: ink('--soft'),
    grid: line,
    ticks: line,
    size: xs === null ? 62 : 32,
    space: xs === null ? 30 : 60,
    values: (_chart, splits) => splits.map((value) => textOf(axis, value)),
    ...(splits !== undefined && { splits, filter: (_chart: UPlot, all: number[]) => all }),
  };
}

function draw(plot: Plot, holder: Holder): UPlot {
  const { x, y, xs, lines } = plot;
  const distribution = (scale: Axis['scale']) =>
    scale === 'linear' ? { distr: 1 as const } : { distr: 3 as const, log: 10 as const };
  const options: UPlot.Options = {
    width: holder.clientWidth,
    height: PLOT_HEIGHT_PX,
    scales: {
      x: { time: false, ...distribution(x.scale), range: (_chart, min, max) => xRange(x, min, max) },
      y: { ...distribution(y.scale), range: (_chart, min, max) => yRange(y, min, max) },
    },
    series: [
      { label: x.scale === 'nines' ? 'percentile' : x.label, value: (_chart, value) => textOf(x, value) },
      ...lines.map((line) => seriesOf(line, plot)),
    ],
    axes: [axisOf(x, xs), axisOf(y, null)],
    cursor: { y: false, drag: { x: true, y: false } },
  };
  return new uPlot(options, [[...xs], ...lines.map(({ ys }) => [...ys])], holder);
}

const plots = JSON.parse(document.getElementById('plots').textContent) as readonly Plot[];
const charts = new Map<Holder, UPlot>();

/** Draws what is visible for the first time, and fits what was drawn into its place. */
function place(holder: Holder): void {
  const width = holder.clientWidth;
  const chart = charts.get(holder);
  // Folded away: drawn when it is opened, for there may be many.
  if (width === 0 || holder.closest('details:not([open])') !== null) return;
  if (chart === undefined) charts.set(holder, draw(plots[Number(holder.dataset.plot)] as Plot, holder));
  else if (chart.width !== width) chart.setSize({ width, height: PLOT_HEIGHT_PX });
}

const observer = new ResizeObserver((entries) => {
  for (const { target } of entries) place(target);
});
for (const holder of document.querySelectorAll('[data-plot]')) {
  // At once, not with the first frame: whoever prints the page may not wait for one.
  place(holder);
  observer.observe(holder);
}

// A chart keeps the colours with which it was drawn.
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
  for (const [holder, chart] of [...charts]) {
    chart.destroy();
    charts.delete(holder);
    place(holder);
  }
});
