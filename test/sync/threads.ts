/** Starts the threads of test/fixtures/sync-thread.ts and collects what they return. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { Arena, Task } from './arena.js';

// This file runs as it is (vitest) and compiled (fixtures, the soak test); the thread's file only compiled.
const FOLDER = import.meta.url.endsWith('.ts') ? '../../build/test/fixtures/' : '../fixtures/';
const FILE = new URL(`${FOLDER}sync-thread.js`, import.meta.url);
const running = new Set<Worker>();

type Message = { readonly done?: unknown; readonly said?: string };
type Options = Partial<Omit<Task, 'role' | 'buffer'>>;

/** A thread under way. */
export interface Running {
  readonly worker: Worker;
  /** What its role returns. */
  readonly done: Promise<unknown>;
  /** When it has said this. */
  said(text: string): Promise<void>;
}

/** Starts one thread. */
export function startThread(arena: Arena, role: Task['role'], options: Options = {}): Running {
  const task: Task = { role, buffer: arena.buffer, rounds: 1, id: 0, count: 1, ...options };
  const worker = new Worker(FILE, { workerData: task });
  running.add(worker);
  worker.once('exit', () => running.delete(worker));
  const heard = new Set<string>();
  worker.on('message', ({ said }: Message) => said !== undefined && heard.add(said));
  const done = new Promise<unknown>((resolve, reject) => {
    worker.on('message', (message: Message) => 'done' in message && resolve(message.done));
    worker.once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the thread '${role}' ended with ${code}`)));
  });
  done.catch(() => {});
  const said = async (text: string) => {
    while (!heard.has(text)) await once(worker, 'message');
  };
  return { worker, done, said };
}

/** Starts `count` threads of a role; every second one waits asynchronously if `isMixed`. */
export function startThreads(
  arena: Arena,
  role: Task['role'],
  count: number,
  { isMixed = false, ...options }: Options & { readonly isMixed?: boolean } = {},
): Running[] {
  return Array.from({ length: count }, (_, id) => {
    const how = isMixed ? { isAsync: id % 2 === 1 } : {};
    return startThread(arena, role, { ...options, ...how, id, count });
  });
}

/** What all of them return. */
export function results<T>(threads: readonly Running[]): Promise<T[]> {
  return Promise.all(threads.map(({ done }) => done as Promise<T>));
}

/** Ends what a test that failed has left behind. */
export async function endThreads(): Promise<void> {
  await Promise.all([...running].map((worker) => worker.terminate()));
}
