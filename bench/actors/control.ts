/** Words of shared memory by which a slot of measuring is steered and read, whoever does the work. */

/** Their places. `done` is written by one thread alone. */
export const CONTROL = { over: 0, done: 1 } as const;

/** Makes them. */
export function makeControl(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(8));
}

/** What is told in the question `mail`. */
export interface Trade {
  readonly sequence: number;
  readonly price: number;
  readonly isBid: boolean;
}

/** Its n-th message. */
export function tradeOf(sequence: number): Trade {
  return { sequence: sequence | 0, price: sequence * 0.25, isBid: (sequence & 1) === 0 };
}

/** Messages that a source sends before it gives way. */
export const BURST = 256;

/** Messages that may be under way: beyond, the source waits. Half of a mailbox's usual capacity, where `tell` says so. */
export const UNDER_WAY_MAX = 32_768;
