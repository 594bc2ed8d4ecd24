/** The page of a report. */

import { escapeMarkup } from '../../../markup.js';
import type { LoadReport, LoadRun } from '../../report.js';
import { hostText, partialText, providersText, settingsText, sloText, validityLines } from '../describe.js';
import { latencyCells, overviewCells, runFacts } from '../figures.js';
import { Distribution, mainLatency, percentile_us } from '../histogram.js';
import { dateText, durationText, grouped, rateText, timeText } from '../units.js';
import { histogramPlot, type NamedDistribution, percentilePlot } from './latency-plots.js';
import { banner, card, facts, foldable, table } from './markup.js';
import { PlotBook, standalonePage } from './page.js';
import { ratePlot, timePlot } from './series-plots.js';
import { LINE_COLORS } from './style.js';
import { sweepPlots } from './sweep-plots.js';

function distributionsOf({ corrected, raw }: LoadRun): NamedDistribution[] {
  const all = [
    { label: 'corrected', color: 0, style: 'solid', latency: corrected },
    { label: 'raw', color: 1, style: corrected === null ? 'solid' : 'dashed', latency: raw },
  ] as const;
  return all.flatMap(({ latency, ...line }) =>
    latency === null ? [] : [{ ...line, distribution: new Distribution(latency.hdr) }],
  );
}

function runContent(run: LoadRun, book: PlotBook): string {
  const latency = latencyCells(run);
  const distributions = distributionsOf(run);
  const series = [{ prefix: '', color: 0, series: run.series }];
  const plots = [
    percentilePlot(distributions),
    histogramPlot(distributions),
    ratePlot(series, false),
    timePlot(series, false),
  ];
  return `${banner(run.is_valid ? 'note' : 'bad', validityLines(run))}
${book.figures(plots)}
<div class="columns">${latency === null ? '' : table(latency)}${facts(runFacts(run))}</div>`;
}

function cards(run: LoadRun): string {
  const main = mainLatency(run);
  const times =
    main === null || main.latency.count === 0
      ? []
      : [
          ...[50, 99, 99.9].map(
            (each) => [timeText(percentile_us(main.latency, each)), `p${each}, ${main.kind}`] as const,
          ),
          [timeText(main.latency.max_us), `longest, ${main.kind}`] as const,
        ];
  const all = [
    [
      rateText(run.completed_per_s),
      run.rate_per_s === null ? 'completed' : `completed, ${rateText(run.rate_per_s)} wanted`,
    ],
    ...times,
    [grouped(run.failed), 'failed'],
  ] as const;
  return `<div class="cards">${all.map(([value, text]) => card(value, text)).join('\n')}</div>`;
}

function overview(runs: readonly LoadRun[], book: PlotBook): string {
  const curves = runs.flatMap((run, color): NamedDistribution[] => {
    const main = mainLatency(run);
    if (main === null) return [];
    return [
      {
        label: run.name,
        color,
        style: color < LINE_COLORS ? 'solid' : 'dashed',
        distribution: new Distribution(main.latency.hdr),
      },
    ];
  });
  return `${table(overviewCells(runs))}
${book.figures([...sweepPlots([{ prefix: '', color: 0, runs }]), percentilePlot(curves)])}`;
}

/** The whole page, self-contained. */
export function reportPage(report: LoadReport): string {
  const { settings, hosts, runs, started_at } = report;
  const book = new PlotBook();
  const measured_s = runs.reduce((sum, { duration_s }) => sum + duration_s, 0);
  const slo = sloText(report);
  const partial = partialText(report);
  const only = runs.length === 1 ? runs[0] : undefined;
  const details = runs.map((run) => foldable(run.name, only !== undefined, runContent(run, book)));
  const content = `<p class="soft">${escapeMarkup(`${dateText(started_at)} · ${durationText(measured_s)} measured · ${settingsText(settings)}`)}</p>
<p><code>${escapeMarkup(settings.command)}</code></p>
${partial === null ? '' : banner('bad', [partial])}
${slo === null ? '' : banner(report.slo?.is_met ? 'good' : 'bad', [`SLO ${slo}`])}
${only === undefined ? overview(runs, book) : cards(only)}
${details.join('\n')}
<details><summary><h2>${hosts.length === 1 ? 'Host' : 'Hosts'}</h2></summary>
${facts(hosts.map((host) => [host.hostname, [hostText(host), `providers: ${providersText(host)}`]]))}
</details>`;
  return standalonePage(`sanswitch load ${settings.target}`, content, book);
}
