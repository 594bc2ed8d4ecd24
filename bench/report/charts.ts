/**
 * Charts as inline SVG. Widths are percentages and heights pixels, so that a chart fills any column and its text keeps its
 * size, on a telephone too. Colours are classes of the page's style sheet, which knows light and dark.
 */
import { escapeMarkup } from '#src/markup.js';
import { percent } from './markup.js';

/** One bar or dot. */
export interface Mark {
  readonly label: string;
  /** Index of its colour, 0 to 2. */
  readonly series: number;
  readonly value: number;
  /** What is printed for the value. */
  readonly text: string;
  /** For a range: further values, ascending, with their texts. */
  readonly tail?: readonly { readonly value: number; readonly text: string }[];
}

/** The marks of one message size. */
export interface Group {
  readonly title: string;
  readonly marks: readonly Mark[];
}

const ROW_PX = 40;
const TITLE_PX = 34;
const AXIS_PX = 30;

/** Bars from zero; each group has a scale of its own, whose end is its largest value. */
export function barChart(label: string, groups: readonly Group[]): string {
  let y = 0;
  const parts: string[] = [];
  for (const group of groups) {
    const largest = Math.max(...group.marks.map((mark) => mark.value));
    parts.push(title(group.title, y));
    y += TITLE_PX;
    for (const mark of group.marks) {
      const fraction = largest > 0 ? mark.value / largest : 0;
      parts.push(
        rowText(mark, y, mark.text),
        `<rect class="track" x="0" y="${y + 18}" width="100%" height="12" rx="3"/>`,
        `<rect class="s${mark.series}" x="0" y="${y + 18}" width="${percent(Math.max(fraction, 0.003))}" height="12" rx="3"/>`,
      );
      y += ROW_PX;
    }
  }
  return svg(label, y, parts);
}

/** A dot for the value and a line to the values of its tail, on one logarithmic axis for all groups. */
export function rangeChart(label: string, groups: readonly Group[], axisText: (value: number) => string): string {
  const all = groups.flatMap((group) => group.marks.flatMap((mark) => [mark.value, ...tailValues(mark)]));
  const low = Math.floor(Math.log10(Math.min(...all)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...all))));
  // A margin at both ends keeps dots and axis labels inside the drawing.
  const x = (value: number): string => percent(0.02 + (0.96 * (Math.log10(value) - low)) / (high - low));
  let y = 0;
  const parts: string[] = [];
  for (const group of groups) {
    parts.push(title(group.title, y));
    y += TITLE_PX;
    for (const mark of group.marks) {
      parts.push(rowText(mark, y, rangeText(mark)), rangeMark(mark, x, y + 24));
      y += ROW_PX;
    }
  }
  const grid: string[] = [];
  for (let power = low; power <= high; power++) {
    const at = x(10 ** power);
    const anchor = power === low ? 'start' : power === high ? 'end' : 'middle';
    grid.push(
      `<line class="grid" x1="${at}" x2="${at}" y1="0" y2="${y}"/>`,
      `<text class="axis" x="${at}" y="${y + 18}" text-anchor="${anchor}">${escapeMarkup(axisText(10 ** power))}</text>`,
    );
  }
  return svg(label, y + AXIS_PX, [...grid, ...parts]);
}

function rangeMark(mark: Mark, x: (value: number) => string, y: number): string {
  const tail = tailValues(mark);
  const ticks = tail.map((value) => `<line x1="${x(value)}" x2="${x(value)}" y1="${y - 5}" y2="${y + 5}"/>`).join('');
  const line = `<line x1="${x(mark.value)}" x2="${x(tail.at(-1) ?? mark.value)}" y1="${y}" y2="${y}"/>`;
  return `<g class="s${mark.series}">${line}${ticks}<circle cx="${x(mark.value)}" cy="${y}" r="6"/></g>`;
}

function tailValues(mark: Mark): number[] {
  return (mark.tail ?? []).map(({ value }) => value);
}

function rangeText(mark: Mark): string {
  return [mark.text, ...(mark.tail ?? []).map(({ text }) => text)].join(' · ');
}

function title(text: string, y: number): string {
  return `<text class="group" x="0" y="${y + 24}">${escapeMarkup(text)}</text>`;
}

function rowText(mark: Mark, y: number, value: string): string {
  const name = `<text class="name" x="0" y="${y + 12}">${escapeMarkup(mark.label)}</text>`;
  return `${name}<text class="value" x="100%" y="${y + 12}" text-anchor="end">${escapeMarkup(value)}</text>`;
}

function svg(label: string, height: number, parts: readonly string[]): string {
  const name = escapeMarkup(label);
  return `<svg role="img" aria-label="${name}" width="100%" height="${height}">${parts.join('')}</svg>`;
}
