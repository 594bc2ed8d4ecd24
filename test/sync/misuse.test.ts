import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Barrier, Condition, EventCount, Mutex, RwLock, Semaphore } from '#src/sync/index.js';

/** What TypeScript's libraries do not declare outside browsers. */
interface WebAssemblyNamespace {
  readonly Memory: new (options: { initial: number; maximum: number; shared: true }) => { buffer: SharedArrayBuffer };
}

const buffer = () => new SharedArrayBuffer(64);
const coded = (code: string) => expect.objectContaining({ code });

const makers = [
  ['Mutex', Mutex, (shared, offset) => new Mutex(shared, offset)],
  ['Condition', Condition, (shared, offset) => new Condition(shared, offset, new Mutex(buffer()))],
  ['Semaphore', Semaphore, (shared, offset) => new Semaphore(shared, offset)],
  ['Semaphore.initialise', Semaphore, (shared, offset) => Semaphore.initialise(shared, offset, 1)],
  ['RwLock', RwLock, (shared, offset) => new RwLock(shared, offset)],
  ['Barrier.initialise', Barrier, (shared, offset) => Barrier.initialise(shared, offset, 1)],
  ['EventCount', EventCount, (shared, offset) => new EventCount(shared, offset)],
] as const satisfies [string, { BYTES: number }, (shared: SharedArrayBuffer, offset: number) => unknown][];

describe.each(makers)('%s', (_, { BYTES }, make) => {
  it.each([new ArrayBuffer(64), new Int32Array(16), null, undefined, 'buffer'])('refuses the buffer %s', (value) => {
    expect(() => make(value as unknown as SharedArrayBuffer, 0)).toThrow(coded('ERR_INVALID_ARG_TYPE'));
  });

  it.each([-4, 1, 2, 64, 68, Number.NaN, 4.5, Number.POSITIVE_INFINITY])('refuses the offset %s', (offset) => {
    expect(() => make(buffer(), offset)).toThrow(coded('ERR_OUT_OF_RANGE'));
  });

  it('refuses an offset that is no number', () => {
    expect(() => make(buffer(), '0' as unknown as number)).toThrow(coded('ERR_INVALID_ARG_TYPE'));
  });

  it('fits exactly up to the end', () => {
    make(buffer(), 64 - BYTES);
    expect(() => make(buffer(), 64 - BYTES + 4)).toThrow(coded('ERR_OUT_OF_RANGE'));
  });

  it('takes the memory of a WebAssembly', () => {
    const { WebAssembly } = globalThis as unknown as { WebAssembly: WebAssemblyNamespace };
    make(new WebAssembly.Memory({ initial: 1, maximum: 1, shared: true }).buffer, 0);
  });
});

describe('unlocking', () => {
  it('is for the owner', () => {
    const mutex = new Mutex(buffer());
    const lock = new RwLock(buffer());
    const condition = new Condition(buffer(), 0, mutex);
    for (const wrong of [
      () => mutex.unlock(),
      () => lock.unlockRead(),
      () => lock.unlockWrite(),
      () => condition.wait(),
    ]) {
      expect(wrong).toThrow(coded('ERR_SANSWITCH_NOT_OWNER'));
    }
    lock.lockRead();
    expect(() => lock.unlockWrite()).toThrow(coded('ERR_SANSWITCH_NOT_OWNER'));
    lock.unlockRead();
    lock.lockWrite();
    expect(() => lock.unlockRead()).toThrow(coded('ERR_SANSWITCH_NOT_OWNER'));
  });
});

it('a thread does not block for what it holds itself', () => {
  const mutex = new Mutex(buffer());
  mutex.lock();
  expect(mutex.tryLock()).toBe(false);
  expect(() => mutex.lock()).toThrow(coded('ERR_SANSWITCH_DEADLOCK'));
  const lock = new RwLock(buffer());
  lock.lockWrite();
  expect(() => lock.lockWrite()).toThrow(coded('ERR_SANSWITCH_DEADLOCK'));
  expect(lock.tryLockRead()).toBe(false);
});

