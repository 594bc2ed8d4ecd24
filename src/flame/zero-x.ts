/**
 * Drawing by 0x, an optional peer dependency. It takes profiles of one thread only, but draws any CPU profile that it is given
 * (`--visualize-cpu-profile`): it gets one made up of all threads, a tower each.
 */
import { execFile } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Profile } from './stacks.js';
import { type Frame, treeOf } from './tree.js';

/** How one gets it. */
export const INSTALL_0X = 'npm install --save-dev 0x';

const LIMIT_MS = 120_000;
/** Of everything, for a frame to be drawn: less is no pixel wide. */
const LEAST_SHARE = 0.0002;

/** The program of 0x; null: it is not installed, neither beside this package nor in the current folder's project. */
export function find0x(): string | null {
  for (const from of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(from).resolve('0x/cmd.js');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
    }
  }
  return null;
}

/**
 * A name as 0x tells the kinds of code apart, and shows as it stands: it would put markup into its page. `node:fs:12` is `fs.js:12`
 * to it, and native code is marked.
 */
function shownName(name: string): string {
  const safe = name.replaceAll('<', '‹').replaceAll('>', '›');
  if (/\.[cm]?[jt]s:\d+$/.test(safe)) return safe.replace(/\.(?:[cm]js|[cm]?ts):(\d+)$/, '.js:$1');
  if (/ node:[^ ]+:\d+$/.test(safe)) return safe.replace(/ node:([^ ]+):(\d+)$/, ' $1.js:$2');
  return `${safe} [CPP]`;
}

interface Node {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly hitCount: number;
  readonly children: number[];
}

/** The profile that 0x is given: a node per frame, counted in samples. */
function nodesOf(root: Frame, interval_us: number): Node[] {
  const nodes: Node[] = [];
  const least_us = Math.max(root.total_us * LEAST_SHARE, interval_us / 2);
  const add = (frame: Frame, functionName: string, depth: number): number => {
    const id = nodes.length + 1;
    const kept = [...frame.children.values()].filter(({ total_us }) => total_us >= least_us);
    const dropped_us = [...frame.children.values()].reduce((sum, child) => sum + child.total_us, 0);
    const kept_us = kept.reduce((sum, child) => sum + child.total_us, 0);
    const hitCount = Math.round((frame.self_us + dropped_us - kept_us) / interval_us);
    const children: number[] = [];
    nodes.push({ id, callFrame: { functionName, url: '', lineNumber: -1 }, hitCount, children });
    // The first level are the threads.
    for (const child of kept)
      children.push(add(child, depth === 0 ? threadName(child.name) : shownName(child.name), depth + 1));
    return id;
  };
  add(root, root.name, 0);
  return nodes;
}

function threadName(name: string): string {
  return name.replaceAll('<', '‹').replaceAll('>', '›');
}

/**
 * Draws the profile. @param program as find0x() gives it @param folder where its files may stand; the caller removes them
 * @returns the page as 0x writes it @throws Error: 0x failed, in its words
 */
export async function draw(
  program: string,
  { threads, interval_us }: Profile,
  title: string,
  folder: string,
): Promise<string> {
  const input = join(folder, 'all-threads.cpuprofile');
  const output = join(folder, 'all-threads.html');
  writeFileSync(input, JSON.stringify({ nodes: nodesOf(treeOf(threads), interval_us) }));
  const args = [
    program,
    '--visualize-cpu-profile',
    input,
    '--output-html',
    output,
    '--title',
    threadName(title),
    '--quiet',
  ];
  const { NODE_OPTIONS: _inherited, ...env } = process.env;
  // It clears logs of V8 away wherever it runs: in the folder there are none.
  await promisify(execFile)(process.execPath, args, { cwd: folder, timeout: LIMIT_MS, env });
  return readFileSync(output, 'utf8');
}
