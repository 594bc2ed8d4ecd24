/** Figures for people who read a terminal. */
import { columns } from '#src/terminal-text.js';
import type { Line } from '../harness/contest.js';
import type { Figures } from '../harness/pair.js';
import type { Question } from '../harness/question.js';

/** 64 B, 16 KiB, 1 MiB. */
export function sizeText(bytes: number): string {
  if (bytes >= 1024 * 1024) return `${bytes / 1024 / 1024} MiB`;
  return bytes >= 1024 ? `${bytes / 1024} KiB` : `${bytes} B`;
}

/** A time in the unit that reads best. @param time_us µs */
export function timeText(time_us: number | undefined): string {
  if (time_us === undefined) return '';
  return time_us >= 1000 ? `${digits(time_us / 1000)} ms` : `${digits(time_us)} µs`;
}

/** A rate per second with k or M. */
export function rateText(rate: number): string {
  if (rate >= 1e6) return `${digits(rate / 1e6)} M/s`;
  return rate >= 1e3 ? `${digits(rate / 1e3)} k/s` : `${digits(rate)} /s`;
}

/** Throughput in GB/s (10^9 bytes), MB/s below a tenth of one. */
export function throughputText(gb_per_s: number): string {
  return gb_per_s >= 0.1 ? `${digits(gb_per_s)} GB/s` : `${digits(gb_per_s * 1000)} MB/s`;
}

/** 12.3x */
export function ratioText(ratio: number): string {
  return `${digits(ratio)}x`;
}

/** About three significant digits, without exponent. */
export function digits(value: number): string {
  if (value >= 100) return value.toFixed(0);
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** A table; the first `leftColumns` are left-aligned, the others right-aligned. */
export function table(rows: readonly (readonly string[])[], leftColumns = 1): string {
  return columns(rows, { indent: '  ', isLeft: (column) => column < leftColumns });
}

function cells(figures: Figures): string[] {
  return [
    sizeText(figures.size),
    timeText(figures.p50_us),
    timeText(figures.p99_us),
    rateText(figures.msgs_per_s),
    throughputText(figures.gb_per_s),
    `${figures.cpu_percent.toFixed(0)} %`,
  ];
}

/** The answer to a question as a table. */
export function lineTable(question: Question, lines: readonly Line[]): string {
  const rows: string[][] = [['variant', 'provider', 'size', 'p50', 'p99', 'messages', 'bytes', 'CPU', 'ratio', '']];
  const baselines = new Set<Line['baseline']>();
  for (const line of lines) {
    if (!baselines.has(line.baseline)) {
      baselines.add(line.baseline);
      rows.push([line.baseline.name, line.baseline.provider, ...cells(line.baseline), '1x', 'baseline']);
    }
    const note = line.judged ? '' : 'not judged';
    rows.push([line.variant, line.provider, ...cells(line), ratioText(line.ratio), note]);
  }
  return `\n${question.title}\n${table(rows, 2)}${ringNote(lines)}${targetNote(question)}`;
}

/** What the answer must reach, on a line of its own; nothing where none is judged. */
export function targetNote({ target }: Question): string {
  return target === undefined ? '' : `  must be ${target}\n`;
}

function ringNote(lines: readonly Line[]): string {
  const worst = lines.at(-1) as (Line & { raw_ring_p50_us?: number; vs_raw_ring?: number }) | undefined;
  if (worst?.raw_ring_p50_us === undefined || worst.vs_raw_ring === undefined) return '';
  return `  raw ring: ${timeText(worst.raw_ring_p50_us)}; '${worst.variant}' is ${ratioText(worst.vs_raw_ring)} that\n`;
}
