import { EVENT_COUNT_BYTES } from '../layout/layout.gen.js';
import { invalidArgType } from '../misuse.js';
import { Mutex, wordOf } from './mutex.js';
import type { MutexWord } from './mutex-word.js';
import { Sequence } from './sequence.js';
import { asyncLimits, deadlineOf, type EndlessWaitOptions, type WaitOptions } from './wait.js';

/**
 * How a wait for a condition has ended; the mutex is held again. `recovered`: by taking it from an owner that has died,
 * so that what it protects may be half changed; whether the wait was notified is then of no interest.
 */
export type Notified = 'notified' | 'recovered';

/**
 * A condition variable: waits, with a mutex given up meanwhile, until what the mutex protects has changed. Whoever
 * changes it (under the mutex) notifies, before or after unlocking. A wait may end without reason, so it belongs in a
 * loop: `while (!ready()) condition.wait()`. Zeroed memory is a valid condition.
 */
export class Condition {
  /** Bytes that it takes in the buffer. */
  static readonly BYTES: number = EVENT_COUNT_BYTES;
  readonly #sequence: Sequence;
  readonly #mutex: MutexWord;

  /**
   * The condition at `byteOffset`, a multiple of 4, of what `mutex` protects: the same one for all threads.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  constructor(buffer: SharedArrayBuffer, byteOffset: number, mutex: Mutex) {
    if (!(mutex instanceof Mutex)) throw invalidArgType('mutex', 'an instance of Mutex', mutex);
    this.#sequence = new Sequence(buffer, byteOffset);
    this.#mutex = wordOf(mutex);
  }

  /** Gives up the mutex, blocks the thread until it is notified, takes the mutex again. @throws NotOwnerError */
  wait(): Notified;
  /**
   * The same for at most `timeoutMs`; taking the mutex again is not counted.
   * @returns `false` when the time was up; the mutex is held then too
   * @throws NotOwnerError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  wait(timeoutMs: number | undefined): Notified | false;
  wait(timeoutMs?: number): Notified | false {
    const deadline = deadlineOf(timeoutMs);
    // Whoever changes what the mutex protects does so after this, and notifies after that: the key is then an old one.
    const { key } = this.#sequence;
    this.#mutex.unlock();
    const isNotified = this.#sequence.wait(key, deadline);
    if (this.#mutex.tryLock()) return isNotified && 'notified';
    return this.#mutex.lock(Number.POSITIVE_INFINITY) === 'recovered' ? 'recovered' : isNotified && 'notified';
  }

  /**
   * The same without blocking the thread. When it is aborted it takes the mutex again too before it rejects, unless
   * that was recovered: then it says so instead.
   * @returns `false` when the time was up; the mutex is held then too
   * @throws AbortError, NotOwnerError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  waitAsync(options?: EndlessWaitOptions): Promise<Notified>;
  waitAsync(options: WaitOptions): Promise<Notified | false>;
  async waitAsync(options: WaitOptions = {}): Promise<Notified | false> {
    const { deadline, signal } = asyncLimits(options);
    const { key } = this.#sequence;
    this.#mutex.unlock();
    const [ended] = await Promise.allSettled([this.#sequence.waitAsync(key, deadline, signal)]);
    if ((await this.#mutex.lockAsync(Number.POSITIVE_INFINITY, undefined)) === 'recovered') return 'recovered';
    if (ended.status === 'rejected') throw ended.reason;
    return ended.value && 'notified';
  }

  /** Ends the wait of at least one waiter, if there is one. The mutex need not be held. */
  notifyOne(): void {
    this.#notify(1);
  }

  /** Ends all waits. */
  notifyAll(): void {
    this.#notify(Number.POSITIVE_INFINITY);
  }

  #notify(count: number): void {
    if (!this.#sequence.advance()) return;
    // Nobody gets on before this thread unlocks: whoever was woken earlier would only go to sleep again.
    if (this.#mutex.isHeldHere) this.#mutex.wakeAfterUnlock(this.#sequence, count);
    else this.#sequence.wake(count);
  }
}
