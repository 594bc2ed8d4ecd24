/** What 0x does not draw, put into its page: the threads' times, how the profile was taken, and what it does not show. */
import { escapeMarkup } from '../markup.js';
import { NOTHING_FROM_OUTSIDE } from './page-policy.js';
import type { Recorded, ThreadRow } from './recorded.js';
import type { Missing, Profile } from './stacks.js';

const STYLE = `
#beside { position: fixed; right: .75rem; top: 4.75rem; z-index: 10; max-width: min(62rem, 92vw); max-height: 60vh; overflow: auto;
  background: #fdfdfd; color: #1b1f24; border: 1px solid #c5c9cf; border-radius: .4rem; padding: .35rem .7rem; font: 13px/1.45 system-ui, sans-serif; }
#beside summary { cursor: pointer; font-weight: 600; } #beside p, #beside ul { margin: .4rem 0; } #beside ul { padding-left: 1.2rem; }
#beside table { border-collapse: collapse; font-variant-numeric: tabular-nums; } #beside code { overflow-wrap: anywhere; }
#beside th, #beside td { padding: .1rem .55rem; text-align: right; white-space: nowrap; border-bottom: 1px solid #e2e5e9; }
#beside th:first-child, #beside td:first-child { text-align: left; }
@media (prefers-color-scheme: dark) { #beside { background: #1e2227; color: #e8eaed; border-color: #3b424b; }
  #beside th, #beside td { border-color: #343a42; } chart canvas { background: #e8eaed; } }
`;

/** 0x hides native code at first; here it is half of what is to be seen. */
const SHOW_ALL = `if (!location.hash) location.replace('#' + encodeURIComponent(JSON.stringify({ merged: false, nodeId: 0, excludeTypes: [] })));`;

const MEANS = {
  perf: 'perf: JavaScript, native code and the kernel, by processor time',
  'cpu-prof': `V8's CPU profiles (--cpu-prof) of all JavaScript threads: the time that passes, except what they wait for events`,
};

/** How it was taken, in words. */
export function meansText({ means }: Profile): string {
  return MEANS[means];
}

/** One thing that is missing, in a line. */
export function missingText({ what, remedy }: Missing): string {
  return remedy === null ? what : `${what}; mended by: ${remedy}`;
}

const HEAD = [
  'thread',
  'on CPU',
  'in queue',
  'asleep',
  'sleeps',
  'polls',
  'spins',
  'poller asleep',
  'wakes sent',
  'received',
];

/** The threads' times as rows of text, the first one the heading. */
export function threadTable(rows: readonly ThreadRow[]): string[][] {
  const time = (us: number): string => `${(us / 1_000).toFixed(0)} ms`;
  const cells = ({ name, cpu_us, queued_us, asleep_us, sleeps, reactor }: ThreadRow): string[] => {
    const counts =
      reactor === null ? [] : [reactor.polls, reactor.spins, reactor.sleeps, reactor.wakesSent, reactor.wakesReceived];
    const counted = Array.from({ length: 5 }, (_, i) => (counts[i] === undefined ? '' : `${counts[i]}`));
    return [name, time(cpu_us), time(queued_us), time(asleep_us), `${sleeps}`, ...counted];
  };
  return [HEAD, ...rows.map(cells)];
}

function markupTable([head = [], ...rows]: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeMarkup(cell)}</${tag}>`).join('')}</tr>`;
  return `<table><thead>${line(head, 'th')}</thead><tbody>${rows.map((row) => line(row, 'td')).join('')}</tbody></table>`;
}

/** The whole page. @param drawn as 0x writes it */
export function flamePage(drawn: string, title: string, { profile, rows }: Recorded): string {
  const missing = profile.missing.map(({ what, remedy }) => {
    const command = remedy === null ? '' : `; mended by: <code>${escapeMarkup(remedy)}</code>`;
    return `<li>${escapeMarkup(what)}${command}</li>`;
  });
  const beside = `<details id="beside"><summary>Threads, poller and what is missing</summary>
<p>Taken by ${escapeMarkup(meansText(profile))}.</p>
${markupTable(threadTable(rows))}
<p>In queue: ready to run, without a processor. Asleep: neither. Polls, spins and wakes: what the thread's own poller counted; a dedicated poller is the thread <code>poller</code>.</p>
${missing.length === 0 ? '' : `<p>Not shown:</p><ul>${missing.join('')}</ul>`}
</details>`;
  const head = `<!doctype html>
<html lang="en">
<head>
${NOTHING_FROM_OUTSIDE}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
<script>${SHOW_ALL}</script>`;
  const start = /<html>\s*<head>/;
  const body = /<body[^>]*>/;
  if (!start.test(drawn) || !body.test(drawn)) throw new Error('0x has written a page that is not known here');
  // Functions, since a `$` in a replacement has a meaning.
  return drawn
    .trimStart()
    .replace(start, () => head)
    .replace(body, (found) => `${found}\n${beside}`);
}
