/**
 * The worker threads, hosted by piscina and by nothing else: each thread runs one task, an actor host, for as long as it
 * lives. piscina replaces a thread that has died; what ran on it is the supervisor's to start again.
 */
import { once } from 'node:events';
import type { ResourceLimits, TransferListItem, Worker } from 'node:worker_threads';
import { Piscina } from 'piscina';

const HOST_FILE = new URL('../workers/entry.cjs', import.meta.url).href;

/** K threads with one long task each. */
export class ThreadPool {
  private readonly pool: Piscina;
  /** Threads that have not ended, those included that the pool has ended and forgotten. */
  private readonly alive = new Set<Worker>();

  /** @param strayError a thread has died that had no task yet: whose start fails therefore can't be said */
  constructor(threads: number, resourceLimits: ResourceLimits | undefined, strayError: (error: Error) => void) {
    this.pool = new Piscina({
      filename: HOST_FILE,
      minThreads: threads,
      maxThreads: threads,
      concurrentTasksPerWorker: 1,
      // The threads have an event loop of their own to run: none may wait for its next task in `Atomics.wait`.
      atomics: 'disabled',
      idleTimeout: Number.POSITIVE_INFINITY,
      recordTiming: false,
      resourceLimits,
    });
    this.pool.on('error', strayError);
  }

  /**
   * Hosts a task on a free thread, until it ends.
   * @param signal ends the thread, whatever it does
   * @returns settles when the task has ended: rejected if its thread has died, with what it died of
   */
  run(task: object, transfer: readonly TransferListItem[], signal: AbortSignal): Promise<void> {
    // Before the pool hears of it.
    signal.addEventListener('abort', () => this.note(), { once: true });
    return this.pool.run(task, { transferList: [...transfer] as never[], signal });
  }

  /** The thread of that number, if it lives. */
  thread(threadId: number): Worker | undefined {
    return this.pool.threads.find((thread) => thread.threadId === threadId);
  }

  /** Ends all threads, whatever they do. @returns when none is left */
  async close(): Promise<void> {
    // The pool does not wait for threads that it was ending before, and their end has it start others in their place.
    do {
      this.note();
      await this.pool.destroy();
      await Promise.all([...this.alive].map((thread) => once(thread, 'exit')));
    } while (this.pool.threads.length > 0);
  }

  private note(): void {
    for (const thread of this.pool.threads) {
      if (this.alive.has(thread)) continue;
      this.alive.add(thread);
      thread.once('exit', () => this.alive.delete(thread));
    }
  }
}
