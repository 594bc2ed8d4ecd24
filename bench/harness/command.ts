/** Runs a command of this folder: a time limit for the whole run, clean ends on signals, failures in one clear message. */
import { constants } from 'node:os';
import { killChildren } from './children.js';
import { BenchFailure } from './failure.js';

/**
 * Runs `work` and sets the exit code. Whatever happens, no child process is left.
 * @param name stands before messages on standard error
 * @param limit_s the whole run ends within this many seconds
 */
export async function runCommand(name: string, limit_s: number, work: () => Promise<void>): Promise<void> {
  const stop = (message: string, exitCode: number): void => {
    killChildren();
    process.stderr.write(`\n${name}: ${message}\n`);
    process.exit(exitCode);
  };
  const watchdog = setTimeout(() => stop(`not finished after ${limit_s} s; given up`, 1), limit_s * 1000);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => stop(`ended by ${signal}`, 128 + constants.signals[signal]));
  }
  try {
    await work();
  } catch (error) {
    process.exitCode = error instanceof BenchFailure ? error.exitCode : 1;
    const text = error instanceof BenchFailure ? error.message : String((error as Error).stack ?? error);
    process.stderr.write(`${name}: ${text}\n`);
  } finally {
    clearTimeout(watchdog);
    killChildren();
  }
}

/** A progress line on standard error: rewritten on a terminal, nothing at all elsewhere unless `plain` is set. */
export class Progress {
  readonly #isTerminal = process.stderr.isTTY === true;
  readonly #plain: boolean;
  readonly #start_ms = performance.now();

  /** @param plain write plain lines where there is no terminal */
  constructor(plain: boolean) {
    this.#plain = plain;
  }

  tell(what: string): void {
    const seconds = ((performance.now() - this.#start_ms) / 1000).toFixed(0).padStart(2);
    if (this.#isTerminal) process.stderr.write(`\r\x1b[K${seconds} s  ${what}`);
    else if (this.#plain) process.stderr.write(`${seconds} s  ${what}\n`);
  }

  /** Makes room for what is printed next. */
  clear(): void {
    if (this.#isTerminal) process.stderr.write('\r\x1b[K');
  }
}
