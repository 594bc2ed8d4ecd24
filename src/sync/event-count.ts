import { EVENT_COUNT_BYTES, EVENT_COUNT_SEQUENCE_WORD, EVENT_COUNT_WAITERS_WORD } from '../layout/layout.gen.js';
import { checkCount, wordsAt } from './memory.js';
import {
  asyncLimits,
  block,
  blockAsync,
  deadlineOf,
  type EndlessWaitOptions,
  Spinner,
  type Waiter,
  type WaitOptions,
} from './wait.js';

/** One thread's wait for the sequence to move on. */
class SequenceWaiter implements Waiter<true> {
  readonly words: Int32Array;
  readonly index = EVENT_COUNT_SEQUENCE_WORD;
  readonly expected: number;

  constructor(words: Int32Array, key: number) {
    this.words = words;
    this.expected = key;
  }

  attempt(): true | undefined {
    return Atomics.load(this.words, this.index) === this.expected ? undefined : true;
  }
}

/**
 * Sleeping and waking around a condition that lives elsewhere, without a lock: the waiter calls `prepare`, looks at the
 * condition, and sleeps by `wait(key)`; who makes the condition true does so (by `Atomics`), then notifies. A
 * notification after `prepare` ends the wait, also when it comes before `wait`. A wait may end without one that was
 * meant for it: look at the condition again. Zeroed memory is a valid event count.
 */
export class EventCount {
  /** Bytes that it takes in the buffer. */
  static readonly BYTES: number = EVENT_COUNT_BYTES;
  readonly #words: Int32Array;
  readonly #spinner = new Spinner();

  /**
   * The event count at `byteOffset`, a multiple of 4.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  constructor(buffer: SharedArrayBuffer, byteOffset = 0) {
    this.#words = wordsAt(buffer, byteOffset, EVENT_COUNT_BYTES);
  }

  /** The key for `wait`: to be asked for *before* looking at the condition. */
  prepare(): number {
    return Atomics.load(this.#words, EVENT_COUNT_SEQUENCE_WORD);
  }

  /**
   * Blocks the thread until there has been a notification since `prepare` gave the key.
   * @param timeoutMs 0 or more; without it the wait has no end
   * @returns `false` when the time was up
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  wait(key: number, timeoutMs?: number): boolean {
    const waiter = this.#waiter(key);
    const deadline = deadlineOf(timeoutMs);
    Atomics.add(this.#words, EVENT_COUNT_WAITERS_WORD, 1);
    try {
      return block(waiter, deadline, this.#spinner) ?? false;
    } finally {
      Atomics.sub(this.#words, EVENT_COUNT_WAITERS_WORD, 1);
    }
  }

  /**
   * The same without blocking the thread.
   * @returns `false` when the time was up
   * @throws AbortError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  waitAsync(key: number, options?: EndlessWaitOptions): Promise<true>;
  waitAsync(key: number, options: WaitOptions): Promise<boolean>;
  async waitAsync(key: number, options: WaitOptions = {}): Promise<boolean> {
    const waiter = this.#waiter(key);
    const { deadline, signal } = asyncLimits(options);
    Atomics.add(this.#words, EVENT_COUNT_WAITERS_WORD, 1);
    try {
      return (await blockAsync(waiter, deadline, signal)) ?? false;
    } finally {
      Atomics.sub(this.#words, EVENT_COUNT_WAITERS_WORD, 1);
    }
  }

  /** Ends the wait of at least one thread that waits, if there is one. */
  notifyOne(): void {
    this.#notify(1);
  }

  /** Ends all waits. */
  notifyAll(): void {
    this.#notify(Number.POSITIVE_INFINITY);
  }

  #notify(count: number): void {
    const words = this.#words;
    // A waiter counts itself and then looks at the sequence: it sees this, or we see it.
    Atomics.add(words, EVENT_COUNT_SEQUENCE_WORD, 1);
    if (Atomics.load(words, EVENT_COUNT_WAITERS_WORD) !== 0) Atomics.notify(words, EVENT_COUNT_SEQUENCE_WORD, count);
  }

  #waiter(key: number): SequenceWaiter {
    return new SequenceWaiter(this.#words, checkCount('key', key, KEY_MIN, KEY_MAX));
  }
}

const KEY_MIN = -(2 ** 31);
const KEY_MAX = 2 ** 31 - 1;
