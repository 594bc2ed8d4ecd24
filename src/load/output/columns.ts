/** What stands beside names on a terminal, and tables as wide as those want them. */
import { columns, plain } from '../../terminal-text.js';
import type { Cells } from './figures.js';

const GAP = 3;

/** A table. */
export function cellTable({ head, rows }: Cells, indent: string): string {
  return columns([head, ...rows], { indent, gap: GAP });
}

/** Names, each with lines beside it, which are made plain. */
export function entries(list: readonly (readonly [name: string, lines: readonly string[]])[], indent: string): string {
  const width = Math.max(...list.map(([name]) => name.length));
  const line = (name: string, text: string): string => `${indent}${name.padEnd(width + GAP)}${plain(text)}\n`;
  return list.flatMap(([name, lines]) => lines.map((text, i) => line(i === 0 ? name : '', text))).join('');
}
