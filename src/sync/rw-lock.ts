import { NotOwnerError, SanswitchError } from '../errors.js';
import {
  RW_LOCK_BYTES,
  RW_LOCK_DAMAGED,
  RW_LOCK_GATE_WORD,
  RW_LOCK_READER,
  RW_LOCK_READER_SHIFT,
  RW_LOCK_READERS_MAX,
  RW_LOCK_STATE_WORD,
  RW_LOCK_WAITERS_WORD,
  RW_LOCK_WRITER,
  RW_LOCK_WRITERS,
} from '../layout/layout.gen.js';
import { wordsAt } from './memory.js';
import { type Locked, MutexWord } from './mutex-word.js';
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

const readersOf = (state: number): number => state >>> RW_LOCK_READER_SHIFT;
const lockedBy = (state: number): Locked => ((state & RW_LOCK_DAMAGED) === 0 ? 'acquired' : 'recovered');

/** Lets waiting readers in, or look again. */
function openGate(words: Int32Array): void {
  Atomics.and(words, RW_LOCK_STATE_WORD, ~RW_LOCK_WRITER);
  // A reader counts itself, then looks at the gate, then at the state: it sees this, or we see it.
  Atomics.add(words, RW_LOCK_GATE_WORD, 1);
  if (Atomics.load(words, RW_LOCK_WAITERS_WORD) !== 0) Atomics.notify(words, RW_LOCK_GATE_WORD);
}

/** Enters as a reader if no writer is there or waits; `undefined` if one is. */
function enter(words: Int32Array): Locked | undefined {
  for (;;) {
    const state = Atomics.load(words, RW_LOCK_STATE_WORD);
    if ((state & RW_LOCK_WRITER) !== 0) return undefined;
    if (readersOf(state) === RW_LOCK_READERS_MAX) {
      throw new SanswitchError('ERR_SANSWITCH_TOO_MANY_READERS', `there are ${RW_LOCK_READERS_MAX} readers`);
    }
    if (Atomics.compareExchange(words, RW_LOCK_STATE_WORD, state, state + RW_LOCK_READER) === state) {
      return lockedBy(state);
    }
  }
}

/** One reader's wait for the writer to leave. */
class ReadWaiter implements Waiter<Locked> {
  readonly words: Int32Array;
  readonly index = RW_LOCK_GATE_WORD;
  expected = 0;
  readonly #writers: MutexWord;

  constructor(words: Int32Array, writers: MutexWord) {
    this.words = words;
    this.#writers = writers;
  }

  attempt(): Locked | undefined {
    this.expected = Atomics.load(this.words, this.index);
    return enter(this.words);
  }

  examine(): undefined {
    // A reader must not mend what it reads, so it only notes that somebody has to.
    if (!this.#writers.tryRecover()) return;
    Atomics.or(this.words, RW_LOCK_STATE_WORD, RW_LOCK_DAMAGED);
    openGate(this.words);
    this.#writers.unlock();
  }
}

/** The wait of the one writer that has the mutex for the last reader to leave. */
class WriteWaiter implements Waiter<Locked> {
  readonly words: Int32Array;
  readonly index = RW_LOCK_STATE_WORD;
  expected = 0;

  constructor(words: Int32Array) {
    this.words = words;
  }

  attempt(): Locked | undefined {
    this.expected = Atomics.load(this.words, this.index);
    return readersOf(this.expected) === 0 ? lockedBy(this.expected) : undefined;
  }
}

/**
 * Many readers or one writer. A waiting writer keeps new readers out, so that readers can't starve writers; writers that
 * follow each other without a pause can starve readers. Zeroed memory is an open lock.
 *
 * A writer that has died is recovered as the owner of a `Mutex` is: whoever gets the lock is told `'recovered'`, readers
 * too, until a writer has unlocked it. Readers are only counted: one that dies while it reads blocks writers for ever.
 */
export class RwLock {
  /** Bytes that it takes in the buffer. */
  static readonly BYTES: number = RW_LOCK_BYTES;
  readonly #words: Int32Array;
  readonly #spinner = new Spinner();
  readonly #writers: MutexWord;

