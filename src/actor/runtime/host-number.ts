/** A host's part of addresses: which thread it is, and which life of it. */

/** Bits that say which thread; 0 is the one that made the runtime, 1 the first worker. */
const INDEX_BITS = 8;
/** Lives of one worker, after which the numbers begin anew. */
const LIVES = 2 ** (32 - INDEX_BITS);

/** The thread that made the runtime. */
export const OWN_HOST = 0;

/** The number of one life of a worker. @param lives that it had before */
export function hostNumber(worker: number, lives: number): number {
  return (((lives % LIVES) << INDEX_BITS) | (worker + 1)) >>> 0;
}

/** Which worker has, or had, a host; -1: it is the thread that made the runtime. */
export function workerOf(host: number): number {
  return (host & (2 ** INDEX_BITS - 1)) - 1;
}
