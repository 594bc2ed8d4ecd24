/** The sequence word that `EventCount` and `Condition` sleep on, and the count of those who do. */
import { EVENT_COUNT_BYTES, EVENT_COUNT_SEQUENCE_WORD, EVENT_COUNT_WAITERS_WORD } from '../layout/layout.gen.js';
import { wordsAt } from './memory.js';
import { block, blockAsync, Spinner, type Waiter } from './wait.js';

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

/** A sequence at its place. Deadlines are moments on the clock of `performance.now`. */
export class Sequence {
  readonly #words: Int32Array;
  readonly #spinner = new Spinner();

  /** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
  constructor(buffer: SharedArrayBuffer, byteOffset: number) {
    this.#words = wordsAt(buffer, byteOffset, EVENT_COUNT_BYTES);
  }

  /** Where it stands now. */
  get key(): number {
    return Atomics.load(this.#words, EVENT_COUNT_SEQUENCE_WORD);
  }

  /** Waits until it stands elsewhere. @returns `false` when the time was up */
  wait(key: number, deadline: number): boolean {
    Atomics.add(this.#words, EVENT_COUNT_WAITERS_WORD, 1);
    try {
      return block(new SequenceWaiter(this.#words, key), deadline, this.#spinner) ?? false;
    } finally {
      Atomics.sub(this.#words, EVENT_COUNT_WAITERS_WORD, 1);
    }
  }

  /** @returns `false` when the time was up. @throws AbortError */
  async waitAsync(key: number, deadline: number, signal: AbortSignal | undefined): Promise<boolean> {
    Atomics.add(this.#words, EVENT_COUNT_WAITERS_WORD, 1);
    try {
      return (await blockAsync(new SequenceWaiter(this.#words, key), deadline, signal)) ?? false;
    } finally {
      Atomics.sub(this.#words, EVENT_COUNT_WAITERS_WORD, 1);
    }
  }

  /** Moves on. @returns whether somebody may sleep, and has to be woken */
  advance(): boolean {
    // A waiter counts itself and then looks at the sequence: it sees this, or we see it.
    Atomics.add(this.#words, EVENT_COUNT_SEQUENCE_WORD, 1);
    return Atomics.load(this.#words, EVENT_COUNT_WAITERS_WORD) !== 0;
  }

  /** Wakes up to `count` sleepers. */
  wake(count: number): void {
    Atomics.notify(this.#words, EVENT_COUNT_SEQUENCE_WORD, count);
  }
}
