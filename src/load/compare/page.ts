/** The page of a comparison: both reports' figures side by side, and their plots over each other. */
import { many } from '../output/describe.js';
import { Distribution } from '../output/histogram.js';
import { histogramPlot, type NamedDistribution, percentilePlot } from '../output/page/latency-plots.js';
import { banner, facts, foldable, table } from '../output/page/markup.js';
import { PlotBook, standalonePage } from '../output/page/page.js';
import { ratePlot, timePlot } from '../output/page/series-plots.js';
import { sweepPlots } from '../output/page/sweep-plots.js';
import { type Comparison, matchRuns, type NamedReport, type RunPair } from './compare.js';
import { basisText, pairCells, sideText, unmatchedLines, verdictCells, verdictText } from './table.js';

type Runs = ReturnType<typeof matchRuns>[number];

function distributionsOf({ latency }: RunPair, runs: Runs): NamedDistribution[] {
  if (latency === null) return [];
  return [
    { label: 'A', color: 0, run: runs.a },
    { label: 'B', color: 1, run: runs.b },
  ].map(({ label, color, run }) => ({
    label,
    color,
    style: 'solid',
    distribution: new Distribution(run[latency]?.hdr ?? ''),
  }));
}

function runContent(pair: RunPair, runs: Runs, book: PlotBook): string {
  const distributions = distributionsOf(pair, runs);
  const series = [
    { prefix: 'A ', color: 0, series: runs.a.series },
    { prefix: 'B ', color: 1, series: runs.b.series },
  ];
  return `${banner('note', pair.warnings)}
${book.figures([percentilePlot(distributions), histogramPlot(distributions), ratePlot(series, true), timePlot(series, true)])}
<p class="soft">${basisText(pair)}</p>
${table(pairCells(pair))}`;
}

/** The whole page, self-contained. */
export function comparisonPage(comparison: Comparison, a: NamedReport, b: NamedReport): string {
  const { runs, verdicts, is_held, warnings } = comparison;
  const book = new PlotBook();
  const pairs = matchRuns(a.report, b.report);
  const sweeps = sweepPlots([
    { prefix: 'A ', color: 0, runs: a.report.runs },
    { prefix: 'B ', color: 1, runs: b.report.runs },
  ]);
  const overview = runs.length > 1 ? book.figures(sweeps) : '';
  const details = runs.map((pair, i) =>
    foldable(pair.name, runs.length === 1, runContent(pair, pairs[i] as Runs, book)),
  );
  const broken = verdicts.filter((verdict) => !verdict.is_held);
  const outcome = is_held
    ? 'Every threshold is held'
    : `Broken: ${broken.length} of ${many(verdicts.length, 'verdict')}`;
  const content = `${facts([
    ['A', [sideText(a)]],
    ['B', [sideText(b)]],
  ])}
${banner('note', [...warnings, ...unmatchedLines(comparison)])}
${verdicts.length === 0 ? '' : banner(is_held ? 'good' : 'bad', [outcome, ...broken.map(verdictText)])}
${overview}
${details.join('\n')}
${verdicts.length === 0 ? '' : foldable('Thresholds', false, table(verdictCells(verdicts)))}`;
  return standalonePage('sanswitch compare', content, book);
}
