/**
 * How a thread waits for a word of shared memory to change: it looks at it for a moment, then sleeps, in slices of
 * `tuning.sliceMs`. After each slice it tries anew, so that a wake-up which somebody swallowed costs one slice and no more: a
 * thread that was woken and ended before it could go on, or one that waits asynchronously and whose event loop is busy.
 */
import { onAbort, throwIfAborted } from '../abort.js';
import { invalidArgType, outOfRange } from '../misuse.js';

/** What tests change: with slices without end a lost wake-up is a thread that hangs. */
export const tuning = {
  /** Milliseconds. No sleep is longer without a look at the state of things. */
  sliceMs: 100,
  /** How often to look at a word before sleeping: some 100 µs, twice what it takes to wake a sleeper. */
  spins: 10_000,
};

/** The most waits in a row that don't look at all. */
const SKIPS_MAX = 255;

/**
 * Learns whether looking before sleeping pays. It saves two context switches where the other thread runs on a processor
 * of its own; where it waits for ours it only delays it. After each miss in a row twice as many waits sleep at once.
 */
export class Spinner {
  #skips = 0;
  #skipsLeft = 0;

  /** How often to look this time. */
  begin(): number {
    if (this.#skipsLeft === 0) return tuning.spins;
    this.#skipsLeft -= 1;
    return 0;
  }

  /** What came of it. */
  end(hasPaid: boolean): void {
    this.#skips = hasPaid ? 0 : Math.min(SKIPS_MAX, 2 * this.#skips + 1);
    this.#skipsLeft = this.#skips;
  }
}

/** What an asynchronous wait can be given. */
export interface WaitOptions {
  /** Milliseconds, 0 or more; without it (or Infinity) the wait has no end. */
  readonly timeoutMs?: number | undefined;
  /** Ends the wait: the promise is rejected with an `AbortError`. */
  readonly signal?: AbortSignal | undefined;
}

/** The options of a wait without an end of its own. */
export interface EndlessWaitOptions {
  readonly timeoutMs?: undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One wait: what is tried, and the word to sleep on while that fails. */
export interface Waiter<T> {
  readonly words: Int32Array;
  readonly index: number;
  /** Set by a failed `attempt`: the value that the word had. */
  expected: number;
  /**
   * Tries once. `undefined`: failed, because the word is `expected`.
   * @param willSleep the caller sleeps next if this fails
   */
  attempt(willSleep: boolean): T | undefined;
  /** A slice has brought nothing: looks whether it ever will. May change things for the next attempt. */
  examine?(): T | undefined;
}

type Outcome = 'ok' | 'not-equal' | 'timed-out';
type AsyncWait = { readonly async: false; readonly value: Outcome } | { readonly async: true; value: Promise<Outcome> };

// Node has it since version 16; the type library that we compile with does not.
const { waitAsync } = Atomics as unknown as {
  waitAsync(words: Int32Array, index: number, value: number, timeoutMs: number): AsyncWait;
};

const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * The moment, on the clock of `performance.now`, at which a wait of `timeoutMs` ends.
 * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
 */
export function deadlineOf(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return Number.POSITIVE_INFINITY;
  if (typeof timeoutMs !== 'number') throw invalidArgType('timeoutMs', 'of type number', timeoutMs);
  if (!(timeoutMs >= 0)) throw outOfRange('timeoutMs', '>= 0', timeoutMs);
  return timeoutMs === Number.POSITIVE_INFINITY ? timeoutMs : performance.now() + timeoutMs;
}

/**
 * The options of an asynchronous wait, checked.
 * @throws AbortError if the signal has fired, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
 */
export function asyncLimits(options: WaitOptions): { readonly deadline: number; readonly signal?: AbortSignal } {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options);
  const { timeoutMs, signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw invalidArgType('options.signal', 'an instance of AbortSignal', signal);
  }
  const deadline = deadlineOf(timeoutMs);
  throwIfAborted(signal);
  return { deadline, signal };
}

/** Milliseconds to sleep next; 0 or less: the time is up. */
function sliceBefore(deadline: number): number {
  return deadline === Number.POSITIVE_INFINITY
    ? tuning.sliceMs
    : Math.min(tuning.sliceMs, deadline - performance.now());
}

/** Looks at the word up to `spins` times, until it changes. Returns how many looks are left. */
function spin({ words, index, expected }: Waiter<unknown>, spins: number): number {
  let left = spins - 1;
  while (left > 0 && Atomics.load(words, index) === expected) left -= 1;
  return left;
}

/**
 * Blocks the thread until an attempt succeeds.
 * @returns `undefined` when the deadline has passed
 */
export function block<T>(waiter: Waiter<T>, deadline: number, spinner: Spinner): T | undefined {
  const spins = spinner.begin();
  for (let left = spins; left > 0; left = spin(waiter, left)) {
    const result = waiter.attempt(false);
    if (result === undefined) continue;
    spinner.end(true);
    return result;
  }
  if (spins > 0) spinner.end(false);
  for (;;) {
    const result = waiter.attempt(true);
    if (result !== undefined) return result;
    const sliceMs = sliceBefore(deadline);
    if (sliceMs <= 0) return undefined;
    if (Atomics.wait(waiter.words, waiter.index, waiter.expected, sliceMs) !== 'timed-out') continue;
    const examined = waiter.examine?.();
    if (examined !== undefined) return examined;
  }
}

/**
 * The same without blocking the thread; keeps its event loop alive. Does not look before it sleeps.
 * @returns `undefined` when the deadline has passed
 * @throws AbortError
 */
export async function blockAsync<T>(
  waiter: Waiter<T>,
  deadline: number,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  for (;;) {
    const result = waiter.attempt(true);
    if (result !== undefined) return result;
    throwIfAborted(signal);
    const sliceMs = sliceBefore(deadline);
    if (sliceMs <= 0) return undefined;
    if ((await sleepAsync(waiter, sliceMs, signal)) !== 'timed-out') continue;
    const examined = waiter.examine?.();
    if (examined !== undefined) return examined;
  }
}

function sleepAsync(waiter: Waiter<unknown>, sliceMs: number, signal: AbortSignal | undefined): Promise<Outcome> {
  const { words, index, expected } = waiter;
  const wait = waitAsync(words, index, expected, sliceMs);
  if (!wait.async) return Promise.resolve(wait.value);
  return new Promise((resolve, reject) => {
    // The wait itself does not keep the event loop alive, and without a loop it never ends.
    const keepAlive = setTimeout(() => {}, LONGEST_TIMER_MS);
    let aborted = false;
    const forget = onAbort(signal, (error) => {
      aborted = true;
      clearTimeout(keepAlive);
      reject(error);
    });
    wait.value.then((outcome) => {
      // It stays in the queue until its slice is over; the wake-up that it gets there is somebody else's.
      if (aborted && outcome === 'ok') Atomics.notify(words, index, 1);
      clearTimeout(keepAlive);
      forget();
      resolve(outcome);
    });
  });
}
