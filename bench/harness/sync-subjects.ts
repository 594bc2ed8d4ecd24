/** What the threads of the question `sync` do, over each of the makers that are compared. Loaded by those threads alone. */
import { Condition, Mutex, Semaphore } from '#src/sync/index.js';
import type { Job, Maker, Subject } from './sync-threads.js';

/** A step of a thread: one operation. */
export type Step = () => void;

interface Lock {
  lock(): void;
  unlock(): void;
}

interface Permits {
  acquire(): void;
  release(): void;
}

/** A condition together with its mutex. */
interface Monitor extends Lock {
  wait(): void;
  notifyOne(): void;
  notifyAll(): void;
}

interface Makers {
  mutex(job: Job): Lock;
  semaphore(job: Job): Permits;
  condition(job: Job): Monitor;
}

const ours: Makers = {
  mutex: ({ first }) => new Mutex(first),
  semaphore: ({ first }) => new Semaphore(first),
  condition({ first, second }) {
    const mutex = new Mutex(first);
    const condition = new Condition(second, 0, mutex);
    return {
      lock: () => mutex.lock(),
      unlock: () => mutex.unlock(),
      wait: () => condition.wait(),
      notifyOne: () => condition.notifyOne(),
      notifyAll: () => condition.notifyAll(),
    };
  },
};

/** As the manuals show it: compare and exchange, `Atomics.wait`, `Atomics.notify`. */
class NaiveMutex implements Lock {
  readonly #word: Int32Array;

  constructor(buffer: SharedArrayBuffer) {
    this.#word = new Int32Array(buffer, 0, 1);
  }

  lock(): void {
    while (Atomics.compareExchange(this.#word, 0, 0, 1) !== 0) Atomics.wait(this.#word, 0, 1);
  }

  unlock(): void {
    Atomics.store(this.#word, 0, 0);
    Atomics.notify(this.#word, 0, 1);
  }
}

const naive: Makers = {
  mutex: ({ first }) => new NaiveMutex(first),
  semaphore({ first }) {
    const word = new Int32Array(first, 0, 1);
    return {
      acquire() {
        for (;;) {
          const permits = Atomics.load(word, 0);
          if (permits === 0) Atomics.wait(word, 0, 0);
          else if (Atomics.compareExchange(word, 0, permits, permits - 1) === permits) return;
        }
      },
      release() {
        Atomics.add(word, 0, 1);
        Atomics.notify(word, 0, 1);
      },
    };
  },
  condition({ first, second }) {
    const mutex = new NaiveMutex(first);
    const word = new Int32Array(second, 0, 1);
    const notify = (count: number) => {
      Atomics.add(word, 0, 1);
      Atomics.notify(word, 0, count);
    };
    return {
      lock: () => mutex.lock(),
      unlock: () => mutex.unlock(),
      wait() {
        const sequence = Atomics.load(word, 0);
        mutex.unlock();
        Atomics.wait(word, 0, sequence);
        mutex.lock();
      },
      notifyOne: () => notify(1),
      notifyAll: () => notify(Number.POSITIVE_INFINITY),
    };
  },
};

async function multithreading(): Promise<Makers> {
  // It asks at once for a global that Node has since version 21.
  Object.defineProperty(globalThis, 'navigator', { value: { hardwareConcurrency: 2 }, configurable: true });
  const theirs = await import('multithreading');
  return {
    mutex({ first }) {
      const mutex = new theirs.Mutex(undefined, first);
      let guard = mutex.blockingLock();
      guard.dispose();
      return {
        lock() {
          guard = mutex.blockingLock();
        },
        unlock: () => guard.dispose(),
      };
    },
    semaphore({ first }) {
      const semaphore = new theirs.Semaphore(0, first);
      let guard: ReturnType<typeof semaphore.blockingAcquire>;
      return {
        acquire() {
          guard = semaphore.blockingAcquire();
        },
        release: () => guard.dispose(),
      };
    },
    condition({ first, second }) {
      const mutex = new theirs.Mutex(undefined, first);
      const condition = new theirs.Condvar(second);
      let guard: ReturnType<typeof mutex.blockingLock>;
      return {
        lock() {
          guard = mutex.blockingLock();
        },
        unlock: () => guard.dispose(),
        wait: () => condition.blockingWait(guard),
        notifyOne: () => condition.notifyOne(),
        notifyAll: () => condition.notifyAll(),
      };
    },
  };
}

const makers: Readonly<Record<Maker, () => Makers | Promise<Makers>>> = {
  ours: () => ours,
  naive: () => naive,
  multithreading,
};

/** A step, and what a thread does after its last one so that the other does not wait for it. */
interface Work {
  readonly step: Step;
  readonly leave: Step;
}

const work: Readonly<Record<Subject, (make: Makers, job: Job, isOver: () => boolean) => Work>> = {
  mutex(make, job) {
    const counter = new Int32Array(job.counter);
    const lock = make.mutex(job);
    const step = () => {
      lock.lock();
      counter[0] = (counter[0] as number) + 1;
      lock.unlock();
    };
    return { step, leave: () => {} };
  },
  semaphore(make, job) {
    const counter = new Int32Array(job.counter);
    const permits = make.semaphore(job);
    const step = () => {
      permits.acquire();
      counter[0] = (counter[0] as number) + 1;
      permits.release();
    };
    return { step, leave: () => {} };
  },
  condition(make, job, isOver) {
    const turn = new Int32Array(job.counter);
    const monitor = make.condition(job);
    const { id, threads } = job;
    const step = () => {
      monitor.lock();
      while ((turn[0] as number) % threads !== id && !isOver()) monitor.wait();
      if (!isOver()) turn[0] = (turn[0] as number) + 1;
      monitor.notifyOne();
      monitor.unlock();
    };
    const leave = () => {
      monitor.lock();
      monitor.notifyAll();
      monitor.unlock();
    };
    return { step, leave };
  },
};

/** What a job asks this thread to do. */
export async function workOf(job: Job, isOver: () => boolean): Promise<Work> {
  return work[job.subject](await makers[job.maker](), job, isOver);
}
