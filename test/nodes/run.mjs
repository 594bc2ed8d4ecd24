// Proves that the one binary that was built runs on every supported Node: installs the npm package `node` at each
// major version into build/nodes and runs smoke.mjs with it. Prints `ok` and `not ok` lines and the counts.
//
//   node test/nodes/run.mjs [MAJOR...]
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');
const majors = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26'];
const install_limit_ms = 180_000;
const smoke_limit_ms = 60_000;

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

function check(major) {
  const result = spawnSync(nodeOf(major), [join(here, 'smoke.mjs')], {
    cwd: root,
    encoding: 'utf8',
    timeout: smoke_limit_ms,
  });
  const version = /^node (\S+)$/m.exec(result.stdout)?.[1] ?? '?';
  if (!version.startsWith(`${major}.`)) throw new Error(`it calls itself ${version}\n${result.stdout}${result.stderr}`);
  if (result.status !== 0) {
    throw new Error(`exit code ${result.status}, signal ${result.signal}\n${result.stdout}${result.stderr}`);
  }
  return version;
}

const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const counts = { passed: 0, failed: 0 };
for (const major of majors) {
  try {
    process.stdout.write(`ok Node ${check(major)} (engines ${engines.node}) runs the addon\n`);
    counts.passed += 1;
  } catch (error) {
    process.stdout.write(`not ok Node ${major}: ${error.message}\n`);
    counts.failed += 1;
  }
}
process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`);
process.exitCode = counts.failed > 0 ? 1 : 0;
