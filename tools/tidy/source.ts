/** What tidy's rules work on. */

/** One file of the repository. */
export interface Source {
  /** Relative to the repository's top, with forward slashes. */
  readonly path: string;
  readonly text: string;
  /** The text's lines, without their ends. */
  readonly lines: readonly string[];
  /** The lines with the contents of comments and strings blanked out, so that only code is left. */
  readonly code: readonly string[];
}

/** One thing that is not tidy. */
export interface Finding {
  readonly path: string;
  /** From 1. */
  readonly line: number;
  /** The rule's name, as in a `tidy-allow` comment. */
  readonly rule: string;
  readonly message: string;
}

/** A rule looks at one file and names what it doesn't like: the line (from 1) and why. */
export interface Rule {
  readonly name: string;
  /** Whether the rule looks at files with this path at all. */
  readonly applies: (path: string) => boolean;
  readonly check: (source: Source) => Iterable<{ line: number; message: string }>;
}

// One token that hides its content from the rules: comments, and strings in the three quotes. A `/` that begins a
// regular expression is not told from a division; expressions with quotes in them may confuse a line, not more.
const hiding = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`/g;

/** `text` with comments and the insides of strings turned into spaces; line ends stay, so line numbers do too. */
export function blank(text: string): string {
  return text.replace(hiding, (token) => {
    const isComment = token.startsWith('//') || token.startsWith('/*');
    const inner = isComment ? token : token.slice(1, -1);
    const blanked = inner.replace(/[^\n]/g, ' ');
    return isComment ? blanked : `${token[0]}${blanked}${token.at(-1)}`;
  });
}

/** Makes a `Source` of a path and a text. */
export function makeSource(path: string, text: string): Source {
  return { path, text, lines: text.replace(/\n$/, '').split('\n'), code: blank(text).replace(/\n$/, '').split('\n') };
}

/** Files that a program wrote: no rule but that of the machine paths looks at them. */
export function isGenerated(path: string): boolean {
  return /\.gen\.(ts|h)$/.test(path) || path === 'package-lock.json';
}

/** True for TypeScript and JavaScript that somebody wrote. */
export function isScript(path: string): boolean {
  return /\.[cm]?[tj]s$/.test(path) && !isGenerated(path);
}

/** True for C++ that somebody wrote. */
export function isNative(path: string): boolean {
  return /\.(cc|h)$/.test(path) && !isGenerated(path);
}
