import { MUTEX_BYTES } from '../layout/layout.gen.js';
import { type Locked, MutexWord } from './mutex-word.js';
import { asyncLimits, deadlineOf, type EndlessWaitOptions, type WaitOptions } from './wait.js';

/** For `Condition`. */
export let wordOf: (mutex: Mutex) => MutexWord;

/**
 * Mutual exclusion between any number of threads. The lock is a thread's: whatever runs on the thread that has it may
 * unlock it. Not fair: a thread that comes by may get it before one that is being woken. Zeroed memory is an open mutex.
 *
 * If the owner's thread has ended (`worker.terminate()`, an exception, `process.exit()` in a worker), the next one that
 * waits gets the lock within two tenths of a second and is told so: `'recovered'`. This needs Linux's /proc.
 */
export class Mutex {
  /** Bytes that it takes in the buffer. */
  static readonly BYTES: number = MUTEX_BYTES;
  readonly #word: MutexWord;

  static {
    wordOf = (mutex) => mutex.#word;
  }

  /**
   * The mutex at `byteOffset`, a multiple of 4; every thread makes such an object of its own.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  constructor(buffer: SharedArrayBuffer, byteOffset = 0) {
    this.#word = new MutexWord(buffer, byteOffset);
  }

  /** Whether this thread holds it. */
  get isHeldHere(): boolean {
    return this.#word.isHeldHere;
  }

  /** Takes it if it is open; does not look whether its owner is alive. */
  tryLock(): boolean {
    return this.#word.tryLock();
  }

  /** Blocks the thread until it has the lock. @throws DeadlockError if it has it already */
  lock(): Locked;
  /**
   * Blocks the thread for at most `timeoutMs`.
   * @returns `false` when the time was up
   * @throws DeadlockError if it has it already, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  lock(timeoutMs: number | undefined): Locked | false;
  lock(timeoutMs?: number): Locked | false {
    const deadline = deadlineOf(timeoutMs);
    return this.#word.tryLock() ? 'acquired' : this.#word.lock(deadline);
  }

  /**
   * Waits for the lock without blocking the thread. Several waits of one thread exclude each other as those of several
   * threads do.
   * @returns `false` when the time was up
   * @throws AbortError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  lockAsync(options?: EndlessWaitOptions): Promise<Locked>;
  lockAsync(options: WaitOptions): Promise<Locked | false>;
  async lockAsync(options: WaitOptions = {}): Promise<Locked | false> {
    const { deadline, signal } = asyncLimits(options);
    return this.#word.lockAsync(deadline, signal);
  }

  /** Opens it. @throws NotOwnerError if this thread does not hold it */
  unlock(): void {
    this.#word.unlock();
  }
}
