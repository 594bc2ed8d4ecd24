/** The word of a mutex, as `Mutex` and `RwLock` use it. */
import { DeadlockError, NotOwnerError } from '../errors.js';
import { MUTEX_BYTES, MUTEX_CONTENDED, MUTEX_OWNER_WORD } from '../layout/layout.gen.js';
import { wordsAt } from './memory.js';
import { isOwnerDead, ownIdentity } from './owner.js';
import type { Sequence } from './sequence.js';
import { block, blockAsync, Spinner, type Waiter } from './wait.js';

/**
 * How a lock was got. `recovered`: its owner's thread has ended without unlocking; the lock is held as usual, and what
 * it protects may be half changed.
 */
export type Locked = 'acquired' | 'recovered';

/** One thread's wait for a mutex. */
class MutexWaiter implements Waiter<Locked> {
  readonly words: Int32Array;
  readonly index = MUTEX_OWNER_WORD;
  expected = 0;
  readonly #me: number;
  #marked = false;

  constructor(words: Int32Array, me: number) {
    this.words = words;
    this.#me = me;
  }

  attempt(willSleep: boolean): Locked | undefined {
    const { words, index } = this;
    for (;;) {
      const word = Atomics.load(words, index);
      if (word === 0) {
        // Whoever has slept does not know who else sleeps, so it takes the lock as a contended one.
        const taken = this.#marked ? this.#me | MUTEX_CONTENDED : this.#me;
        if (Atomics.compareExchange(words, index, 0, taken) === 0) return 'acquired';
        continue;
      }
      this.expected = willSleep ? word | MUTEX_CONTENDED : word;
      if (word === this.expected || Atomics.compareExchange(words, index, word, this.expected) === word) {
        this.#marked ||= willSleep;
        return undefined;
      }
    }
  }

  examine(): Locked | undefined {
    const { words, index, expected } = this;
    // Only if the word has not changed: a dead owner can't unlock, and of several that find it dead one gets the lock.
    if (Atomics.load(words, index) !== expected || !isOwnerDead(expected)) return undefined;
    const taken = this.#me | MUTEX_CONTENDED;
    return Atomics.compareExchange(words, index, expected, taken) === expected ? 'recovered' : undefined;
  }
}

/** Sleepers that are woken when a mutex is unlocked. */
interface DueWake {
  readonly mutex: MutexWord;
  readonly sequence: Sequence;
  readonly count: number;
}

/** The thread's, not an object's: a lock may be taken and given back by different objects over one place. */
let dueWakes: DueWake[] = [];

function wakeDue(): void {
  const wakes = dueWakes;
  dueWakes = wakes.filter(({ mutex }) => mutex.isHeldHere);
  for (const { mutex, sequence, count } of wakes) if (!mutex.isHeldHere) sequence.wake(count);
}

/** A mutex at its place, and this thread. Deadlines are moments on the clock of `performance.now`. */
export class MutexWord {
  readonly #words: Int32Array;
  readonly #spinner = new Spinner();
  readonly #me: number;

  /** @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
  constructor(buffer: SharedArrayBuffer, byteOffset: number) {
    this.#words = wordsAt(buffer, byteOffset, MUTEX_BYTES);
    this.#me = ownIdentity();
  }

  /** Whether this thread holds it. */
  get isHeldHere(): boolean {
    return (Atomics.load(this.#words, MUTEX_OWNER_WORD) & ~MUTEX_CONTENDED) === this.#me;
  }

  tryLock(): boolean {
    return Atomics.compareExchange(this.#words, MUTEX_OWNER_WORD, 0, this.#me) === 0;
  }

  /** @returns `false` when the time was up. @throws DeadlockError */
  lock(deadline: number): Locked | false {
    if (this.isHeldHere) throw new DeadlockError('this thread holds the lock already and would wait for itself');
    return block(new MutexWaiter(this.#words, this.#me), deadline, this.#spinner) ?? false;
  }

  /** @returns `false` when the time was up. @throws AbortError */
  async lockAsync(deadline: number, signal: AbortSignal | undefined): Promise<Locked | false> {
    return (await blockAsync(new MutexWaiter(this.#words, this.#me), deadline, signal)) ?? false;
  }

  /** @throws NotOwnerError */
  unlock(): void {
    const words = this.#words;
    const me = this.#me;
    const word = Atomics.compareExchange(words, MUTEX_OWNER_WORD, me, 0);
    if (word !== me) {
      if (word !== (me | MUTEX_CONTENDED)) throw new NotOwnerError('this thread does not hold the lock');
      // Nobody but its owner changes a contended one.
      Atomics.store(words, MUTEX_OWNER_WORD, 0);
      Atomics.notify(words, MUTEX_OWNER_WORD, 1);
    }
    if (dueWakes.length > 0) wakeDue();
  }

  /** Wakes up to `count` sleepers when this thread unlocks the mutex, which it holds. */
  wakeAfterUnlock(sequence: Sequence, count: number): void {
    dueWakes.push({ mutex: this, sequence, count });
  }

  /** Takes it from an owner that has died; says whether it has. */
  tryRecover(): boolean {
    const word = Atomics.load(this.#words, MUTEX_OWNER_WORD);
    if (!isOwnerDead(word)) return false;
    return Atomics.compareExchange(this.#words, MUTEX_OWNER_WORD, word, this.#me | MUTEX_CONTENDED) === word;
  }
}
