import { EVENT_COUNT_BYTES } from '../layout/layout.gen.js';
import { invalidArgType } from '../misuse.js';
import { EventCount } from './event-count.js';
import { Mutex } from './mutex.js';
import { asyncLimits, deadlineOf, type EndlessWaitOptions, type WaitOptions } from './wait.js';

/**
 * How a wait for a condition has ended; the mutex is held again. `recovered`: by taking it from an owner that has died,
 * so that what it protects may be half changed; whether the wait was notified is then of no interest.
 */
export type Notified = 'notified' | 'recovered';

/**
 * A condition variable: waits, with a mutex given up meanwhile, until what the mutex protects has changed. Whoever
 * changes it (under the mutex) notifies, before or after unlocking. A wait may end without reason, so it belongs in a
 * loop: `while (!ready()) condition.wait(mutex)`. Zeroed memory is a valid condition.
 */
export class Condition {
  /** Bytes that it takes in the buffer. */
  static readonly BYTES: number = EVENT_COUNT_BYTES;
  readonly #events: EventCount;

  /**
   * The condition at `byteOffset`, a multiple of 4.
   * @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  constructor(buffer: SharedArrayBuffer, byteOffset = 0) {
    this.#events = new EventCount(buffer, byteOffset);
  }

  /** Gives up the mutex, blocks the thread until it is notified, takes the mutex again. @throws NotOwnerError */
  wait(mutex: Mutex): Notified;
  /**
   * The same for at most `timeoutMs`; taking the mutex again is not counted.
   * @returns `false` when the time was up; the mutex is held then too
   * @throws NotOwnerError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  wait(mutex: Mutex, timeoutMs: number | undefined): Notified | false;
  wait(mutex: Mutex, timeoutMs?: number): Notified | false {
    checkMutex(mutex);
    deadlineOf(timeoutMs);
    // Whoever changes what the mutex protects does so after this, and notifies after that: the key is then an old one.
    const key = this.#events.prepare();
    mutex.unlock();
    const notified = this.#events.wait(key, timeoutMs);
    return mutex.lock() === 'recovered' ? 'recovered' : notified && 'notified';
  }

  /**
   * The same without blocking the thread. When it is aborted it takes the mutex again too before it rejects, unless
   * that was recovered: then it says so instead.
   * @returns `false` when the time was up; the mutex is held then too
   * @throws AbortError, NotOwnerError, TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE
   */
  waitAsync(mutex: Mutex, options?: EndlessWaitOptions): Promise<Notified>;
  waitAsync(mutex: Mutex, options: WaitOptions): Promise<Notified | false>;
  async waitAsync(mutex: Mutex, options: WaitOptions = {}): Promise<Notified | false> {
    checkMutex(mutex);
    asyncLimits(options);
    const key = this.#events.prepare();
    mutex.unlock();
    const wait = this.#events.waitAsync(key, options);
    const [ended] = await Promise.allSettled([wait]);
    if ((await mutex.lockAsync()) === 'recovered') return 'recovered';
    if (ended.status === 'rejected') throw ended.reason;
    return ended.value && 'notified';
  }

  /** Ends the wait of at least one waiter, if there is one. The mutex need not be held. */
  notifyOne(): void {
    this.#events.notifyOne();
  }

  /** Ends all waits. */
  notifyAll(): void {
    this.#events.notifyAll();
  }
}

function checkMutex(mutex: Mutex): void {
  if (!(mutex instanceof Mutex)) throw invalidArgType('mutex', 'an instance of Mutex', mutex);
}