it('a condition wants a mutex', () => {
  for (const wrong of [undefined, null, {}, new RwLock(buffer())]) {
    expect(() => new Condition(buffer(), 0, wrong as Mutex)).toThrow(coded('ERR_INVALID_ARG_TYPE'));
  }
});

it('counts have their ranges', () => {
  for (const permits of [-1, 1.5, 2 ** 30]) {
    expect(() => Semaphore.initialise(buffer(), 0, permits)).toThrow(coded('ERR_OUT_OF_RANGE'));
  }
  const semaphore = Semaphore.initialise(buffer(), 0, 2 ** 30 - 2);
  for (const permits of [0, -1, 2]) expect(() => semaphore.release(permits)).toThrow(coded('ERR_OUT_OF_RANGE'));
  semaphore.release();
  expect(() => semaphore.release()).toThrow(coded('ERR_OUT_OF_RANGE'));
  expect(semaphore.permits).toBe(2 ** 30 - 1);
  for (const parties of [0, -1, 4_096, 1.5]) {
    expect(() => Barrier.initialise(buffer(), 0, parties)).toThrow(coded('ERR_OUT_OF_RANGE'));
  }
  expect(() => new Barrier(buffer())).toThrow(coded('ERR_SANSWITCH_INVALID_OPTION'));
  expect(() => new EventCount(buffer()).wait(2 ** 31)).toThrow(coded('ERR_OUT_OF_RANGE'));
});

describe('one thread', () => {
  const offset = fc.integer({ min: 0, max: 8 }).map((words) => 4 * words);

  it('finds a semaphore to be a counter', () => {
    fc.assert(
      fc.property(offset, fc.nat(5), fc.array(fc.boolean()), (at, permits, steps) => {
        const semaphore = Semaphore.initialise(buffer(), at, permits);
        let model = permits;
        for (const isRelease of steps) {
          if (isRelease) semaphore.release();
          else expect(semaphore.acquire(0)).toBe(model > 0);
          model = isRelease ? model + 1 : Math.max(0, model - 1);
          expect(semaphore.permits).toBe(model);
        }
      }),
    );
  });

  it('finds a read-write lock to hold many readers or one writer', () => {
    const step = fc.constantFrom('read', 'write', 'leave', 'finish');
    fc.assert(
      fc.property(offset, fc.array(step, { maxLength: 50 }), (at, steps) => {
        const lock = new RwLock(buffer(), at);
        let readers = 0;
        let writes = false;
        for (const one of steps) {
          if (one === 'read') {
            expect(lock.tryLockRead()).toBe(writes ? false : 'acquired');
            if (!writes) readers += 1;
          } else if (one === 'write') {
            const isFree = !writes && readers === 0;
            expect(lock.tryLockWrite()).toBe(isFree ? 'acquired' : false);
            if (isFree) writes = true;
          } else if (one === 'leave') {
            if (readers === 0) expect(() => lock.unlockRead()).toThrow();
            else lock.unlockRead();
            readers = Math.max(0, readers - 1);
          } else {
            if (!writes) expect(() => lock.unlockWrite()).toThrow();
            else lock.unlockWrite();
            writes = false;
          }
        }
      }),
    );
  });

  it('sees primitives keep to their bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...makers), fc.integer({ min: 1, max: 8 }), ([, { BYTES }, make], words) => {
        const shared = new SharedArrayBuffer(128);
        const all = new Int32Array(shared).fill(-1);
        all.fill(0, words, words + BYTES / 4);
        const made = make(shared, 4 * words);
        if (made instanceof Mutex) made.lock();
        if (made instanceof Semaphore) made.release(2);
        if (made instanceof RwLock) made.lockWrite();
        if (made instanceof Barrier) made.wait();
        if (made instanceof EventCount || made instanceof Condition) made.notifyAll();
        expect(all.every((word, i) => word === -1 || (i >= words && i < words + BYTES / 4))).toBe(true);
        expect(all.some((word) => word !== 0 && word !== -1)).toBe(true);
      }),
    );
  });
});
