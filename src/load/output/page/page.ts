/**
 * A page that stands alone: its style, its plots and the library that draws them are in it, and its policy forbids the browser to
 * run or to load anything else, whatever the text in a report was meant to do.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { escapeMarkup } from '../../../markup.js';
import type { Plot } from './plot.js';
import { STYLE } from './style.js';

/** The plots of one page, numbered as they come. */
export class PlotBook {
  readonly plots: Plot[] = [];

  /** Plots side by side where there is room. Null: nothing to be drawn. */
  figures(plots: readonly (Plot | null)[]): string {
    const present = plots.filter((plot) => plot !== null);
    return present.length === 0
      ? ''
      : `<div class="plots">${present.map((plot) => this.figure(plot)).join('\n')}</div>`;
  }

  private figure(plot: Plot): string {
    const number = this.plots.push(plot) - 1;
    const title = escapeMarkup(plot.title);
    return `<figure><figcaption>${title}</figcaption><div data-plot="${number}" role="img" aria-label="${title}"></div></figure>`;
  }
}

interface Assets {
  /** With its licence, which goes where it goes. */
  readonly library: string;
  readonly style: string;
  readonly client: string;
}

function readAssets(): Assets {
  const require = createRequire(import.meta.url);
  const read = (name: string): string => readFileSync(require.resolve(`uplot/${name}`), 'utf8');
  const client = readFileSync(new URL('./client.js', import.meta.url), 'utf8');
  return {
    library: `/*! uPlot\n${read('LICENSE').trim()}\n*/\n${read('dist/uPlot.iife.min.js').trim()}`,
    style: `${read('dist/uPlot.min.css').trim()}${STYLE}`,
    // The map is a file that does not go with the page.
    client: client.replace(/\n\/\/# sourceMappingURL=.*\s*$/, '\n'),
  };
}

/** Let through by a policy: exactly this text. */
function hashSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

/** JSON within a script element. */
function embeddedJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}

/** @param content markup below the title, in which all texts are escaped. @param book the plots that it has places for */
export function standalonePage(title: string, content: string, book: PlotBook): string {
  const { library, style, client } = readAssets();
  const policy = [
    "default-src 'none'",
    `script-src ${hashSource(library)} ${hashSource(client)}`,
    `style-src ${hashSource(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeMarkup(title)}</title>
<style>${style}</style>
</head>
<body>
<h1>${escapeMarkup(title)}</h1>
${content}
<noscript><p class="soft">The plots need JavaScript; the tables have the same figures.</p></noscript>
<script type="application/json" id="plots">${embeddedJson(book.plots)}</script>
<script>${library}</script>
<script type="module">${client}</script>
</body>
</html>
`;
}
