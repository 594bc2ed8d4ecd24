/** Runs the commands of bench/ as a user would, and finds the processes that they start. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** How a command ended. */
export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command under way. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has said on standard error so far. */
  said(): string;
}

/** Starts build/bench/NAME.js. */
export function start(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const file = fileURLToPath(new URL(`../../build/bench/${name}.js`, import.meta.url));
  const child = spawn(process.execPath, [file, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.once('close', (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
  return { child, ended, said: () => stderr };
}

/** Runs a command to its end. */
export function runToEnd(name: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  return start(name, args, env).ended;
}

/** Waits for a condition. @throws Error after `limit_ms` */
export async function until(condition: () => boolean, what: string, limit_ms = 10_000): Promise<void> {
  const limit = performance.now() + limit_ms;
  while (!condition()) {
    if (performance.now() > limit) throw new Error(`still waiting: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The peers that process `pid` has started, by role. */
export function peersOf(pid: number | undefined): { readonly pid: number; readonly role: string }[] {
  const peers: { pid: number; role: string }[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1];
      if (Number(parent) !== pid) continue;
      const setup = /SANSWITCH_BENCH_PEER=([^\0]*)/.exec(readFileSync(`/proc/${name}/environ`, 'utf8'))?.[1];
      if (setup !== undefined) peers.push({ pid: Number(name), role: (JSON.parse(setup) as { role: string }).role });
    } catch {
      // It has ended since.
    }
  }
  return peers;
}

/** Whether a process is there (a zombie is not). */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
