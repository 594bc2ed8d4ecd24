// Runs child processes and passes signals on to them.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** Thrown when the user interrupted the child, or when it failed: `exitCode` is what our process should end with. */
export class ChildFailed extends Error {
  constructor(message, exitCode, output = '') {
    super(message);
    this.exitCode = exitCode;
    this.output = output;
  }
}

/** The exit code that a shell would report for a child that ended with `code` or by `signal`. */
export function exitCodeOf(code, signal) {
  return code ?? 128 + (constants.signals[signal] ?? 0);
}

// How long a step may take to go away when the user interrupts it.
const grace_ms = 2_000;

/*
 * SIGINT to us while `child` runs. A child in a group of its own (detached) hears of it from us alone, and has
 * `grace_ms` to end. Otherwise a terminal has signalled it already, so that we do it only if there is none; a second
 * SIGINT, at least a second later, kills it. SIGTERM and SIGHUP are passed on.
 */
function passSignals(child, detached) {
  const kill = (signal) => {
    try {
      process.kill(detached ? -child.pid : child.pid, signal);
    } catch {
      // It has ended just now.
    }
  };
  const state = { interrupted_ms: 0, stop: () => {} };
  const onInterrupt = () => {
    const now_ms = Date.now();
    const isFirst = state.interrupted_ms === 0;
    if (!isFirst && now_ms - state.interrupted_ms > 1_000) kill('SIGKILL');
    if (!isFirst) return;
    state.interrupted_ms = now_ms;
    if (detached || !process.stdin.isTTY) kill('SIGINT');
    if (detached) setTimeout(kill, grace_ms, 'SIGKILL').unref();
  };
  process.on('SIGINT', onInterrupt).on('SIGTERM', kill).on('SIGHUP', kill);
  state.stop = () => process.off('SIGINT', onInterrupt).off('SIGTERM', kill).off('SIGHUP', kill);
  return state;
}

/**
 * Runs `command` with `args` and resolves when it has ended. With `quiet`, its output is kept and given back in
 * `output`; otherwise it writes to our own streams. `detached`: in a process group of its own and without input, so
 * that an interrupt ends everything that it has started too.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean, detached?: boolean }} [options]
 * @returns {Promise<{ exitCode: number, interrupted: boolean, output: string }>}
 */
export function run(command, args, { cwd, env = process.env, quiet = false, detached = false } = {}) {
  return new Promise((resolve, reject) => {
    const input = quiet || detached ? 'ignore' : 'inherit';
    const sink = quiet ? 'pipe' : 'inherit';
    const child = spawn(command, args, { cwd, env, detached, stdio: [input, sink, sink] });
    let output = '';
    const keep = (chunk) => {
      output += chunk;
    };
    child.stdout?.setEncoding('utf8').on('data', keep);
    child.stderr?.setEncoding('utf8').on('data', keep);
    const signals = passSignals(child, detached);
    child.once('error', (error) => {
      signals.stop();
      reject(new ChildFailed(`cannot run ${command}: ${error.message}`, 127));
    });
    child.once('close', (code, signal) => {
      signals.stop();
      resolve({ exitCode: exitCodeOf(code, signal), interrupted: signals.interrupted_ms !== 0, output });
    });
  });
}
