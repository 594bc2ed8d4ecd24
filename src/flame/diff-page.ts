/** The page of two profiles: one graph as wide as the larger share of each frame, red where it has grown, blue where it has shrunk. */

import { escapeMarkup } from '../markup.js';
import type { DiffFrame } from './diff.js';
import { NOTHING_FROM_OUTSIDE } from './page-policy.js';

/** Of everything, for a frame to be drawn. */
const LEAST_SHARE = 0.0005;

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --same: #e3e5e9; --more: 211,47,47; --less: 30,100,220; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --paper: #14171b; --same: #3b424b; --more: 255,95,85; --less: 90,160,255; } }
body { margin: 0; padding: 1rem; background: var(--paper); color: var(--ink); font: 14px/1.4 system-ui, sans-serif; }
h1 { font-size: 1.2rem; margin: 0; overflow-wrap: anywhere; } #what { min-height: 2.8em; margin: .5rem 0; overflow-wrap: anywhere; }
.key { display: inline-block; width: .9em; height: .9em; border-radius: .2em; vertical-align: -.1em; margin: 0 .3em 0 .8em; }
#graph { position: relative; } #graph div { position: absolute; height: 17px; overflow: hidden; white-space: nowrap; cursor: pointer; color: inherit;
  font: 11px/17px ui-monospace, monospace; padding-left: 2px; border-radius: 2px; box-sizing: border-box; border-right: 1px solid var(--paper);
  background-color: var(--same); }
#graph div:hover { filter: brightness(1.15); } .thread { font-weight: 700 !important; } .above { opacity: .6; }
`;

// Runs in the reader's browser. A frame is [name, share before, share after, children]. A frame is as wide as the larger of its shares
// or as all that it called, whichever is more.
const SCRIPT = `
const all = JSON.parse(document.getElementById('data').textContent);
const graph = document.getElementById('graph'), what = document.getElementById('what');
const ROW = 18, percent = (share) => (100 * share).toFixed(2) + ' %';
const measure = (f) => { f[4] = Math.max(f[1], f[2], f[3].reduce((sum, child) => sum + measure(child), 0)); return f[4]; };
measure(all);
function label(f) {
  const change = 100 * (f[2] - f[1]);
  return f[0] + ' \\u2014 before ' + percent(f[1]) + ', after ' + percent(f[2]) + ' (' + (change > 0 ? '+' : '') + change.toFixed(2) + ' points)';
}
function paint(f) {
  const change = f[2] - f[1], strength = Math.min(1, Math.abs(change) / Math.max(f[1], f[2], 1e-9));
  return strength < 0.02 ? '' : 'linear-gradient(rgba(var(' + (change > 0 ? '--more' : '--less') + '),' + (0.12 + 0.68 * strength).toFixed(2) + ') 0 0)';
}
function show(path) {
  graph.textContent = '';
  const zoomed = path[path.length - 1];
  let deepest = 0;
  const add = (f, x, width, depth, trail, above) => {
    deepest = Math.max(deepest, depth);
    const d = document.createElement('div');
    d.className = (depth < 2 ? 'thread' : '') + (above ? ' above' : '');
    d.style.left = 100 * x + '%'; d.style.width = 100 * width + '%'; d.style.top = depth * ROW + 'px';
    d.style.backgroundImage = paint(f);
    d.textContent = f[0];
    d.onmouseenter = () => { what.textContent = label(f); };
    d.onclick = () => show(trail);
    graph.append(d);
  };
  const below = (f, x, width, depth, trail) => {
    if (width < 0.0007) return;
    add(f, x, width, depth, trail, false);
    for (const child of f[3]) {
      const part = width * child[4] / f[4];
      below(child, x, part, depth + 1, [...trail, child]);
      x += part;
    }
  };
  path.slice(0, -1).forEach((f, i) => add(f, 0, 1, i, path.slice(0, i + 1), true));
  below(zoomed, 0, 1, path.length - 1, path);
  graph.style.height = (deepest + 2) * ROW + 'px';
  what.textContent = label(zoomed);
}
show([all]);
`;

type Packed = [name: string, before: number, after: number, children: Packed[]];

function pack({ name, before, after, children }: DiffFrame): Packed {
  const round = (value: number): number => Number(value.toPrecision(6));
  const kept = children.filter((child) => Math.max(child.before, child.after) >= LEAST_SHARE);
  return [name, round(before), round(after), kept.map(pack)];
}

/** The whole page. */
export function diffPage(title: string, tree: DiffFrame): string {
  // A script element ends at the first "</": no such text may stand in the data.
  const data = JSON.stringify(pack(tree)).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
${NOTHING_FROM_OUTSIDE}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeMarkup(title)}</h1>
<p><i class="key" style="background: rgb(var(--more))"></i>a larger share of the time than before<i class="key" style="background: rgb(var(--less))"></i>a smaller one</p>
<div id="what"></div>
<div id="graph"></div>
<script type="application/json" id="data">${data}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}
