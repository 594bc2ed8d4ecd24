// Proves that the one binary that was built runs on every supported Node: installs the npm package `node` at each
// major version into build/nodes, runs smoke.mjs with it, plays the scenes of unmodified.mjs, and ends 200 workers.
// Prints `ok` and `not ok` lines and the counts.
//
//   node test/nodes/run.mjs [MAJOR...]
import { execFile, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { playScenes } from './unmodified.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const majors = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26'];
const install_limit_ms = 180_000;
const smoke_limit_ms = 60_000;
const terminate_limit_ms = 420_000;
/** More or less of them: TERMINATE_CYCLES=1000. */
const cycles = process.env.TERMINATE_CYCLES ?? '200';
const run = promisify(execFile);

function npm(args, cwd) {
  const program = process.env.npm_execpath ?? '';
  const isNpm = /npm-cli\.[cm]?js$/.test(program);
  const [command, rest] = isNpm ? [process.execPath, [program, ...args]] : ['npm', args];
  return spawnSync(command, rest, { cwd, encoding: 'utf8', timeout: install_limit_ms });
}

/** The path of a Node of version `major`, installed on first use. Throws if it can't be installed. */
function nodeOf(major) {
  const folder = join(root, 'build', 'nodes', major);
  const packageFolder = join(folder, 'node_modules', 'node');
  const program = join(packageFolder, 'bin', 'node');
  if (existsSync(program)) return program;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ private: true, allowScripts: { node: true } })}\n`);
  const installed = npm(['install', `node@${major}`, '--no-audit', '--no-fund', '--loglevel=error'], folder);
  if (installed.status !== 0) throw new Error(`npm install node@${major} failed:\n${installed.stderr}`);
  if (!existsSync(program)) {
    // npm did not run the package's install script, which picks the binary for this machine: run it ourselves.
    const script = spawnSync(process.execPath, ['installArchSpecificPackage.js'], {
      cwd: packageFolder,
      encoding: 'utf8',
      timeout: install_limit_ms,
    });
    if (!existsSync(program)) throw new Error(`no binary of Node ${major}:\n${script.stderr}`);
  }
  return program;
}

/** Runs a program with that Node. @returns what it printed; throws an Error with all that it said if it fails */
async function runWith(node, args, timeout, env = {}) {
  try {
    const { stdout } = await run(node, args, {
      cwd: root,
      env: { ...process.env, ...env },
      timeout,
      killSignal: 'SIGKILL',
    });
    return stdout;
  } catch (error) {
    const { code, signal, stdout, stderr } = error;
    throw new Error(`exit code ${code}, signal ${signal}\n${stdout}${stderr}`);
  }
}

/** @returns the line for `ok` */
async function smoke(major, node) {
  const stdout = await runWith(node, [join(here, 'smoke.mjs')], smoke_limit_ms);
  const version = /^node (\S+)$/m.exec(stdout)?.[1] ?? '?';
  if (!version.startsWith(`${major}.`)) throw new Error(`it calls itself ${version}\n${stdout}`);
  return `Node ${version} (engines ${engines.node}) runs the addon`;
}

/** @returns the line for `ok` */
async function terminate(_, node) {
  const program = join(root, 'build', 'test', 'fixtures', 'terminate-cycles.js');
  return (await runWith(node, [program, cycles], terminate_limit_ms)).trim().replaceAll('\n', '; ');
}

/** @returns the line for `ok` */
async function unmodified(major, node) {
  const count = await playScenes(root, (args, timeout, env) => runWith(node, args, timeout, env));
  return `Node ${major} under register: ${count} scenes of net over shared memory as over TCP/IP`;
}

const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const counts = { passed: 0, failed: 0 };
const waiting = [...majors];

/** Takes one Node after the other. */
async function work() {
  for (let major = waiting.shift(); major !== undefined; major = waiting.shift()) {
    for (const check of [smoke, unmodified, terminate]) {
      try {
        process.stdout.write(`ok ${await check(major, nodeOf(major))}\n`);
        counts.passed += 1;
      } catch (error) {
        process.stdout.write(`not ok Node ${major}, ${check.name}: ${error.message}\n`);
        counts.failed += 1;
      }
    }
  }
}

// Two at a time: the programs wait as much as they work.
await Promise.all([work(), work()]);
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
process.exitCode = counts.failed > 0 ? 1 : 0;
