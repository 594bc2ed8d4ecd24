// Runs a fuzz target: libFuzzer's options, what it says, and what is left of a crash.
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { corpusOf, output } from './targets.mjs';

// The longest seed has a little less; longer inputs are more of the same.
const INPUT_BYTES_MAX = 1_024;
// An input that takes this long, in seconds, hangs; in microseconds they take.
const HANG_S = 10;
const RSS_LIMIT_MB = 1_024;
// Beyond its time: to come up, and to read the corpus.
const GRACE_MS = 60_000;
// libFuzzer's exit code after SIGINT.
const INTERRUPTED = 72;

/** The most of a reproducer that is printed, in bytes. */
const HEX_BYTES_MAX = 1_024;

/**
 * Starts a program. @returns `interrupt` ends it early, `ended` resolves to what it came to
 *
 * @param {string} program
 * @param {string[]} args
 * @param {{ limit_ms: number, detached?: boolean }} options `detached`: a terminal's interrupt does not reach it
 */
function start(program, args, { limit_ms, detached = false }) {
  const env = { ...process.env, ASAN_OPTIONS: 'detect_leaks=1', UBSAN_OPTIONS: 'print_stacktrace=1' };
  const child = spawn(program, args, { cwd: output, env, detached, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  // The newest words only: an endless run says much.
  const keep = (chunk) => {
    said = (said + chunk).slice(-200_000);
  };
  child.stdout.setEncoding('utf8').on('data', keep);
  child.stderr.setEncoding('utf8').on('data', keep);
  const timer = setTimeout(() => child.kill('SIGKILL'), limit_ms);
  /** @type {Promise<{ code: number | null, said: string }>} */
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      clearTimeout(timer);
      resolve({ code, said });
    });
  });
  return { interrupt: () => child.kill('SIGINT'), ended };
}

function lastNumber(text, pattern) {
  return Number([...text.matchAll(pattern)].at(-1)?.[1] ?? 0);
}

// What a crash has left, for the report.
function describeCrash(said) {
  const path = /Test unit written to (\S+)/.exec(said)?.[1];
  const tail = said.slice(-6_000);
  if (path === undefined) return tail;
  const bytes = readFileSync(path);
  const hex = bytes.subarray(0, HEX_BYTES_MAX).toString('hex');
  return `${tail}\nreproducer: ${path} (${bytes.length} bytes)\nhex: ${hex}`;
}

/**
 * Replays the corpus, then fuzzes for `seconds`. What is found goes to `work`, a folder of its own.
 *
 * @param {string} name
 * @param {string} program
 * @param {{ seconds: number, runs?: number, detached?: boolean }} budget
 */
export function fuzz(name, program, { seconds, runs = -1, detached = false }) {
  const work = join(output, 'work', name);
  const crashes = join(output, 'crashes');
  rmSync(work, { recursive: true, force: true });
  for (const path of [work, crashes, corpusOf(name)]) mkdirSync(path, { recursive: true });
  const seed = randomInt(1, 2 ** 31);
  const options = [
    `-seed=${seed}`,
    `-max_total_time=${seconds}`,
    `-runs=${runs}`,
    `-max_len=${INPUT_BYTES_MAX}`,
    `-timeout=${HANG_S}`,
    `-rss_limit_mb=${RSS_LIMIT_MB}`,
    `-artifact_prefix=${join(crashes, `${name}-`)}`,
    '-verbosity=1',
  ];
  const limit_ms = seconds * 1_000 + GRACE_MS;
  const { interrupt, ended } = start(program, [...options, work, corpusOf(name)], { limit_ms, detached });
  const outcome = ended.then(({ code, said }) => ({
    isWell: code === 0 || code === INTERRUPTED,
    runs: lastNumber(said, /^#(\d+)/gm),
    coverage: lastNumber(said, /cov: (\d+)/g),
    problem: code === 0 || code === INTERRUPTED ? '' : describeCrash(said),
  }));
  return { seed, interrupt, outcome };
}

/** Adds the inputs of `work` that reach what no input of the corpus does. @returns how many were added */
export async function merge(name, program) {
  const work = join(output, 'work', name);
  // By the code that is reached alone, not by how often: a small corpus.
  const args = ['-merge=1', '-use_counters=0', `-max_len=${INPUT_BYTES_MAX}`, corpusOf(name), work];
  const { code, said } = await start(program, args, { limit_ms: GRACE_MS * 5, detached: true }).ended;
  if (code !== 0) throw new Error(`the new inputs of ${name} could not be merged; they are in ${work}\n${said}`);
  return lastNumber(said, /MERGE-OUTER: (\d+) new files/g);
}
