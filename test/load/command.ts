/** `sanswitch load` and `sanswitch echo`, run as users run them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, vi } from 'vitest';
import type { LoadReport, LoadRun } from '#src/load/report.js';

/** What `npx sanswitch` runs. */
export const PROGRAM = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** What a command may take that takes a second on a quiet machine. */
export const PATIENCE_MS = 30_000;

// Each test starts processes, and some of them wait for seconds.
vi.setConfig({ testTimeout: 2 * PATIENCE_MS });

const folder = mkdtempSync(join(tmpdir(), 'sanswitch-load-'));
const running = new Set<Command>();
afterAll(() => {
  for (const command of running) command.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** How a command ended. */
export interface Outcome {
  /** Exit code, or the signal's name. */
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. What is left at the end of a file's tests is ended. */
export class Command {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
  private stdout = '';
  private stderr = '';

  /** @param environment replaces variables of this process */
  constructor(args: readonly string[], environment: NodeJS.ProcessEnv = {}) {
    const child = spawn(process.execPath, [PROGRAM, ...args], {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    running.add(this);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.outcome = once(child, 'close').then(([code, signal]) => {
      running.delete(this);
      return { code: (code ?? signal) as number | string, stdout: this.stdout, stderr: this.stderr };
    });
  }

  get pid(): number {
    return this.child.pid as number;
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Waits until it has said so. @returns the match @throws Error with all that it said, when it has ended or patience has */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const limit_ms = performance.now() + PATIENCE_MS;
    for (;;) {
      const match = pattern.exec(this.stdout + this.stderr);
      if (match !== null) return match;
      if (!running.has(this) || performance.now() > limit_ms) {
        throw new Error(`it has not said ${pattern}, but: ${this.stdout}${this.stderr}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

/** A server, and where it listens. */
export interface Served {
  readonly port: number;
  readonly command: Command;
  stop(): Promise<Outcome>;
}

async function served(args: readonly string[], environment?: NodeJS.ProcessEnv): Promise<Served> {
  const command = new Command(args, environment);
  const [, port] = await command.says(/listening on \S+ port (\d+)/);
  return {
    port: Number(port),
    command,
    stop: () => {
      command.kill('SIGTERM');
      return command.outcome;
    },
  };
}

/** Starts `sanswitch echo`. */
export function echo(args: readonly string[] = [], place = '0'): Promise<Served> {
  return served(['echo', place, '--workers', '1', ...args]);
}

/** Starts an agent. */
export function agent(environment?: NodeJS.ProcessEnv): Promise<Served> {
  return served(['load', '--agent', '0'], environment);
}

let files = 0;

/** `sanswitch load` under way, and the report that it writes. */
export class Load extends Command {
  private readonly file: string;

  constructor(args: readonly string[], environment?: NodeJS.ProcessEnv) {
    const file = join(folder, `${++files}.json`);
    super(['load', ...args, '--json', file], environment);
    this.file = file;
  }

  /** Waits for its end. @throws Error: it has written no report */
  async report(): Promise<Outcome & { readonly report: LoadReport }> {
    const outcome = await this.outcome;
    try {
      return { ...outcome, report: JSON.parse(readFileSync(this.file, 'utf8')) as LoadReport };
    } catch {
      throw new Error(`no report, but ${JSON.stringify(outcome)}`);
    }
  }
}

/** Runs `sanswitch load` to its end. */
export function load(args: readonly string[], environment?: NodeJS.ProcessEnv) {
  return new Load(args, environment).report();
}

/** The only run of a report. */
export function onlyRun({ runs }: LoadReport): LoadRun {
  expect(runs).toHaveLength(1);
  return runs[0] as LoadRun;
}

/** What holds of every run, whatever came of it. */
export function expectConsistent(run: LoadRun): void {
  const { started, completed, failed, series, raw, corrected, errors } = run;
  expect(completed + failed).toBe(started);
  const sum = (pick: (second: (typeof series)[number]) => number) =>
    series.reduce((total, second) => total + pick(second), 0);
  expect(sum((second) => second.started)).toBe(started);
  expect(sum((second) => second.completed)).toBe(completed);
  expect(sum((second) => second.failed)).toBe(failed);
  expect(series.map(({ at_s }) => at_s)).toEqual(series.map((_, i) => i));
  expect(sum(({ length_s }) => length_s)).toBeCloseTo(run.duration_s, 3);
  if (raw !== null) expect(raw.count).toBe(completed);
  if (corrected !== null) expect(corrected.count).toBeGreaterThanOrEqual(completed);
  expect(Object.values(errors).every((count) => count > 0)).toBe(true);
  expect(Object.values(errors).reduce((total, count) => total + count, 0)).toBeGreaterThanOrEqual(failed);
  for (const latency of [raw, corrected]) {
    if (latency === null) continue;
    const steps = [latency.min_us, ...latency.percentiles.map(({ us }) => us), latency.max_us];
    expect(steps).toEqual([...steps].sort((a, b) => a - b));
  }
}
