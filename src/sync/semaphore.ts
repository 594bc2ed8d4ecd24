import {
  SEMAPHORE_BYTES,
  SEMAPHORE_CONTENDED,
  SEMAPHORE_PERMIT,
  SEMAPHORE_PERMIT_SHIFT,
  SEMAPHORE_PERMITS_MAX,
  SEMAPHORE_STATE_WORD,
} from '../layout/layout.gen.js';
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

/** Takes a permit if there is one. */
function take(words: Int32Array): boolean {
  let state = Atomics.load(words, SEMAPHORE_STATE_WORD);
  while (state >= SEMAPHORE_PERMIT) {
    const found = Atomics.compareExchange(words, SEMAPHORE_STATE_WORD, state, state - SEMAPHORE_PERMIT);
    if (found === state) return true;
    state = found;
  }
  return false;
}

/**
 * One thread's wait for a permit. A release wakes sleepers and takes the mark away, so that further ones need not wake
 * anybody while those are on their way. In return, whoever has slept sees to the others: it wakes the next for a permit
 * that it leaves, or puts the mark back.
 */
class PermitWaiter implements Waiter<true> {
  readonly words: Int32Array;
  readonly index = SEMAPHORE_STATE_WORD;
  readonly expected = SEMAPHORE_CONTENDED;
  #hasMarked = false;

  constructor(words: Int32Array) {
    this.words = words;
  }

  attempt(willSleep: boolean): true | undefined {
    const { words, index } = this;
    if (!willSleep) return take(words) || undefined;
    for (;;) {
      const state = Atomics.load(words, index);
      if (state < SEMAPHORE_PERMIT) {
        if (state !== this.expected && Atomics.compareExchange(words, index, state, this.expected) !== state) continue;
        this.#hasMarked = true;
        return undefined;
      }
      const left = (state - SEMAPHORE_PERMIT) & ~SEMAPHORE_CONTENDED;
      const next = !this.#hasMarked ? state - SEMAPHORE_PERMIT : left === 0 ? SEMAPHORE_CONTENDED : left;
      if (Atomics.compareExchange(words, index, state, next) !== state) continue;
      if (this.#hasMarked && left > 0) Atomics.notify(words, index, 1);
      return true;
    }
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
   * The state as this object last left it: a guess that is right while nobody else uses the semaphore, and saves a load
   * where somebody does, which would fetch the cache line once more than the exchange that follows.
   */
  #guess = 0;

  /**
   * Lays a semaphore with `permits` permits (0 to 2^30 - 1) at `byteOffset`, before any thread uses it.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  static initialise(buffer: SharedArrayBuffer, byteOffset: number, permits: number): Semaphore {
    const words = wordsAt(buffer, byteOffset, SEMAPHORE_BYTES);
    checkCount('permits', permits, 0, SEMAPHORE_PERMITS_MAX);
    Atomics.store(words, SEMAPHORE_STATE_WORD, permits << SEMAPHORE_PERMIT_SHIFT);
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
    return Atomics.load(this.#words, SEMAPHORE_STATE_WORD) >> SEMAPHORE_PERMIT_SHIFT;
  }

  /** Takes a permit if there is one. */
  tryAcquire(): boolean {
    return this.#take();
  }

  #take(): boolean {
    const words = this.#words;
    let state = this.#guess;
    if (state < SEMAPHORE_PERMIT) state = Atomics.load(words, SEMAPHORE_STATE_WORD);
    while (state >= SEMAPHORE_PERMIT) {
      const next = state - SEMAPHORE_PERMIT;
      const found = Atomics.compareExchange(words, SEMAPHORE_STATE_WORD, state, next);
      if (found === state) {
        this.#guess = next;
        return true;
      }
      state = found;
    }
    return false;
  }

  /**
   * Blocks the thread until it has a permit.
   * @param timeoutMs 0 or more; without it the wait has no end
   * @returns `false` when the time was up
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  acquire(timeoutMs?: number): boolean {
    const deadline = deadlineOf(timeoutMs);
    if (this.#take()) return true;
    this.#guess = 0;
    return block(new PermitWaiter(this.#words), deadline, this.#spinner) ?? false;
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
    return (await blockAsync(new PermitWaiter(this.#words), deadline, signal)) ?? false;
  }

  /**
   * Gives permits back, or adds new ones.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE, also when there would be more than 2^30 - 1
   */
  release(permits = 1): void {
    if (permits !== 1) checkCount('permits', permits, 1, SEMAPHORE_PERMITS_MAX);
    const words = this.#words;
    let state = this.#guess;
    for (;;) {
      const before = state >> SEMAPHORE_PERMIT_SHIFT;
      if (before > SEMAPHORE_PERMITS_MAX - permits) {
        const now = Atomics.load(words, SEMAPHORE_STATE_WORD);
        if (now === state) throw outOfRange('permits', `<= ${SEMAPHORE_PERMITS_MAX - before}`, permits);
        state = now;
        continue;
      }
      const next = (before + permits) << SEMAPHORE_PERMIT_SHIFT;
      const found = Atomics.compareExchange(words, SEMAPHORE_STATE_WORD, state, next);
      if (found !== state) {
        state = found;
        continue;
      }
      this.#guess = next;
      if ((state & SEMAPHORE_CONTENDED) !== 0) Atomics.notify(words, SEMAPHORE_STATE_WORD, permits);
      return;
    }
  }
}
