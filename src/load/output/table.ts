/** A report as text for a terminal. */
import { plain } from '../../terminal-text.js';
import type { LoadReport, LoadRun } from '../report.js';
import { cellTable, entries } from './columns.js';
import { hostText, partialText, providersText, settingsText, sloText, validityLines } from './describe.js';
import { latencyCells, overviewCells, runFacts } from './figures.js';
import { dateText, durationText } from './units.js';

function runText(run: LoadRun): string {
  const latency = latencyCells(run);
  return [
    `\n${plain(run.name)}\n`,
    ...validityLines(run).map((line) => `  ${plain(line)}\n`),
    latency === null ? '  latency   none: nothing is answered\n' : cellTable(latency, '  '),
    entries(runFacts(run), '  '),
  ].join('');
}

/** Lines of text, the last one ended. Corrected and raw figures stand side by side. */
export function reportTable(report: LoadReport): string {
  const { settings, hosts, runs, started_at } = report;
  const measured_s = runs.reduce((sum, { duration_s }) => sum + duration_s, 0);
  const slo = sloText(report);
  const partial = partialText(report);
  const head = [
    `sanswitch load: ${settingsText(settings)}`,
    `${dateText(started_at)}, ${durationText(measured_s)} measured`,
    ...hosts.flatMap((host) => [hostText(host), `  providers: ${providersText(host)}`]),
    ...(partial === null ? [] : [partial]),
  ];
  return [
    ...head.map((line) => `${plain(line)}\n`),
    ...runs.map(runText),
    // Behind the details, where one looks first on a terminal.
    ...(runs.length > 1 ? ['\n', cellTable(overviewCells(runs), '')] : []),
    ...(slo === null ? [] : [`\nSLO ${plain(slo)}\n`]),
  ].join('');
}
