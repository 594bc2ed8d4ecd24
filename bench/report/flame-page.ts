/** A flame graph as one self-contained page: a root per thread, hover for times, click to zoom. */
import { escapeMarkup } from './markup.js';
import type { Frame } from './profile.js';

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --js: #f2b36b; --native: #9db8d6; --thread: #c5c9cf; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --paper: #14171b; --js: #9a5b16; --native: #365a83; --thread: #3b424b; } }
body { margin: 0; padding: 1rem; background: var(--paper); color: var(--ink); font: 14px/1.4 system-ui, sans-serif; }
h1 { font-size: 1.2rem; margin: 0; } #what { min-height: 2.8em; margin: .5rem 0; overflow-wrap: anywhere; }
#graph { position: relative; } #graph div { position: absolute; height: 17px; overflow: hidden; white-space: nowrap; cursor: pointer;
  font: 11px/17px ui-monospace, monospace; padding-left: 2px; border-radius: 2px; box-sizing: border-box; border-right: 1px solid var(--paper); }
.js { background: var(--js); } .native { background: var(--native); } .thread { background: var(--thread); font-weight: 700; }
#graph div:hover { filter: brightness(1.15); } .above { opacity: .6; }
`;

// Runs in the reader's browser. A frame is [name, place, self µs, total µs, children].
const SCRIPT = `
const all = JSON.parse(document.getElementById('data').textContent);
const graph = document.getElementById('graph'), what = document.getElementById('what');
const ROW = 18;
function label(f, root) {
  return f[0] + (f[1] ? '  ' + f[1] : '') + ' \\u2014 ' + (f[3] / 1000).toFixed(1) + ' ms (' + (100 * f[3] / root).toFixed(1) +
    ' % of what is shown), by itself ' + (f[2] / 1000).toFixed(1) + ' ms';
}
function show(path) {
  graph.textContent = '';
  const zoomed = path[path.length - 1], root = zoomed[3];
  let depthMost = 0;
  const add = (f, x, width, depth, trail, above) => {
    if (width < 0.0007) return;
    depthMost = Math.max(depthMost, depth);
    const d = document.createElement('div');
    d.className = (depth < 2 ? 'thread' : f[1] ? 'js' : 'native') + (above ? ' above' : '');
    d.style.cssText = 'left:' + 100 * x + '%;width:' + 100 * width + '%;top:' + depth * ROW + 'px';
    d.textContent = f[0];
    d.onmouseenter = () => { what.textContent = label(f, root); };
    d.onclick = () => show(trail);
    graph.append(d);
  };
  const below = (f, x, width, depth, trail) => {
    add(f, x, width, depth, trail, false);
    for (const child of f[4]) {
      const part = width * child[3] / f[3];
      below(child, x, part, depth + 1, [...trail, child]);
      x += part;
    }
  };
  path.slice(0, -1).forEach((f, i) => add(f, 0, 1, i, path.slice(0, i + 1), true));
  below(zoomed, 0, 1, path.length - 1, path);
  graph.style.height = (depthMost + 2) * ROW + 'px';
  what.textContent = label(zoomed, root);
}
show([all]);
`;

type Packed = [name: string, place: string, self_us: number, total_us: number, children: Packed[]];

function pack(frame: Frame): Packed {
  const { name, place, self_us, total_us, children } = frame;
  return [name, place, Math.round(self_us), Math.round(total_us), children.map(pack)];
}

/** The whole page. @param threads one tree per thread, its root named after it */
export function flamePage(title: string, threads: readonly Frame[]): string {
  const total_us = threads.reduce((sum, thread) => sum + thread.total_us, 0);
  const root: Frame = { name: 'all threads', place: '', self_us: 0, total_us, children: threads };
  // A script element ends at the first "</": no such text may stand in the data.
  const data = JSON.stringify(pack(root)).replaceAll('<', '\\u003c');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<h1>${escapeMarkup(title)}</h1>
<div id="what"></div>
<div id="graph"></div>
<script type="application/json" id="data">${data}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}
