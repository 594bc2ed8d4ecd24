/** Parts of pages. All texts are escaped. */
import { escapeMarkup } from '../../../markup.js';
import type { Cells } from '../figures.js';

/** A table: the first column left-aligned. Cells are text. */
export function table({ head, rows }: Cells): string {
  const line = (cells: readonly string[], tag: string): string =>
    `<tr>${cells.map((cell) => `<${tag}>${escapeMarkup(cell)}</${tag}>`).join('')}</tr>`;
  const body = rows.map((row) => line(row, 'td')).join('\n');
  return `<div class="wide"><table><thead>${line(head, 'th')}</thead>\n<tbody>${body}</tbody></table></div>`;
}

/** Names with what belongs to each, texts. */
export function facts(list: readonly (readonly [name: string, lines: readonly string[]])[]): string {
  const items = list.map(
    ([name, lines]) =>
      `<dt>${escapeMarkup(name)}</dt>${lines.map((line) => `<dd>${escapeMarkup(line)}</dd>`).join('')}`,
  );
  return `<dl>${items.join('\n')}</dl>`;
}

/** What must not be overlooked. */
export function banner(kind: 'good' | 'bad' | 'note', lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `<div class="banner ${kind}">${lines.map((line) => `<p>${escapeMarkup(line)}</p>`).join('')}</div>`;
}

/** A figure that is seen first. */
export function card(value: string, text: string): string {
  return `<div class="card"><b>${escapeMarkup(value)}</b>${escapeMarkup(text)}</div>`;
}

/** Something with a heading that can be folded away. */
export function foldable(heading: string, isOpen: boolean, content: string): string {
  return `<details${isOpen ? ' open' : ''}><summary><h2>${escapeMarkup(heading)}</h2></summary>\n${content}\n</details>`;
}
