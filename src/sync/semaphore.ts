import { SEMAPHORE_BYTES, SEMAPHORE_PERMITS_WORD, SEMAPHORE_WAITERS_WORD } from '../layout/layout.gen.js';
import { outOfRange } from '../misuse.js';
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

const PERMITS_MAX = 2 ** 31 - 1;

/** Takes a permit if there is one. */
function take(words: Int32Array): boolean {
  let permits = Atomics.load(words, SEMAPHORE_PERMITS_WORD);
  while (permits > 0) {
    const found = Atomics.compareExchange(words, SEMAPHORE_PERMITS_WORD, permits, permits - 1);
    if (found === permits) return true;
    permits = found;
  }
  return false;
}

/** One thread's wait for a permit. */
class PermitWaiter implements Waiter<true> {
  readonly words: Int32Array;
  readonly index = SEMAPHORE_PERMITS_WORD;
  readonly expected = 0;

  constructor(words: Int32Array) {
    this.words = words;
  }

  attempt(): true | undefined {
    return take(this.words) || undefined;
  }
}

/**
 * A number of permits, handed out one at a time. Permits belong to nobody: any thread may give one back, and those of a
 * thread that has ended are lost. Zeroed memory is a semaphore without permits.
 */
export class Semaphore {
  /** Bytes that it takes in the buffer. */
  static readonly BYTES: number = SEMAPHORE_BYTES;
  readonly #words: Int32Array;
  readonly #spinner = new Spinner();

  /**
   * Lays a semaphore with `permits` permits (0 to 2^31 - 1) at `byteOffset`, before any thread uses it.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  static initialise(buffer: SharedArrayBuffer, byteOffset: number, permits: number): Semaphore {
    const words = wordsAt(buffer, byteOffset, SEMAPHORE_BYTES);
    checkCount('permits', permits, 0, PERMITS_MAX);
    words.fill(0);
    Atomics.store(words, SEMAPHORE_PERMITS_WORD, permits);
    return new Semaphore(buffer, byteOffset);
  }

  /**
   * The semaphore at `byteOffset`, a multiple of 4.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  constructor(buffer: SharedArrayBuffer, byteOffset = 0) {
    this.#words = wordsAt(buffer, byteOffset, SEMAPHORE_BYTES);
  }

  /** Permits to be had at this moment. */
  get permits(): number {
    return Atomics.load(this.#words, SEMAPHORE_PERMITS_WORD);
  }

  /** Takes a permit if there is one. */
  tryAcquire(): boolean {
    return take(this.#words);
  }

  /**
   * Blocks the thread until it has a permit.
   * @param timeoutMs 0 or more; without it the wait has no end
   * @returns `false` when the time was up
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  acquire(timeoutMs?: number): boolean {
    const deadline = deadlineOf(timeoutMs);
    if (take(this.#words)) return true;
    Atomics.add(this.#words, SEMAPHORE_WAITERS_WORD, 1);
    try {
      return block(new PermitWaiter(this.#words), deadline, this.#spinner) ?? false;
    } finally {
      Atomics.sub(this.#words, SEMAPHORE_WAITERS_WORD, 1);
    }
  }

  /**
   * The same without blocking the thread.
   * @returns `false` when the time was up
   * @throws AbortError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  acquireAsync(options?: EndlessWaitOptions): Promise<true>;
  acquireAsync(options: WaitOptions): Promise<boolean>;
  async acquireAsync(options: WaitOptions = {}): Promise<boolean> {
    const { deadline, signal } = asyncLimits(options);
    Atomics.add(this.#words, SEMAPHORE_WAITERS_WORD, 1);
    try {
      return (await blockAsync(new PermitWaiter(this.#words), deadline, signal)) ?? false;
    } finally {
      Atomics.sub(this.#words, SEMAPHORE_WAITERS_WORD, 1);
    }
  }

  /**
   * Gives permits back, or adds new ones.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE, also when there would be more than 2^31 - 1
   */
  release(permits = 1): void {
    const words = this.#words;
    if (permits !== 1) checkCount('permits', permits, 1, PERMITS_MAX);
    const before = Atomics.add(words, SEMAPHORE_PERMITS_WORD, permits);
    if (before > PERMITS_MAX - permits) {
      Atomics.sub(words, SEMAPHORE_PERMITS_WORD, permits);
      throw outOfRange('permits', `<= ${PERMITS_MAX - before}`, permits);
    }
    // A waiter counts itself and then looks for permits: it sees these, or we see it.
    if (Atomics.load(words, SEMAPHORE_WAITERS_WORD) !== 0) Atomics.notify(words, SEMAPHORE_PERMITS_WORD, permits);
  }
}
