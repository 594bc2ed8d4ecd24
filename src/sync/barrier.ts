import { InvalidOptionError } from '../errors.js';
import {
  BARRIER_ARRIVED_MASK,
  BARRIER_BYTES,
  BARRIER_GENERATION_SHIFT,
  BARRIER_PARTIES_MAX,
  BARRIER_PARTIES_WORD,
  BARRIER_STATE_WORD,
} from '../layout/layout.gen.js';
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

/** `last`: this thread completed the round; exactly one of each round is told so. */
export type Passed = 'last' | 'released';

const generationOf = (state: number): number => state >>> BARRIER_GENERATION_SHIFT;

/** One thread's wait for the others of its round. */
class RoundWaiter implements Waiter<'released'> {
  readonly words: Int32Array;
  readonly index = BARRIER_STATE_WORD;
  expected = 0;
  readonly #generation: number;

  constructor(words: Int32Array, generation: number) {
    this.words = words;
    this.#generation = generation;
  }

  attempt(): 'released' | undefined {
    this.expected = Atomics.load(this.words, this.index);
    return generationOf(this.expected) === this.#generation ? undefined : 'released';
  }

  /** Takes the arrival back. `released`: too late, the round is complete. */
  withdraw(): 'released' | false {
    while (this.attempt() === undefined) {
      const { words, index, expected } = this;
      if (Atomics.compareExchange(words, index, expected, expected - 1) === expected) return false;
    }
    return 'released';
  }
}

/**
 * Lets threads go on when a certain number of them has arrived, round after round. A thread that ends while it waits
 * stays counted as arrived. Has to be initialised.
 */
export class Barrier {
  /** Bytes that it takes in the buffer. */
  static readonly BYTES: number = BARRIER_BYTES;
  readonly #words: Int32Array;
  readonly #spinner = new Spinner();

  /**
   * Lays a barrier for `parties` threads (1 to 4,095) at `byteOffset`, before any thread uses it.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  static initialise(buffer: SharedArrayBuffer, byteOffset: number, parties: number): Barrier {
    const words = wordsAt(buffer, byteOffset, BARRIER_BYTES);
    checkCount('parties', parties, 1, BARRIER_PARTIES_MAX);
    words.fill(0);
    Atomics.store(words, BARRIER_PARTIES_WORD, parties);
    return new Barrier(buffer, byteOffset);
  }

  /**
   * The barrier at `byteOffset`, a multiple of 4.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE, InvalidOptionError if none was initialised there
   */
  constructor(buffer: SharedArrayBuffer, byteOffset = 0) {
    this.#words = wordsAt(buffer, byteOffset, BARRIER_BYTES);
    if (this.parties === 0) throw new InvalidOptionError('no barrier was initialised there');
  }

  /** How many threads it takes. */
  get parties(): number {
    return Atomics.load(this.#words, BARRIER_PARTIES_WORD);
  }

  /** Blocks the thread until all have arrived. */
  wait(): Passed;
  /**
   * The same for at most `timeoutMs`.
   * @returns `false` when the time was up; this thread counts as arrived no more
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  wait(timeoutMs: number | undefined): Passed | false;
  wait(timeoutMs?: number): Passed | false {
    const deadline = deadlineOf(timeoutMs);
    const waiter = this.#arrive();
    if (waiter === 'last') return waiter;
    return block(waiter, deadline, this.#spinner) ?? waiter.withdraw();
  }

  /**
   * The same without blocking the thread. Aborted, this thread counts as arrived no more.
   * @returns `false` when the time was up
   * @throws AbortError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  waitAsync(options?: EndlessWaitOptions): Promise<Passed>;
  waitAsync(options: WaitOptions): Promise<Passed | false>;
  async waitAsync(options: WaitOptions = {}): Promise<Passed | false> {
    const { deadline, signal } = asyncLimits(options);
    const waiter = this.#arrive();
    if (waiter === 'last') return waiter;
    try {
      return (await blockAsync(waiter, deadline, signal)) ?? waiter.withdraw();
    } catch (error) {
      if (waiter.withdraw() === 'released') return 'released';
      throw error;
    }
  }

  #arrive(): RoundWaiter | 'last' {
    const words = this.#words;
    for (;;) {
      const state = Atomics.load(words, BARRIER_STATE_WORD);
      const generation = generationOf(state);
      const isLast = (state & BARRIER_ARRIVED_MASK) + 1 === this.parties;
      const next = isLast ? (generation + 1) << BARRIER_GENERATION_SHIFT : state + 1;
      if (Atomics.compareExchange(words, BARRIER_STATE_WORD, state, next) !== state) continue;
      if (!isLast) return new RoundWaiter(words, generation);
      Atomics.notify(words, BARRIER_STATE_WORD);
      return 'last';
    }
  }
}
