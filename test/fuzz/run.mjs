// `npm run fuzz` and the stage `fuzz` of `npm test`; see the usage below. Prints `ok NAME`, `not ok NAME` or
// `skip NAME: WHY` for each target with --budget.
import { spawn } from 'node:child_process';
import { parseArgs } from 'node:util';
import { fuzz, merge } from './fuzzer.mjs';
import { buildTarget, missingTools, targets } from './targets.mjs';

// The property tests of this folder, which vitest runs.
const TYPESCRIPT = 'typescript';
const everything = [...targets, TYPESCRIPT];

const usage = `usage: npm run fuzz [-- [TARGET...] [--time SECONDS]]

Looks for inputs that break the parsers, until interrupted (Ctrl+C). Each target has a minute, then the next one has
its turn. Inputs that reach new code are added to test/fuzz/corpus/TARGET; commit them. Ends with exit code 1 at the
first input that breaks something, and says where that is kept.

  TARGET          ${everything.join(', ')}; default: all in turn
  --time SECONDS  end after so long
  --budget        what npm test does: a few seconds for each native target, nothing is added
  --yes           install what is missing (Debian, as root)
`;

const BUDGET_S = 5;
const BUDGET_RUNS = 2_000_000;
const SLICE_S = 60;
// How many times as much as in npm test the property tests try in their turn.
const TYPESCRIPT_FACTOR = 10;

async function runBudget(names, missing) {
  let isWell = true;
  for (const name of names) {
    if (missing !== null) {
      isWell = isWell && !process.env.CI;
      console.log(process.env.CI ? `not ok fuzz: ${name}\n${missing}` : `skip fuzz: ${name}: ${missing}`);
      continue;
    }
    try {
      const { seed, outcome } = fuzz(name, await buildTarget(name), { seconds: BUDGET_S, runs: BUDGET_RUNS });
      const { runs, coverage, problem, ...result } = await outcome;
      console.log(`${result.isWell ? 'ok' : 'not ok'} fuzz: ${name} (${runs} runs, coverage ${coverage})`);
      if (!result.isWell) console.log(`seed ${seed}\n${problem}`);
      isWell = isWell && result.isWell;
    } catch (error) {
      console.log(`not ok fuzz: ${name}\n${error.message}`);
      isWell = false;
    }
  }
  return isWell;
}

/** The user's wish to end: Ctrl+C, or the time. */
class Until {
  isOver = false;
  #end_ms;
  #stop = () => {};

  constructor(seconds) {
    this.#end_ms = performance.now() + seconds * 1_000;
    const interrupt = () => {
      this.isOver = true;
      this.#stop();
    };
    process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  }

  get left_s() {
    return this.isOver ? 0 : Math.max(0, Math.round((this.#end_ms - performance.now()) / 1_000));
  }

  /** `stop` is called if the end comes before `work` has resolved. */
  async during(stop, work) {
    this.#stop = stop;
    const result = await work;
    this.#stop = () => {};
    return result;
  }
}

async function nativeTurn(name, program, until) {
  const { seed, interrupt, outcome } = fuzz(name, program, {
    seconds: Math.min(SLICE_S, until.left_s),
    detached: true,
  });
  console.log(`${name}: seed ${seed} ...`);
  const { isWell, runs, coverage, problem } = await until.during(interrupt, outcome);
  if (!isWell) {
    console.log(`${name}: FAILED after ${runs} runs\n${problem}`);
    return false;
  }
  const added = await merge(name, program);
  console.log(`${name}: ${runs} runs, coverage ${coverage}, ${added} inputs added to the corpus`);
  return true;
}

async function typescriptTurn(until) {
  console.log(`${TYPESCRIPT}: ${TYPESCRIPT_FACTOR} times the usual runs ...`);
  const env = { ...process.env, SANSWITCH_FUZZ_RUNS: String(TYPESCRIPT_FACTOR) };
  const child = spawn('vitest', ['run', 'test/fuzz'], { env, detached: true, stdio: ['ignore', 'inherit', 'inherit'] });
  const ended = new Promise((resolve, reject) => child.once('error', reject).once('close', resolve));
  const timer = setTimeout(() => child.kill('SIGINT'), until.left_s * 1_000 + 1_000);
  const code = await until.during(() => child.kill('SIGINT'), ended);
  clearTimeout(timer);
  return code === 0 || until.left_s === 0;
}

async function runEndless(names, seconds) {
  const until = new Until(seconds);
  const programs = new Map();
  for (const name of names) if (name !== TYPESCRIPT) programs.set(name, await buildTarget(name));
  while (until.left_s > 0) {
    for (const name of names) {
      if (until.left_s === 0) break;
      const program = programs.get(name);
      const isWell = program === undefined ? await typescriptTurn(until) : await nativeTurn(name, program, until);
      if (!isWell) return false;
    }
  }
  return true;
}

function readArguments() {
  const options = /** @type {const} */ ({
    help: { type: 'boolean' },
    budget: { type: 'boolean' },
    yes: { type: 'boolean' },
    time: { type: 'string' },
  });
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const unknown = positionals.find((name) => !everything.includes(name));
  if (unknown !== undefined) throw new Error(`there is no target ${unknown}`);
  // About a century.
  const seconds = values.time === undefined ? 2 ** 31 : Number(values.time);
  if (!Number.isInteger(seconds) || seconds < 1) throw new Error('--time takes a number of seconds');
  return { ...values, seconds, names: positionals.length > 0 ? positionals : everything };
}

async function main() {
  let wanted;
  try {
    wanted = readArguments();
  } catch (error) {
    process.stderr.write(`${error.message}\n\n${usage}`);
    return 2;
  }
  if (wanted.help) {
    process.stdout.write(usage);
    return 0;
  }
  const native = wanted.names.filter((name) => name !== TYPESCRIPT);
  const missing = native.length > 0 ? missingTools() : null;
  if (wanted.budget) return (await runBudget(native, missing)) ? 0 : 1;
  if (missing !== null) {
    process.stderr.write(`${missing}\n`);
    return 1;
  }
  return (await runEndless(wanted.names, wanted.seconds)) ? 0 : 1;
}

process.exitCode = await main();
