/** How many colours for lines there are. */
export const LINE_COLORS = 8;

/** The style sheet of the page. The script takes `--c0` to `--c7` and the inks from here, and wants them as `#rrggbb`. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #5b6570; --paper: #ffffff; --card: #f5f6f8; --line: #dcdfe4;
  --good: #1a7f4b; --bad: #c02626; --c0: #2f6fde; --c1: #c2500a; --c2: #14804a; --c3: #9333c9; --c4: #a06a00; --c5: #0b7f90;
  --c6: #c2255c; --c7: #66707a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaed; --soft: #a0a9b4; --paper: #14171b; --card: #1e2227;
  --line: #343a42; --good: #4cc38a; --bad: #ff7b72; --c0: #6ba1ff; --c1: #ff9a4d; --c2: #4cc38a; --c3: #c98bf0; --c4: #e0b341;
  --c5: #4fc3d4; --c6: #ff7eb0; --c7: #9aa4ae; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 84rem; padding: 1.5rem 1rem 3rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .5rem; } h2 { display: inline; font-size: 1.15rem; }
p { margin: 0 0 .25rem; } .soft { color: var(--soft); font-size: .9rem; }
code { font: .85rem/1.4 ui-monospace, monospace; background: var(--card); padding: .1em .35em; border-radius: .3em; }
.banner { margin: 1rem 0; padding: .6rem .9rem; border-left: 4px solid var(--c7); background: var(--card); border-radius: .3rem; }
.banner p { margin: 0; } .good { border-color: var(--good); } .bad { border-color: var(--bad); } .bad p:first-child { font-weight: 600; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(48%, 9.5rem), 1fr)); gap: .75rem; margin: 1.25rem 0; }
.card { background: var(--card); border-radius: .6rem; padding: .7rem .9rem; color: var(--soft); font-size: .9rem; }
.card b { display: block; color: var(--ink); font-size: 1.5rem; line-height: 1.3; white-space: nowrap; font-variant-numeric: tabular-nums; }
details { margin-top: .75rem; border-top: 1px solid var(--line); padding-top: .75rem; }
summary { cursor: pointer; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 32rem), 1fr)); gap: 1.5rem 2rem; margin: 1.25rem 0; }
.plots > figure:last-child:nth-child(odd) { grid-column: 1 / -1; }
figure { margin: 0; min-width: 0; } figcaption { font-weight: 600; margin-bottom: .25rem; }
[data-plot] { min-height: 330px; overflow: hidden; }
.uplot, .u-legend { font-family: inherit; } .u-legend { font-size: 12px; color: var(--ink); font-variant-numeric: tabular-nums; }
.u-legend .u-series > * { padding: 1px 4px; } .u-select { background: color-mix(in srgb, var(--c0) 18%, transparent); }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
.wide > table { width: 100%; } .wide th, .wide td { padding: .3rem .7rem; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--line); }
.wide th { color: var(--soft); font-weight: 600; } .wide th:first-child, .wide td:first-child { text-align: left; padding-left: 0; }
dl { display: grid; align-content: start; grid-template-columns: fit-content(9rem) 1fr; gap: .2rem 1rem; margin: .75rem 0; font-size: .9rem; }
dt { color: var(--soft); grid-column: 1; } dd { margin: 0; grid-column: 2; min-width: 0; }
@media (max-width: 40rem) { .wide th, .wide td { padding: .3rem .35rem; } }
.columns { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 0 2.5rem; }
`;
