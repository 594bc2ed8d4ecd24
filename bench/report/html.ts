/** The page of `npm start`: one file, no script, no network. */

import { escapeMarkup } from '#src/markup.js';
import { barChart, type Group, rangeChart } from './charts.js';
import type { Result, Results } from './results.js';
import { rateText, ratioText, sizeText, throughputText, timeText } from './text.js';

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --paper: #ffffff; --card: #f5f6f8; --line: #dcdfe4;
  --s0: #7b8794; --s1: #2f6fde; --s2: #c2500a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a0a9b4; --paper: #14171b; --card: #1e2227;
  --line: #343a42; --s0: #97a3b0; --s1: #6ba1ff; --s2: #ff9a4d; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 68rem; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; } h2 { font-size: 1.15rem; margin: 0 0 .25rem; }
p { margin: 0 0 1rem; } .soft { color: var(--soft); font-size: .9rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 15rem), 1fr)); gap: .75rem; margin: 1.25rem 0; }
.card { background: var(--card); border-radius: .6rem; padding: .9rem 1rem; } .card b { display: block; font-size: 1.9rem; line-height: 1.2; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 2rem; margin: 2rem 0; }
.keys { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: 0; list-style: none; }
.keys i { display: inline-block; width: .8em; height: .8em; border-radius: .2em; margin-right: .4em; }
svg { display: block; overflow: visible; font: 13px system-ui, sans-serif; }
text { fill: var(--ink); } .group { font-weight: 600; font-size: 15px; } .name { fill: var(--soft); }
.value { font-variant-numeric: tabular-nums; } .axis { fill: var(--soft); font-size: 12px; } .grid { stroke: var(--line); } .track { fill: var(--card); }
svg .s0 { fill: var(--s0); stroke: var(--s0); } svg .s1 { fill: var(--s1); stroke: var(--s1); } svg .s2 { fill: var(--s2); stroke: var(--s2); }
svg g line { stroke-width: 2; } svg rect { stroke: none; }
.k0 { background: var(--s0); } .k1 { background: var(--s1); } .k2 { background: var(--s2); }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .35rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
th { color: var(--soft); font-weight: 600; } th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left; }
dl { margin: .5rem 0 0; } dt { font-weight: 600; margin-top: .75rem; } dd { margin: 0; overflow-wrap: anywhere; }
section { margin-top: 2rem; } .charts section { margin: 0; }
`;

/** The whole page. */
export function page(report: Results): string {
  const when = report.measured_at.slice(0, 16).replace('T', ' ');
  const { cpu, cores, kernel, node } = report.machine;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>sanswitch: two processes, ${transports(report).length} transports</title>
<style>${STYLE}</style>
</head>
<body>
<h1>sanswitch: two processes, ${transports(report).length} transports</h1>
<p class="soft">${escapeMarkup(`${when} UTC · ${cpu}, ${cores} cores · ${kernel} · Node.js ${node}`)}</p>
${headlines(report)}
${keys(report)}
<div class="charts">
<section><h2>Round trip</h2>
<p class="soft">One message at a time, echoed. Dot: p50; marks: p99 and p99.9. Logarithmic scale, left is better.</p>
${latencyChart(report)}</section>
<section><h2>One way</h2>
<p class="soft">Messages as fast as they go, counted where they arrive. Each size has its own scale, longer is better.</p>
${throughputChart(report)}</section>
</div>
<section><h2>All figures</h2>
<p class="soft">Medians of ${report.rounds} rounds in which the transports took turns. Ratios: how many times better than ${escapeMarkup(report.baseline)}.</p>
${figuresTable(report)}</section>
<section><h2>Who served the connections, and why</h2>${connections(report)}</section>
</body>
</html>
`;
}

function transports(report: Results): string[] {
  return [...new Set(report.results.map((result) => result.transport))];
}

