// Content stamps: a step of the build is skipped if the bytes of all its inputs are those of its last success.
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

/**
 * All files under `path` (a file or a folder, absolute) that `accept(path)` lets through, sorted; nothing if it does
 * not exist. Folders named node_modules or build are not entered.
 *
 * @param {string} path
 * @param {(path: string) => boolean} [accept]
 * @returns {string[]}
 */
export function listFiles(path, accept = undefined) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return [];
  if (stats.isFile()) return !accept || accept(path) ? [path] : [];
  const files = [];
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'build') continue;
    const child = join(path, entry.name);
    if (entry.isDirectory()) files.push(...listFiles(child, accept));
    else if (entry.isFile() && (!accept || accept(child))) files.push(child);
  }
  return files.sort();
}

/**
 * A hash of the names and contents of `files` (absolute paths below `root`) and of `extra`, any JSON value.
 *
 * @param {string} root
 * @param {string[]} files
 * @param {unknown} [extra]
 */
export function hashFiles(root, files, extra = null) {
  const hash = createHash('sha256');
  hash.update(JSON.stringify(extra));
  for (const file of files) {
    hash.update(`\0${relative(root, file)}\0`);
    hash.update(readFileSync(file));
  }
  return hash.digest('hex');
}

/** The stamps of one checkout, kept as files in `folder`. */
export class Stamps {
  #folder;

  constructor(folder) {
    this.#folder = folder;
  }

  #path(step) {
    return join(this.#folder, `${step}.stamp`);
  }

  /** The hash of the last success of `step`, or `null`. */
  read(step) {
    try {
      return readFileSync(this.#path(step), 'utf8').trim();
    } catch {
      return null;
    }
  }

  /** Records that `step` succeeded with inputs of this `hash`. */
  write(step, hash) {
    mkdirSync(dirname(this.#path(step)), { recursive: true });
    writeFileSync(this.#path(step), `${hash}\n`);
  }

  /** Forgets `step`: an interrupted step must not look done. */
  clear(step) {
    rmSync(this.#path(step), { force: true });
  }
}
