/** The page of the history: a line for each variant, of all runs of one host. One file, no script, no network. */

import { escapeMarkup } from '#src/markup.js';
import { median } from '../harness/percentiles.js';
import type { Comparison } from '../history/compare.js';
import type { HistoryRecord } from '../history/record.js';
import { digits, ratioText } from './text.js';

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --paper: #fff; --line: #dcdfe4; --mark: #2f6fde; --band: #2f6fde33; --worse: #c62828; --better: #1b7f3b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a0a9b4; --paper: #14171b; --line: #343a42; --mark: #6ba1ff; --band: #6ba1ff33; --worse: #ff7b72; --better: #57c878; } }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; overflow-wrap: anywhere; } .soft { color: var(--soft); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); vertical-align: middle; }
th { color: var(--soft); font-weight: 600; } th:nth-child(-n+2), td:first-child { text-align: left; white-space: normal; }
svg { display: block; } .band { fill: var(--band); } polyline { fill: none; stroke: var(--mark); stroke-width: 1.5; } circle { fill: var(--mark); }
.worse { color: var(--worse); font-weight: 600; } .better { color: var(--better); font-weight: 600; }
`;

const WIDTH = 260;
const HEIGHT = 44;
const MARGIN = 4;

interface Point {
  readonly label: string;
  readonly ratios: readonly number[];
}

/** The medians of the runs as a line, within a band from the least to the most. Logarithmic: half and double are equally far. */
function chart(points: readonly Point[]): string {
  const all = points.flatMap(({ ratios }) => ratios).filter((ratio) => ratio > 0);
  const low = Math.log(Math.min(...all));
  const height = Math.log(Math.max(...all)) - low;
  const x = (index: number): string => {
    const share = points.length === 1 ? 0.5 : index / (points.length - 1);
    return (MARGIN + share * (WIDTH - 2 * MARGIN)).toFixed(1);
  };
  const y = (ratio: number): string => {
    const share = height === 0 ? 0.5 : (Math.log(Math.max(ratio, Number.MIN_VALUE)) - low) / height;
    return (HEIGHT - MARGIN - Math.max(0, share) * (HEIGHT - 2 * MARGIN)).toFixed(1);
  };
  const upper = points.map(({ ratios }, index) => `${x(index)},${y(Math.max(...ratios))}`);
  const lower = points.map(({ ratios }, index) => `${x(index)},${y(Math.min(...ratios))}`).reverse();
  const line = points.map(({ ratios }, index) => `${x(index)},${y(median(ratios))}`).join(' ');
  const dots = points.map(({ label, ratios }, index) => {
    const text = `${label}: ${ratioText(median(ratios))} (${ratios.map(digits).join(', ')})`;
    return `<circle cx="${x(index)}" cy="${y(median(ratios))}" r="2.5"><title>${escapeMarkup(text)}</title></circle>`;
  });
  return `<svg width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="ratios of ${points.length} runs"><polygon class="band" points="${[...upper, ...lower].join(' ')}"/><polyline points="${line}"/>${dots.join('')}</svg>`;
}

function label({ run, commit, isDirty }: HistoryRecord): string {
  return `${run.slice(0, 16).replace('T', ' ')} ${commit?.slice(0, 8) ?? 'no commit'}${isDirty ? ' + changes' : ''}`;
}

function row(variant: string, points: readonly Point[], comparison: Comparison | undefined): string {
  const last = points.at(-1) as Point;
  const { before, after, noise, outcome = 'unknown' } = comparison ?? {};
  const change = before === undefined || !after ? '' : `${(100 * (after / before - 1)).toFixed(1)} %`;
  const cells = [ratioText(median(last.ratios)), change, noise ? `${(100 * noise).toFixed(1)} %` : ''];
  return `<tr><td>${escapeMarkup(variant)}</td><td>${chart(points)}</td>${cells.map((cell) => `<td>${escapeMarkup(cell)}</td>`).join('')}<td class="${outcome}">${outcome === 'unknown' ? '' : outcome}</td></tr>`;
}

function section(question: string, records: readonly HistoryRecord[], comparisons: readonly Comparison[]): string {
  const variants = [...new Set(records.flatMap((record) => record.variants.map(({ variant }) => variant)))];
  const rows = variants.map((variant) => {
    const points = records.flatMap((record) => {
      const ratios = record.variants.find((one) => one.variant === variant)?.ratios;
      return ratios === undefined ? [] : [{ label: label(record), ratios }];
    });
    const comparison = comparisons.find((one) => one.question === question && one.variant === variant);
    return row(variant, points, comparison);
  });
  const failure = records.at(-1)?.failure;
  const note = failure == null ? '' : `<p class="soft">Not answered the last time: ${escapeMarkup(failure)}</p>`;
  const head = '<tr><th>variant : baseline</th><th>runs</th><th>ratio</th><th>change</th><th>noise</th><th></th></tr>';
  const body =
    rows.length === 0
      ? ''
      : `<div class="wide"><table><thead>${head}</thead><tbody>${rows.join('\n')}</tbody></table></div>`;
  return `<h2>${escapeMarkup(question)}</h2>${note}${body}`;
}

/** The whole page. @param records of one host, the oldest first, at least one @param comparisons of the last run */
export function historyPage(records: readonly HistoryRecord[], comparisons: readonly Comparison[]): string {
  const last = records.at(-1) as HistoryRecord;
  const { host } = last;
  const questions = [...new Set(records.map(({ question }) => question))];
  const sections = questions.map((question) =>
    section(
      question,
      records.filter((record) => record.question === question),
      comparisons,
    ),
  );
  const machine = `${host.name} · ${host.cpu}, ${host.cores} cores · ${host.kernel} · Node.js ${host.node}`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sanswitch: history of the benchmark</title>
<style>${STYLE}</style>
</head>
<body>
<h1>History of the benchmark</h1>
<p class="soft">${escapeMarkup(machine)}<br>Last run: ${escapeMarkup(label(last))}</p>
<p class="soft">How many times better than the baseline: the line is the median of a run, the band reaches from its least to its most. Each chart has its own, logarithmic scale. Noise: how far a ratio may fall and mean nothing, from how repetitions scatter.</p>
${sections.join('\n')}
</body>
</html>
`;
}
