import { EVENT_COUNT_BYTES } from '../layout/layout.gen.js';
import { checkCount } from './memory.js';
import { Sequence } from './sequence.js';
import { asyncLimits, deadlineOf, type EndlessWaitOptions, type WaitOptions } from './wait.js';

const KEY_MIN = -(2 ** 31);
const KEY_MAX = 2 ** 31 - 1;

/**
 * Sleeping and waking around a condition that lives elsewhere, without a lock: the waiter calls `prepare`, looks at the
 * condition, and sleeps by `wait(key)`; who makes the condition true does so (by `Atomics`), then notifies. A
 * notification after `prepare` ends the wait, also when it comes before `wait`. A wait may end without one that was
 * meant for it: look at the condition again. Zeroed memory is a valid event count.
 */
export class EventCount {
  /** Bytes that it takes in the buffer. */
  static readonly BYTES: number = EVENT_COUNT_BYTES;
  readonly #sequence: Sequence;

  /**
   * The event count at `byteOffset`, a multiple of 4.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  constructor(buffer: SharedArrayBuffer, byteOffset = 0) {
    this.#sequence = new Sequence(buffer, byteOffset);
  }

  /** The key for `wait`: to be asked for *before* looking at the condition. */
  prepare(): number {
    return this.#sequence.key;
  }

  /**
   * Blocks the thread until there has been a notification since `prepare` gave the key.
   * @param timeoutMs 0 or more; without it the wait has no end
   * @returns `false` when the time was up
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  wait(key: number, timeoutMs?: number): boolean {
    return this.#sequence.wait(checkKey(key), deadlineOf(timeoutMs));
  }

  /**
   * The same without blocking the thread.
   * @returns `false` when the time was up
   * @throws AbortError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  waitAsync(key: number, options?: EndlessWaitOptions): Promise<true>;
  waitAsync(key: number, options: WaitOptions): Promise<boolean>;
  async waitAsync(key: number, options: WaitOptions = {}): Promise<boolean> {
    const { deadline, signal } = asyncLimits(options);
    return this.#sequence.waitAsync(checkKey(key), deadline, signal);
  }

  /** Ends the wait of at least one thread that waits, if there is one. */
  notifyOne(): void {
    if (this.#sequence.advance()) this.#sequence.wake(1);
  }

  /** Ends all waits. */
  notifyAll(): void {
    if (this.#sequence.advance()) this.#sequence.wake(Number.POSITIVE_INFINITY);
  }
}

function checkKey(key: number): number {
  return checkCount('key', key, KEY_MIN, KEY_MAX);
}