  /**
   * The lock at `byteOffset`, a multiple of 4.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  constructor(buffer: SharedArrayBuffer, byteOffset = 0) {
    this.#words = wordsAt(buffer, byteOffset, RW_LOCK_BYTES);
    this.#writers = new MutexWord(buffer, byteOffset + RW_LOCK_WRITERS);
  }

  /** Becomes a reader if no writer is there or waits. @returns `false` if one is */
  tryLockRead(): Locked | false {
    return enter(this.#words) ?? false;
  }

  /** Blocks the thread until it may read. A reader that asks again can wait for a writer that waits for it. */
  lockRead(): Locked;
  /**
   * The same for at most `timeoutMs`.
   * @returns `false` when the time was up
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  lockRead(timeoutMs: number | undefined): Locked | false;
  lockRead(timeoutMs?: number): Locked | false {
    const deadline = deadlineOf(timeoutMs);
    const words = this.#words;
    const entered = enter(words);
    if (entered !== undefined) return entered;
    Atomics.add(words, RW_LOCK_WAITERS_WORD, 1);
    try {
      return block(new ReadWaiter(words, this.#writers), deadline, this.#spinner) ?? false;
    } finally {
      Atomics.sub(words, RW_LOCK_WAITERS_WORD, 1);
    }
  }

  /**
   * The same without blocking the thread.
   * @returns `false` when the time was up
   * @throws AbortError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  lockReadAsync(options?: EndlessWaitOptions): Promise<Locked>;
  lockReadAsync(options: WaitOptions): Promise<Locked | false>;
  async lockReadAsync(options: WaitOptions = {}): Promise<Locked | false> {
    const { deadline, signal } = asyncLimits(options);
    const words = this.#words;
    Atomics.add(words, RW_LOCK_WAITERS_WORD, 1);
    try {
      return (await blockAsync(new ReadWaiter(words, this.#writers), deadline, signal)) ?? false;
    } finally {
      Atomics.sub(words, RW_LOCK_WAITERS_WORD, 1);
    }
  }

  /** Ends one reading. @throws NotOwnerError if nobody reads; that it was this thread is not checked */
  unlockRead(): void {
    const words = this.#words;
    for (;;) {
      const state = Atomics.load(words, RW_LOCK_STATE_WORD);
      if (readersOf(state) === 0) throw new NotOwnerError('nobody holds the lock for reading');
      const next = state - RW_LOCK_READER;
      if (Atomics.compareExchange(words, RW_LOCK_STATE_WORD, state, next) !== state) continue;
      if (readersOf(next) === 0 && (next & RW_LOCK_WRITER) !== 0) Atomics.notify(words, RW_LOCK_STATE_WORD, 1);
      return;
    }
  }

  /** Becomes the writer if nobody reads or writes; does not look whether a writer is alive. */
  tryLockWrite(): Locked | false {
    if (!this.#writers.tryLock()) return false;
    const words = this.#words;
    const state = Atomics.load(words, RW_LOCK_STATE_WORD);
    const isFree = readersOf(state) === 0;
    if (isFree && Atomics.compareExchange(words, RW_LOCK_STATE_WORD, state, state | RW_LOCK_WRITER) === state) {
      return lockedBy(state);
    }
    this.#writers.unlock();
    return false;
  }

  /** Blocks the thread until it is the only one here. @throws DeadlockError if this thread is the writer already */
  lockWrite(): Locked;
  /**
   * The same for at most `timeoutMs`.
   * @returns `false` when the time was up
   * @throws DeadlockError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  lockWrite(timeoutMs: number | undefined): Locked | false;
  lockWrite(timeoutMs?: number): Locked | false {
    const deadline = deadlineOf(timeoutMs);
    const first = this.#writers.lock(deadline);
    if (first === false) return false;
    return block(this.#announce(first), deadline, this.#spinner) ?? this.#giveUp();
  }

  /**
   * The same without blocking the thread.
   * @returns `false` when the time was up
   * @throws AbortError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  lockWriteAsync(options?: EndlessWaitOptions): Promise<Locked>;
  lockWriteAsync(options: WaitOptions): Promise<Locked | false>;
  async lockWriteAsync(options: WaitOptions = {}): Promise<Locked | false> {
    const { deadline, signal } = asyncLimits(options);
    const first = await this.#writers.lockAsync(deadline, signal);
    if (first === false) return false;
    try {
      return (await blockAsync(this.#announce(first), deadline, signal)) ?? this.#giveUp();
    } catch (error) {
      this.#giveUp();
      throw error;
    }
  }

  /** Ends the writing; what was half changed counts as mended. @throws NotOwnerError if this thread is not the writer */
  unlockWrite(): void {
    if (!this.#writers.isHeldHere) throw new NotOwnerError('this thread does not hold the lock for writing');
    Atomics.and(this.#words, RW_LOCK_STATE_WORD, ~RW_LOCK_DAMAGED);
    this.#giveUp();
  }

  /** From here on no reader enters. */
  #announce(first: Locked): WriteWaiter {
    if (first === 'recovered') Atomics.or(this.#words, RW_LOCK_STATE_WORD, RW_LOCK_DAMAGED);
    Atomics.or(this.#words, RW_LOCK_STATE_WORD, RW_LOCK_WRITER);
    return new WriteWaiter(this.#words);
  }

  #giveUp(): false {
    openGate(this.#words);
    this.#writers.unlock();
    return false;
  }
}
