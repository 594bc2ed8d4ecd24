/** Text for a terminal. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Text of somebody else, which must not move the cursor, change colours or begin a line. */
export function plain(text: string): string {
  return text.replace(CONTROLS, (control) => (/\s/.test(control) ? ' ' : '\ufffd'));
}

/** Columns as wide as their widest cell: the first left-aligned, the others right-aligned. Each line ends. Cells are made plain. */
export function columns(given: readonly (readonly string[])[], indent: string): string {
  const rows = given.map((row) => row.map(plain));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  const pad = (cell: string, i: number): string =>
    i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  return rows.map((row) => `${indent}${row.map(pad).join('   ').trimEnd()}\n`).join('');
}

/** Names, each with lines beside it, which are made plain. */
export function entries(list: readonly (readonly [name: string, lines: readonly string[]])[], indent: string): string {
  const width = Math.max(...list.map(([name]) => name.length));
  const line = (name: string, text: string): string => `${indent}${name.padEnd(width)}   ${plain(text)}\n`;
  return list.flatMap(([name, lines]) => lines.map((text, i) => line(i === 0 ? name : '', text))).join('');
}
