/** Processes to look at, and the command that looks. */
import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import type { TopReport } from '#src/top/report.js';
import type { Observed } from '../fixtures/observed.js';

/** What `npx sanswitch` runs. */
export const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const FIXTURE = fileURLToPath(new URL('../../build/test/fixtures/observed.js', import.meta.url));

const children = new Set<ChildProcess>();

afterEach(async () => {
  const ends = [...children].map((child) => ended(child));
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  await Promise.all(ends);
});

/** Resolves when a process has ended. */
export async function ended(child: ChildProcess): Promise<number | NodeJS.Signals | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.exitCode ?? child.signalCode;
}

/** Starts a process that ends with the test. */
export function start(args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'], ...options });
  children.add(child);
  return child;
}

/** The next line of JSON that a process says. @throws Error: it has ended */
export async function nextLine<T>(child: ChildProcess): Promise<T> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [line] = await Promise.race([
    once(lines, 'line'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`the process ended with ${code}`))),
  ]);
  return JSON.parse(line as string) as T;
}

/** A process to look at, which stands. */
export interface Standing<T> {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly said: T;
}

/** Starts a process to look at. */
export async function observe<T = unknown>(what: Observed, options: SpawnOptions = {}): Promise<Standing<T>> {
  const child = start([FIXTURE, JSON.stringify(what)], options);
  return { child, pid: child.pid as number, said: await nextLine<T>(child) };
}

/** A server and a client with connections between them. */
export async function pair(more: Partial<Extract<Observed, { is: 'client' }>> = {}, reads = true) {
  const { providers = ['shm!'] } = more;
  const server = await observe<{ port: number }>({ is: 'server', providers, reads });
  const { port } = server.said;
  const client = await observe({ is: 'client', providers, port, count: 1, bytes: 100, everyMs: 5, ...more });
  return { server, client, port };
}

/** How a run of `sanswitch top` ended. */
export interface Outcome {
  readonly code: number | NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `sanswitch top`. */
export async function top(args: readonly string[], options: SpawnOptions = {}): Promise<Outcome> {
  const child = start([COMMAND, 'top', ...args], { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  await once(child, 'close');
  return { code: child.exitCode ?? child.signalCode, stdout, stderr };
}

/** One report of `sanswitch top` about these processes alone. @throws Error with its complaint */
export async function report(pids: readonly number[], args: readonly string[] = [], options: SpawnOptions = {}) {
  const own = pids.flatMap((pid) => ['--pid', String(pid)]);
  const { code, stdout, stderr } = await top(['--once', '--json', '--interval', '0.5', ...own, ...args], options);
  if (code !== 0 || stderr !== '') throw new Error(`top ended with ${code}: ${stderr}`);
  return JSON.parse(stdout) as TopReport;
}
