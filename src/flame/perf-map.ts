/** The file in which a process writes down where its JavaScript functions are (`--perf-basic-prof`): `START SIZE NAME`, in hexadecimal. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { scriptFrame } from './stacks.js';

interface Code {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

const PAGE_BYTES = 4_096;
/** Pages over which one piece of code may stretch; V8's largest are far smaller. */
const PAGES_MAX = 4_096;

/** What V8 calls the kinds of code that have a function's name. */
const SCRIPT = /^(?:JS|LazyCompile|Function|Script|Eval):[~^*+]*(?<name>.*?) ?(?<url>[^ ]*?):(?<line>\d+)(?::\d+)?$/;

/** The frame for a name of V8's. */
export function scriptName(symbol: string): string {
  const { name, url, line } = SCRIPT.exec(symbol)?.groups ?? {};
  return url === undefined ? symbol : scriptFrame(name ?? '', url, Number(line));
}

/**
 * Finds functions by address. Memory of functions that are gone is used again: the entry that was written last counts, where perf
 * itself would take any.
 */
export class PerfMap {
  private readonly pages = new Map<number, Code[]>();

  constructor(text: string) {
    for (const line of text.split('\n')) {
      const [start = '', size = ''] = line.split(' ', 2);
      const code = { start: Number.parseInt(start, 16), end: 0, name: line.slice(start.length + size.length + 2) };
      code.end = code.start + Number.parseInt(size, 16);
      if (!(code.end > code.start)) continue;
      const first = Math.floor(code.start / PAGE_BYTES);
      const last = Math.min(Math.floor((code.end - 1) / PAGE_BYTES), first + PAGES_MAX);
      for (let page = first; page <= last; page++) {
        const list = this.pages.get(page);
        if (list === undefined) this.pages.set(page, [code]);
        else list.push(code);
      }
    }
  }

  /** The frame at an address; null: no function of JavaScript. */
  at(address: number): string | null {
    const found = this.pages
      .get(Math.floor(address / PAGE_BYTES))
      ?.findLast(({ start, end }) => address >= start && address < end);
    return found === undefined ? null : scriptName(found.name);
  }
}

/** V8 has no other. */
const MAP_FOLDER = '/tmp';

/** Where a process writes its map. */
export function mapFile(pid: number): string {
  return join(MAP_FOLDER, `perf-${pid}.map`);
}

/** The map of a process; null: it writes none. */
function readMap(pid: number): PerfMap | null {
  try {
    return new PerfMap(readFileSync(mapFile(pid), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** The maps of processes, each read once, when it is first asked for: null for one that writes none. */
export function mapReader(): (pid: number) => PerfMap | null {
  const maps = new Map<number, PerfMap | null>();
  return (pid) => {
    const known = maps.get(pid);
    if (known !== undefined) return known;
    const map = readMap(pid);
    maps.set(pid, map);
    return map;
  };
}
