/** A comparison in words, and as text for a terminal. */
import { plain } from '../../terminal-text.js';
import { cellTable } from '../output/columns.js';
import { settingsText } from '../output/describe.js';
import type { Cells } from '../output/figures.js';
import { dateText } from '../output/units.js';
import type { Comparison, MetricPair, NamedReport, RunPair, Verdict } from './compare.js';
import { METRICS, metricText } from './metrics.js';

/** One line: a report. */
export function sideText({ file, report }: NamedReport): string {
  return `${file}: ${dateText(report.started_at)}, ${settingsText(report.settings)}`;
}

function differenceText({ unit, difference }: MetricPair): string {
  if (difference === null) return '-';
  const text = metricText(unit, difference);
  return difference > 0 ? `+${text}` : text;
}

function changeText({ change, difference }: MetricPair): string {
  if (change === null) return difference === 0 ? '0.0 %' : '-';
  return `${change > 0 ? '+' : ''}${(change * 100).toFixed(1)} %`;
}

/** Both runs side by side. */
export function pairCells({ metrics }: RunPair): Cells {
  const rows = metrics.map((pair) => [
    pair.metric,
    metricText(pair.unit, pair.a),
    metricText(pair.unit, pair.b),
    differenceText(pair),
    changeText(pair),
  ]);
  return { head: ['', 'A', 'B', 'B - A', 'change'], rows };
}

/** Which figures are compared, where there is a choice. */
export function basisText({ latency }: RunPair): string {
  return latency === null ? 'no latency in common' : `latency: ${latency}`;
}

function boundText({ metric, unit, limit }: Verdict): string {
  const bound = METRICS.find(({ name }) => name === metric)?.isMoreBetter ? 'at least' : 'at most';
  return `${bound} ${metricText(unit, limit)}`;
}

/** One line. */
export function verdictText(verdict: Verdict): string {
  const { threshold, run, unit, limit, b, is_held, why } = verdict;
  const figures = limit === null ? '' : `: ${metricText(unit, b)}, allowed is ${boundText(verdict)}`;
  return `${is_held ? 'held  ' : 'BROKEN'}  ${threshold}  ${run}${figures}${why === null ? '' : ` (${why})`}`;
}

/** All verdicts, a line each. */
export function verdictCells(verdicts: readonly Verdict[]): Cells {
  const rows = verdicts.map((verdict) => {
    const { threshold, run, unit, limit, b, is_held, why } = verdict;
    const bound = limit === null ? '-' : boundText(verdict);
    return [is_held ? 'held' : 'BROKEN', threshold, run, metricText(unit, b), bound, why ?? ''];
  });
  return { head: ['', 'threshold', 'run', 'B', 'allowed', ''], rows };
}

/** Lines about runs that only one of the reports has. */
export function unmatchedLines({ only_a, only_b }: Comparison): string[] {
  const line = (side: string, names: readonly string[]): string[] =>
    names.length > 0 ? [`only ${side} has: ${names.map((name) => `'${name}'`).join(', ')}`] : [];
  return [...line('A', only_a), ...line('B', only_b)];
}

function runText(pair: RunPair): string {
  const notes = [basisText(pair), ...pair.warnings.map((warning) => `warning: ${warning}`)];
  return `\n${plain(pair.name)}\n${notes.map((note) => `  ${plain(note)}\n`).join('')}${cellTable(pairCells(pair), '  ')}`;
}

/** Lines of text, the last one ended. */
export function comparisonTable(comparison: Comparison, a: NamedReport, b: NamedReport): string {
  const { warnings, runs, verdicts } = comparison;
  const notes = [...warnings, ...unmatchedLines(comparison)];
  const head = [`A  ${sideText(a)}`, `B  ${sideText(b)}`, ...notes.map((note) => `warning: ${note}`)];
  return [
    ...head.map((line) => `${plain(line)}\n`),
    ...runs.map(runText),
    ...(verdicts.length > 0 ? ['\nThresholds\n'] : []),
    ...verdicts.map((verdict) => `  ${plain(verdictText(verdict))}\n`),
  ].join('');
}
