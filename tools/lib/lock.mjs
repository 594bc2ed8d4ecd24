// One builder at a time: two commands started at once in a checkout must not build over each other.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const retry_ms = 150;

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function tryTake(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  }
}

function holderOf(path) {
  try {
    return Number(readFileSync(path, 'utf8'));
  } catch {
    return 0;
  }
}

/**
 * Takes the lock file at `path`, waiting for a living holder (`onWait(pid)` is called once) and taking over from a
 * dead one. Resolves to a function that releases it. The lock is also released when the process exits.
 *
 * @param {string} path
 * @param {(pid: number) => void} [onWait]
 */
export async function takeLock(path, onWait = undefined) {
  mkdirSync(dirname(path), { recursive: true });
  let waited = false;
  let emptyTries = 0;
  while (!tryTake(path)) {
    const holder = holderOf(path);
    // An empty file is one that its holder is just about to write, unless it stays so.
    const isStale = holder > 0 ? !isAlive(holder) : ++emptyTries > 20;
    if (isStale) {
      rmSync(path, { force: true });
      continue;
    }
    if (!waited && holder > 0) onWait?.(holder);
    waited ||= holder > 0;
    await sleep(retry_ms);
  }
  const release = () => {
    process.off('exit', release);
    if (holderOf(path) === process.pid) rmSync(path, { force: true });
  };
  process.on('exit', release);
  return release;
}
