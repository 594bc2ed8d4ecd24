// The package's install script: makes sure that there is a native part if there can be one. It never fails an
// installation: without the native part the package works, over TCP/IP alone, and that is said once.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findNodedir, nodeGypEnv } from './headers.mjs';

const folder = dirname(fileURLToPath(import.meta.url));
const compile_limit_ms = 10 * 60_000;

// In a checkout (the published package has no tsconfig.json) tools/bootstrap.mjs builds.
function isCheckout() {
  return existsSync(join(folder, '..', 'tsconfig.json'));
}

/** `null` if a binary for this machine is there and loads, otherwise the reason why not. */
function loadProblem() {
  try {
    createRequire(import.meta.url)('node-gyp-build')(folder);
    return null;
  } catch (error) {
    return error.message.split('\n')[0];
  }
}

function isOnPath(command) {
  return (process.env.PATH ?? '').split(delimiter).some((path) => path && existsSync(join(path, command)));
}

/** Compiles with the node-gyp that npm brings; `null` if that went well, otherwise the reason why not. */
function compileProblem() {
  const compiler = (process.env.CXX || 'g++').trim().split(/\s+/)[0];
  const missing = ['make', compiler].filter((command) => !existsSync(command) && !isOnPath(command));
  if (!isOnPath('python3') && !process.env.npm_config_python && !process.env.PYTHON) missing.unshift('python3');
  if (missing.length > 0) return `no ${missing.join(', no ')} to compile it`;
  const program = process.env.npm_config_node_gyp;
  if (!program) return 'no node-gyp to compile it: install with npm';
  const result = spawnSync(process.execPath, [program, 'rebuild', '--loglevel=error'], {
    cwd: folder,
    env: nodeGypEnv(findNodedir()),
    encoding: 'utf8',
    timeout: compile_limit_ms,
  });
  if (result.status === 0) return loadProblem();
  const lines = `${result.stdout ?? ''}\n${result.stderr ?? ''}`.split('\n');
  return `compiling failed: ${(lines.find((line) => /error/i.test(line)) ?? result.error?.message ?? 'unknown').trim()}`;
}

function install() {
  if (isCheckout()) return null;
  if (process.platform !== 'linux') return `the native part is for Linux, this is ${process.platform}`;
  // npm sets this for `npm install --build-from-source`.
  const prebuilt = process.env.npm_config_build_from_source === 'true' ? 'not asked for' : loadProblem();
  return prebuilt && compileProblem();
}

const problem = install();
if (problem) process.stdout.write(`sanswitch: TCP/IP only, without shared memory (${problem})\n`);