function headlines(report: Results): string {
  const best = transports(report).at(-1);
  if (best === undefined || best === report.baseline) return '';
  const ours = report.results.filter((result) => result.transport === best);
  const small = ours[0];
  const large = ours.at(-1);
  if (small === undefined || large === undefined) return '';
  const card = (value: string, text: string): string =>
    `<div class="card"><b>${escapeMarkup(value)}</b>${escapeMarkup(text)}</div>`;
  const base = report.baseline;
  const size = [sizeText(small.size), sizeText(large.size)];
  return `<div class="cards">
${card(ratioText(small.ratio.round_trip), `as fast as ${base} in round trips of ${size[0]}: ${timeText(small.round_trip.p50_us)}`)}
${card(ratioText(small.ratio.one_way), `the ${size[0]} messages of ${base}: ${rateText(small.one_way.msgs_per_s)}`)}
${card(ratioText(large.ratio.one_way), `the bytes of ${base} in ${size[1]} messages: ${throughputText(large.one_way.gb_per_s)}`)}
</div>
<p class="soft">The figures above are for ${escapeMarkup(best)}.</p>`;
}

function keys(report: Results): string {
  const items = transports(report).map((name, index) => `<li><i class="k${index}"></i>${escapeMarkup(name)}</li>`);
  return `<ul class="keys">${items.join('')}</ul>`;
}

function groups(report: Results, mark: (result: Result, series: number) => Group['marks'][number]): Group[] {
  const names = transports(report);
  const sizes = [...new Set(report.results.map((result) => result.size))];
  return sizes.map((size) => ({
    title: sizeText(size),
    marks: report.results
      .filter((result) => result.size === size)
      .map((result) => mark(result, names.indexOf(result.transport))),
  }));
}

function latencyChart(report: Results): string {
  const chosen = groups(report, ({ transport, round_trip }, series) => ({
    label: transport,
    series,
    value: round_trip.p50_us ?? 0,
    text: timeText(round_trip.p50_us),
    tail: [round_trip.p99_us ?? 0, round_trip.p999_us ?? 0].map((value) => ({ value, text: timeText(value) })),
  }));
  return rangeChart('Round-trip time by message size and transport', chosen, axisText);
}

function axisText(value_us: number): string {
  if (value_us >= 1_000_000) return `${value_us / 1_000_000} s`;
  return value_us >= 1000 ? `${value_us / 1000} ms` : `${value_us} µs`;
}

function throughputChart(report: Results): string {
  const chosen = groups(report, ({ transport, one_way }, series) => ({
    label: transport,
    series,
    value: one_way.gb_per_s,
    text: `${rateText(one_way.msgs_per_s)} · ${throughputText(one_way.gb_per_s)}`,
  }));
  return barChart('Throughput by message size and transport', chosen);
}

function figuresTable(report: Results): string {
  const head = ['size', 'transport', 'p50', 'p99', 'p99.9', 'ratio', 'messages/s', 'bytes/s', 'ratio', 'CPU'];
  const rows = report.results.map(({ transport, size, round_trip, one_way, ratio }) => [
    sizeText(size),
    transport,
    timeText(round_trip.p50_us),
    timeText(round_trip.p99_us),
    timeText(round_trip.p999_us),
    ratioText(ratio.round_trip),
    rateText(one_way.msgs_per_s),
    throughputText(one_way.gb_per_s),
    ratioText(ratio.one_way),
    `${one_way.cpu_percent.toFixed(0)} %`,
  ]);
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeMarkup(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((row) => line(row, 'td')).join('\n');
  return `<div class="wide"><table><thead>${line(head, 'th')}</thead><tbody>${body}</tbody></table></div>`;
}

function connections(report: Results): string {
  const served = report.connections.map(({ transport, provider, connect, accept }) => {
    const accepting = accept === connect ? '' : `<dd>Accepting side: ${escapeMarkup(accept)}</dd>`;
    return `<dt>${escapeMarkup(transport)}: served by ${escapeMarkup(provider)}</dt><dd>Connecting side: ${escapeMarkup(connect)}</dd>${accepting}`;
  });
  const missing = report.unavailable.map(
    ({ transport, reason }) => `<dt>${escapeMarkup(transport)}: not measured</dt><dd>${escapeMarkup(reason)}</dd>`,
  );
  return `<dl>${[...served, ...missing].join('')}</dl>`;
}
