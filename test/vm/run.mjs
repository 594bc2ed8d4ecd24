// Runs the RDMA suites: where this machine has an RDMA device, here; otherwise in the test machine.
//   node test/vm/run.mjs [--only NAME[,NAME]] [--machine] [--yes]
// --machine  in the test machine, even if there is a device
// --yes      allows, as root, to install what is missing; so does CI=1
// Prints `ok`, `not ok` and `skip` lines; exit code 1 if something failed, or if it can run nowhere. SANSWITCH_SKIP_RDMA=1:
// runs nothing, and is content.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { countLine } from '../../tools/lib/stage.mjs';
import { runInMachine } from './machine.mjs';
import { prepareMachine } from './requirements.mjs';
import { hostEnv, MACHINE_ADDRESS, suites } from './suites.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
/** Emulated processors are some ten times slower. */
const testTimeout_ms = 60_000;

function say(line) {
  process.stdout.write(`${line}\n`);
}

/** An IPv4 address that an RDMA device of this machine serves; null: there is none. */
function findAddress() {
  const devices = '/sys/class/infiniband';
  if (!existsSync('/dev/infiniband/rdma_cm') || !existsSync(devices)) return null;
  for (const device of readdirSync(devices)) {
    const folder = join(devices, device, 'device', 'net');
    for (const name of existsSync(folder) ? readdirSync(folder) : []) {
      const entry = networkInterfaces()[name]?.find(({ family }) => family === 'IPv4');
      if (entry !== undefined) return entry.address;
    }
  }
  return null;
}

/** Passes the lines of a suite on, and counts them. */
class Lines {
  counts = { passed: 0, failed: 0, skippedTests: 0 };
  stream = new PassThrough();
  #read;

  constructor() {
    const lines = createInterface({ input: this.stream }).on('line', (line) => {
      countLine(this.counts, line);
      say(line);
    });
    this.#read = new Promise((resolve) => lines.once('close', () => resolve(undefined)));
  }

  /** Resolves when every line has been taken. */
  end() {
    this.stream.end();
    return this.#read;
  }
}

/**
 * What runs a suite's tests, anywhere: all files in one process, for there it takes seconds to load the product again.
 * @param {import('./suites.mjs').Suite} suite @param {string} address
 */
function commandOf({ name, tests, title, env }, address) {
  const vitest = [process.execPath, join(root, 'node_modules', 'vitest', 'vitest.mjs'), 'run'];
  const options = [
    ...['--no-file-parallelism', '--no-isolate'],
    '--reporter=./test/vm/reporter.mjs',
    `--testTimeout=${testTimeout_ms}`,
    `--hookTimeout=${testTimeout_ms}`,
  ];
  return {
    command: [...vitest, ...options, ...(title ? ['--testNamePattern', title] : []), ...tests],
    env: {
      ...hostEnv(address),
      SANSWITCH_REPORT_AS: name,
      ...(title ? { SANSWITCH_REPORT_CHOSEN: '1' } : {}),
      ...(process.env.CI ? { CI: process.env.CI } : {}),
      ...env,
    },
  };
}

/** Runs a suite on this machine. @returns its exit code */
function runHere(suite, address, lines) {
  const { command, env } = commandOf(suite, address);
  const [program, ...args] = command;
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), suite.limit_s * 1_000);
  child.stdout.on('data', (bytes) => lines.stream.write(bytes));
  return new Promise((resolve) => child.once('close', (code) => resolve(code ?? 1))).finally(() => clearTimeout(timer));
}

/** Runs a suite in a machine. @returns its exit code @throws Error if something is wrong with the machine */
async function runThere(suite, kernel, lines) {
  const { network, limit_s } = suite;
  const { problem, exitCode, elapsed } = await runInMachine({
    ...{ kernel, network, limit_s, cwd: root },
    ...commandOf(suite, MACHINE_ADDRESS),
    onOutput: (bytes) => lines.stream.write(bytes),
    onError: (bytes) => process.stderr.write(bytes),
  });
  if (problem !== null) throw new Error(problem);
  say(`# ${suite.name}: ${elapsed.host_s.toFixed(1)} s`);
  return exitCode;
}

/** @param {(suite: import('./suites.mjs').Suite, lines: Lines) => Promise<number>} run @returns whether all was well */
async function runSuite(suite, run) {
  const lines = new Lines();
  let problem = null;
  try {
    await suite.prepare?.();
    const exitCode = await run(suite, lines);
    if (exitCode !== 0) problem = `exit code ${exitCode}`;
  } catch (error) {
    problem = error.message;
  }
  await lines.end();
  const { passed, failed, skippedTests } = lines.counts;
  if (problem === null && passed + failed + skippedTests === 0) problem = 'ran no test';
  // A failure that a line has told already is no second one.
  if (problem !== null && failed === 0) say(`not ok ${suite.name}: ${problem}`);
  return problem === null && failed === 0;
}

/** How suites can be run here; null, and it has said why: they can't. */
function choosePlace(args, isMachineWanted) {
  const address = isMachineWanted ? null : findAddress();
  if (address !== null) {
    say(`# on this machine's own RDMA device, ${address}`);
    return { isMachine: false, run: (suite, lines) => runHere(suite, address, lines) };
  }
  const { kernel, message } = prepareMachine({ args });
  if (kernel !== null) return { isMachine: true, run: (suite, lines) => runThere(suite, kernel, lines) };
  const first = isMachineWanted ? '' : 'no RDMA device serves an IPv4 address here, and ';
  say(`not ok rdma: ${first}${message}`);
  say('SANSWITCH_SKIP_RDMA=1 does without these tests.');
  return null;
}

async function main() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      machine: { type: 'boolean', default: false },
      yes: { type: 'boolean', default: false },
    },
  });
  const names = values.only?.split(',') ?? suites.map(({ name }) => name);
  const unknown = names.find((name) => !suites.some((suite) => suite.name === name));
  if (unknown !== undefined) {
    say(`not ok rdma: there is no suite ${unknown}, but ${suites.map(({ name }) => name).join(', ')}`);
    return false;
  }
  const place = choosePlace(values.yes ? ['--yes'] : [], values.machine);
  if (place === null) return false;
  let isGood = true;
  for (const suite of suites.filter(({ name }) => names.includes(name))) {
    if (suite.machine && !place.isMachine) say(`skip ${suite.name}: it is for the test machine alone`);
    else isGood = (await runSuite(suite, place.run)) && isGood;
  }
  return isGood;
}

if (process.env.SANSWITCH_SKIP_RDMA === '1') {
  say('skip rdma: SANSWITCH_SKIP_RDMA is 1');
} else {
  const isGood = await main().catch((error) => say(`not ok rdma: ${error.message}`));
  process.exitCode = isGood ? 0 : 1;
}
