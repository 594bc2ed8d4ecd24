/** Text for a terminal. */

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what it is about
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** Text of somebody else, which must not move the cursor, change colours or begin a line. */
export function plain(text: string): string {
  return text.replace(CONTROLS, (control) => (/\s/.test(control) ? ' ' : '\ufffd'));
}

/** How columns stand. */
export interface ColumnLayout {
  /** Before each line; default none. */
  readonly indent?: string;
  /** Blanks between columns; default 2. */
  readonly gap?: number;
  /** Which columns, counted from 0, have their cells at the left; the others have them at the right. Default: the first. */
  readonly isLeft?: (column: number) => boolean;
}

/** Columns as wide as their widest cell. Each line ends, and with no blank. Cells are made plain. */
export function columns(given: readonly (readonly string[])[], layout: ColumnLayout = {}): string {
  const { indent = '', gap = 2, isLeft = (column) => column === 0 } = layout;
  const rows = given.map((row) => row.map(plain));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  const pad = (cell: string, i: number): string =>
    isLeft(i) ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0);
  return rows.map((row) => `${indent}${row.map(pad).join(' '.repeat(gap)).trimEnd()}\n`).join('');
}
