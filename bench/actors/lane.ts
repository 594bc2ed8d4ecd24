/** Two ends that work for a slot at a time: actors of ours, or threads with a MessagePort. */
import { once } from 'node:events';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { ActorRef, Runtime } from 'sanswitch';
import type Asker from './asker.js';
import { CONTROL, makeControl, type Trade } from './control.js';
import type Echo from './echo.js';
import type { PortRole, PortTask } from './port-thread.js';
import type Source from './source.js';

/** One of them. */
export interface Lane {
  readonly name: string;
  readonly control: Int32Array;
  /** Begins to work until `control` says that it is over. @returns when it is; the times of each step where they are taken */
  work(): Promise<readonly number[]>;
  close(): Promise<void>;
}

/** What one slot has measured. */
export interface LaneFigures {
  readonly msgs_per_s: number;
  /** Of the whole process; 200 is two whole cores. */
  readonly cpu_percent: number;
  readonly p50_us?: number;
  readonly p99_us?: number;
  readonly p999_us?: number;
}

function actorUrl(name: string): URL {
  return new URL(`./${name}.js`, import.meta.url);
}

/** An actor that tells another, on the workers of those numbers. */
export async function mailLane(runtime: Runtime, name: string, sink: string, from: number, to: number): Promise<Lane> {
  const control = makeControl();
  const target = (await runtime.spawn(actorUrl(sink), control as never, { worker: to })) as ActorRef<Trade>;
  const source = await runtime.spawn<typeof Source>(actorUrl('source'), { target, control }, { worker: from });
  const work = async () => {
    source.tell('go');
    await over(control);
    return [];
  };
  return { name, control, work, close: async () => {} };
}

/** An actor that asks another. */
export async function askLane(runtime: Runtime, name: string): Promise<Lane> {
  const control = makeControl();
  const target = await runtime.spawn<typeof Echo>(actorUrl('echo'), undefined, { worker: 1 });
  const asker = await runtime.spawn<typeof Asker>(actorUrl('asker'), { target, control }, { worker: 0 });
  const work = () => asker.ask<readonly number[]>((replyTo) => ({ replyTo }), { timeoutMs: 30_000 });
  return { name, control, work, close: async () => {} };
}

/** Two threads with a MessagePort between them. */
export function portLane(near: PortRole, far: PortRole): Lane {
  const control = makeControl();
  const { port1, port2 } = new MessageChannel();
  const start = (role: PortRole, port: typeof port1) => {
    const task: PortTask = { role, port, control };
    return new Worker(actorUrl('port-thread'), { workerData: task, transferList: [port] });
  };
  const workers = [start(near, port1), start(far, port2)] as const;
  const work = async () => {
    workers[0].postMessage('go');
    const [answer] = await once(workers[0], 'message');
    return Array.isArray(answer) ? answer : [];
  };
  const close = async () => {
    await Promise.all(workers.map((worker) => worker.terminate()));
  };
  return { name: 'MessagePort', control, work, close };
}

/** One slot of work. */
export async function measureLane(
  { control, work }: Lane,
  { warmup_ms, duration_ms }: { readonly warmup_ms: number; readonly duration_ms: number },
): Promise<LaneFigures> {
  control[CONTROL.over] = 0;
  const working = work();
  await sleep(warmup_ms);
  const before = progressOf(control);
  await sleep(duration_ms);
  const after = progressOf(control);
  Atomics.store(control, CONTROL.over, 1);
  const [p50_us, p99_us, p999_us] = await working;
  const elapsed_ms = after.at_ms - before.at_ms;
  return {
    msgs_per_s: (((after.done - before.done) >>> 0) / elapsed_ms) * 1000,
    cpu_percent: ((after.cpu_us - before.cpu_us) / 1000 / elapsed_ms) * 100,
    ...(p50_us === undefined ? {} : { p50_us, p99_us, p999_us }),
  };
}

function progressOf(control: Int32Array) {
  const { user, system } = process.cpuUsage();
  return { done: Atomics.load(control, CONTROL.done), cpu_us: user + system, at_ms: performance.now() };
}

/** What was told last has then arrived, or will before the next slot begins to count. */
async function over(control: Int32Array): Promise<void> {
  while (Atomics.load(control, CONTROL.over) === 0) await sleep(5);
  await sleep(20);
}

function sleep(duration_ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, duration_ms));
}
