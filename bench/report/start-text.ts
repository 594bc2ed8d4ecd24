/** The results of `npm start` for a terminal. */
import type { Results } from './results.js';
import { rateText, ratioText, sizeText, table, throughputText, timeText } from './text.js';

const HEADINGS = ['size', 'transport', 'p50', 'p99', 'p99.9', 'vs baseline', 'messages', 'bytes', 'vs baseline'];

/** The table with its ratios, then who served each connection and why. */
export function startText(report: Results): string {
  const rows: string[][] = [HEADINGS];
  let lastSize = 0;
  for (const { transport, size, round_trip, one_way, ratio } of report.results) {
    if (lastSize !== 0 && size !== lastSize) rows.push(['']);
    const isBaseline = transport === report.baseline;
    rows.push([
      size === lastSize ? '' : sizeText(size),
      transport,
      timeText(round_trip.p50_us),
      timeText(round_trip.p99_us),
      timeText(round_trip.p999_us),
      isBaseline ? 'baseline' : ratioText(ratio.round_trip),
      rateText(one_way.msgs_per_s),
      throughputText(one_way.gb_per_s),
      isBaseline ? 'baseline' : ratioText(ratio.one_way),
    ]);
    lastSize = size;
  }
  const intro = `Two processes, one connection each; p50 to p99.9 are round trips, messages and bytes go one way.\n\n`;
  return `\n${intro}${table(rows, 2)}\n${connectionsText(report)}`;
}

function connectionsText(report: Results): string {
  const lines: string[] = [];
  for (const { transport, provider, connect, accept } of report.connections) {
    lines.push(`${transport}: served by ${provider}`, `  connecting side: ${connect}`);
    if (accept !== connect) lines.push(`  accepting side:  ${accept}`);
  }
  for (const { transport, reason } of report.unavailable) lines.push(`${transport}: not measured`, `  ${reason}`);
  return `${lines.join('\n')}\n`;
}
