/** Two threads of this process that do the same work over several makers of synchronisation, one after the other. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { Semaphore } from '#src/sync/index.js';
import { now_us, significant } from './contest.js';
import { BenchFailure } from './failure.js';
import type { Slot } from './pair.js';
import { median } from './percentiles.js';

/** Whose primitives. */
export type Maker = 'ours' | 'naive' | 'multithreading';
/** Which one. */
export type Subject = 'mutex' | 'semaphore' | 'condition';

/** What a thread is to do until it is told that it is over. */
export interface Job {
  readonly subject: Subject;
  readonly maker: Maker;
  readonly threads: number;
  readonly id: number;
  /** For the lock or the semaphore, whoever makes it. */
  readonly first: SharedArrayBuffer;
  /** For the condition. */
  readonly second: SharedArrayBuffer;
  /** What they protect. */
  readonly counter: SharedArrayBuffer;
  readonly control: SharedArrayBuffer;
}

/** Words of a job's control buffer. */
export const CONTROL = { go: 0, over: 1, batches: 2 } as const;
/** Operations that a thread does between two looks at the control words. */
export const BATCH = 50;

/** What one slot, or the median of several, has measured. */
export interface ThreadFigures {
  /** Operations of all threads together. */
  readonly ops_per_s: number;
  /** Of the whole process; 200 is two whole cores. */
  readonly cpu_percent: number;
}

const LIMIT_MS = 8_000;
/** What the largest of the makers needs. */
const BUFFER_BYTES = 8;

/** The two threads. */
export class SyncThreads {
  readonly #workers: readonly Worker[];

  constructor() {
    this.#workers = [0, 1].map(() => new Worker(new URL('./sync-thread.js', import.meta.url)));
  }

  /** One slot of work. @throws BenchFailure when a thread does not answer, or exclusion was broken */
  async measure(subject: Subject, maker: Maker, threads: number, slot: Slot): Promise<ThreadFigures> {
    const buffer = (bytes = BUFFER_BYTES) => new SharedArrayBuffer(bytes);
    const job = { subject, maker, threads, first: buffer(), second: buffer(), counter: buffer(), control: buffer(16) };
    if (subject === 'semaphore') {
      if (maker === 'ours') Semaphore.initialise(job.first, 0, 1);
      else new Int32Array(job.first)[0] = 1;
    }
    const control = new Int32Array(job.control);
    const workers = this.#workers.slice(0, threads);
    const ready = this.#hear(workers, 'ready');
    for (const [id, worker] of workers.entries()) worker.postMessage({ ...job, id } satisfies Job);
    await ready;
    const left = this.#hear(workers, 'left');
    Atomics.store(control, CONTROL.go, 1);
    Atomics.notify(control, CONTROL.go);
    await sleep(slot.warmup_ms);
    const before = progressOf(control);
    await sleep(slot.duration_ms);
    const after = progressOf(control);
    Atomics.store(control, CONTROL.over, 1);
    await left;
    if (subject !== 'condition' && new Int32Array(job.counter)[0] !== progressOf(control).operations) {
      throw new BenchFailure(`the ${subject} of ${maker} did not exclude: operations were lost`);
    }
    const elapsed_us = after.at_us - before.at_us;
    return {
      ops_per_s: ((after.operations - before.operations) / elapsed_us) * 1e6,
      cpu_percent: ((after.cpu_us - before.cpu_us) / elapsed_us) * 100,
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  async #hear(workers: readonly Worker[], what: string): Promise<void> {
    const signal = AbortSignal.timeout(LIMIT_MS);
    try {
      await Promise.all(workers.map((worker) => once(worker, 'message', { signal })));
    } catch (error) {
      const why = signal.aborted ? `not '${what}' within ${LIMIT_MS} ms` : (error as Error).message;
      throw new BenchFailure(`a thread of the question is in trouble: ${why}`);
    }
  }
}

function progressOf(control: Int32Array) {
  const batches = Atomics.load(control, CONTROL.batches) + Atomics.load(control, CONTROL.batches + 1);
  const { user, system } = process.cpuUsage();
  return { operations: batches * BATCH, cpu_us: user + system, at_us: now_us() };
}

/** The median of each figure on its own. */
export function medianOf(rounds: readonly ThreadFigures[]): ThreadFigures {
  return {
    ops_per_s: significant(median(rounds.map((round) => round.ops_per_s))),
    cpu_percent: significant(median(rounds.map((round) => round.cpu_percent))),
  };
}

function sleep(duration_ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, duration_ms));
}
