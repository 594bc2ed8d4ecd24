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

/**
 * Runs `command` with `args` and resolves to its exit code. With `quiet`, its output is kept and given back only in
 * `output`; otherwise the child writes to our own streams.
 *
 * SIGINT: a terminal signals the child too, so it is passed on only if there is no terminal; a second one, at least a
 * second later, kills the child. SIGTERM and SIGHUP are passed on.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, quiet?: boolean, stdin?: 'inherit' | 'ignore' }} [options]
 * @returns {Promise<{ exitCode: number, interrupted: boolean, output: string }>}
 */
export function run(command, args, { cwd, env = process.env, quiet = false, stdin = 'inherit' } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd,
      env,
      stdio: quiet ? ['ignore', 'pipe', 'pipe'] : [stdin, 'inherit', 'inherit'],
    });
    let output = '';
    let interrupted_ms = 0;
    const keep = (chunk) => {
      output += chunk;
    };
    child.stdout?.setEncoding('utf8').on('data', keep);
    child.stderr?.setEncoding('utf8').on('data', keep);
    const onInterrupt = () => {
      const now_ms = Date.now();
      if (interrupted_ms !== 0 && now_ms - interrupted_ms > 1_000) child.kill('SIGKILL');
      else if (!process.stdin.isTTY && interrupted_ms === 0) child.kill('SIGINT');
      if (interrupted_ms === 0) interrupted_ms = now_ms;
    };
    const onTerminate = (signal) => child.kill(signal);
    const detach = () => {
      process.off('SIGINT', onInterrupt).off('SIGTERM', onTerminate).off('SIGHUP', onTerminate);
    };
    process.on('SIGINT', onInterrupt).on('SIGTERM', onTerminate).on('SIGHUP', onTerminate);
    child.once('error', (error) => {
      detach();
      reject(new ChildFailed(`cannot run ${command}: ${error.message}`, 127));
    });
    child.once('close', (code, signal) => {
      detach();
      resolve({ exitCode: exitCodeOf(code, signal), interrupted: interrupted_ms !== 0, output });
    });
  });
}
