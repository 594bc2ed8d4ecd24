/**
 * A profile as everything here sees it, wherever it was taken: the stacks of each thread with the time spent in them. And its text,
 * "folded stacks", one per line: `thread;outermost;...;innermost µs`.
 *
 * A frame of JavaScript is `name file:line`, a native one its symbol, one of the kernel ends in `_[k]`.
 */

/** What ends the name of a frame of the kernel. */
export const KERNEL_MARK = '_[k]';

/** One thread. */
export interface ThreadStacks {
  /** `main`, `worker-0`, `poller`; with the process before it where there are several. */
  readonly name: string;
  /** µs by stack: frames from the outermost to the innermost, with `;` between them. */
  readonly stacks: ReadonlyMap<string, number>;
}

/** How a profile was taken: by the system's sampler of all threads, or by V8's of each JavaScript thread. */
export type Means = 'perf' | 'cpu-prof';

/** Something that a profile does not show, and what would mend that. */
export interface Missing {
  readonly what: string;
  /** A command, or what else to do; null: nothing can be done. */
  readonly remedy: string | null;
}

/** All threads. */
export interface Profile {
  readonly means: Means;
  /** Time between two samples, µs. */
  readonly interval_us: number;
  readonly threads: readonly ThreadStacks[];
  readonly missing: readonly Missing[];
}

/** Longer names tell no more: those of C++ templates can have thousands of characters. */
const NAME_CHARACTERS_MAX = 200;

/** A name as it may stand in a stack: `;` divides frames, a line ends a stack. */
export function frameName(name: string): string {
  const clean = name.replace(/[;\s]+/g, (found) => (found.includes(';') ? ',' : ' ')).trim();
  return clean.length > NAME_CHARACTERS_MAX ? `${clean.slice(0, NAME_CHARACTERS_MAX - 1)}…` : clean || '(anonymous)';
}

/** The frame of a JavaScript function. @param line from 1 @param folder what need not be said: the current directory */
export function scriptFrame(name: string, url: string, line: number, folder = `${process.cwd()}/`): string {
  if (url === '') return frameName(name);
  const path = url.startsWith('file://') ? decodeURIComponent(url.slice('file://'.length)) : url;
  return frameName(
    `${name || '(anonymous)'} ${path.startsWith(folder) ? `./${path.slice(folder.length)}` : path}:${line}`,
  );
}

/** Adds time to a stack. */
export function addTime(stacks: Map<string, number>, stack: string, time_us: number): void {
  stacks.set(stack, (stacks.get(stack) ?? 0) + time_us);
}

/** The time of all stacks, µs. */
export function timeOf(stacks: ReadonlyMap<string, number>): number {
  let sum_us = 0;
  for (const time_us of stacks.values()) sum_us += time_us;
  return sum_us;
}

/** The text of a profile. */
export function foldedText(threads: readonly ThreadStacks[]): string {
  const lines: string[] = [];
  for (const { name, stacks } of threads) {
    for (const [stack, time_us] of stacks) {
      const rounded_us = Math.round(time_us);
      if (rounded_us > 0) lines.push(`${frameName(name)};${stack} ${rounded_us}`);
    }
  }
  return lines.map((line) => `${line}\n`).join('');
}

/** Reads such a text. @throws Error, which names the line that is none */
export function parseFolded(text: string): ThreadStacks[] {
  const threads = new Map<string, Map<string, number>>();
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const parts = /^([^;]+?)(?:;(.*))? (\d+(?:\.\d+)?)$/.exec(line);
    if (parts === null) throw new Error(`line ${index + 1} is no stack: '${line.slice(0, 60)}'`);
    const [, name = '', stack = '', time_us] = parts;
    let stacks = threads.get(name);
    if (stacks === undefined) {
      stacks = new Map();
      threads.set(name, stacks);
    }
    addTime(stacks, stack, Number(time_us));
  }
  return [...threads].map(([name, stacks]) => ({ name, stacks }));
}
