// Time-outs and aborts: how waits end that get nothing, and that they leave nothing behind.
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Barrier, Mutex, type WaitOptions } from '#src/sync/index.js';
import { tuning } from '#src/sync/wait.js';
import { Arena, AT } from './arena.js';
import { endThreads, startThread, startThreads } from './threads.js';

const SHORT_MS = 30;
const LATE_MS = 5_000;
const NEVER_MS = 3_600_000;

let arena: Arena;
let barrier: Barrier;

beforeEach(async () => {
  arena = Arena.create();
  barrier = Barrier.initialise(arena.buffer, AT.barrier, 2);
});
afterEach(async () => {
  tuning.sliceMs = 100;
  await endThreads();
});

/** Makes every wait below one that gets nothing: locks are held by other threads. */
async function occupy(): Promise<void> {
  await startThread(arena, 'hold').said('holds');
  await startThread(arena, 'holdWriting').said('holds');
}

/** Every wait, blocking and asynchronous. */
const waits = {
  'Mutex.lock': {
    block: (timeoutMs?: number) => arena.mutex.lock(timeoutMs),
    async: (options?: WaitOptions) => arena.mutex.lockAsync(options as WaitOptions),
  },
  'Semaphore.acquire': {
    block: (timeoutMs?: number) => arena.semaphore.acquire(timeoutMs),
    async: (options?: WaitOptions) => arena.semaphore.acquireAsync(options as WaitOptions),
  },
  'RwLock.lockRead': {
    block: (timeoutMs?: number) => arena.rwLock.lockRead(timeoutMs),
    async: (options?: WaitOptions) => arena.rwLock.lockReadAsync(options as WaitOptions),
  },
  'RwLock.lockWrite': {
    block: (timeoutMs?: number) => arena.rwLock.lockWrite(timeoutMs),
    async: (options?: WaitOptions) => arena.rwLock.lockWriteAsync(options as WaitOptions),
  },
  'Barrier.wait': {
    block: (timeoutMs?: number) => barrier.wait(timeoutMs),
    async: (options?: WaitOptions) => barrier.waitAsync(options as WaitOptions),
  },
  'EventCount.wait': {
    block: (timeoutMs?: number) => arena.events.wait(arena.events.prepare(), timeoutMs),
    async: (options?: WaitOptions) => arena.events.waitAsync(arena.events.prepare(), options as WaitOptions),
  },
};

describe.each(Object.entries(waits))('%s', (_, { block, async }) => {
  it.each([SHORT_MS, 0, 120])('returns false after %i ms', async (timeoutMs) => {
    await occupy();
    for (const wait of [() => block(timeoutMs), () => async({ timeoutMs })]) {
      const start = performance.now();
      expect(await wait()).toBe(false);
      const took = performance.now() - start;
      expect(took).toBeGreaterThanOrEqual(timeoutMs - 1);
      expect(took).toBeLessThan(timeoutMs + LATE_MS);
    }
  });

  it('is aborted at once, with the reason as the cause', async () => {
    await occupy();
    tuning.sliceMs = NEVER_MS;
    const reason = new Error('enough');
    const controller = new AbortController();
    const wait = async({ signal: controller.signal });
    setTimeout(() => controller.abort(reason), SHORT_MS);
    await expect(wait).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: reason });
  });

  it('is not begun with a signal that has fired', async () => {
    const signal = AbortSignal.abort();
    await expect(async({ signal })).rejects.toMatchObject({ code: 'ABORT_ERR' });
    // Nothing was taken: both locks are open.
    expect(arena.mutex.tryLock()).toBe(true);
    expect(arena.rwLock.tryLockWrite()).toBe('acquired');
  });

  it.each([
    [-1, 'ERR_OUT_OF_RANGE'],
    [Number.NaN, 'ERR_OUT_OF_RANGE'],
    ['5' as unknown as number, 'ERR_INVALID_ARG_TYPE'],
    [null as unknown as number, 'ERR_INVALID_ARG_TYPE'],
  ])('refuses a time of %j', async (timeoutMs, code) => {
    expect(() => block(timeoutMs)).toThrow(expect.objectContaining({ code }));
    await expect(async({ timeoutMs })).rejects.toMatchObject({ code });
  });

  it('refuses what is no signal', async () => {
    const options = { signal: new EventTarget() as AbortSignal };
    await expect(async(options)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(async(null as unknown as WaitOptions)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });
});

describe('Condition.wait', () => {
  it('has the mutex again when the time is up', async () => {
    const { mutex, full } = arena;
    mutex.lock();
    expect(full.wait(SHORT_MS)).toBe(false);
    expect(mutex.isHeldHere).toBe(true);
    expect(await full.waitAsync({ timeoutMs: SHORT_MS })).toBe(false);
    expect(mutex.isHeldHere).toBe(true);
  });

  it('has the mutex again when it is aborted', async () => {
    const { mutex, full } = arena;
    mutex.lock();
    const controller = new AbortController();
    const wait = full.waitAsync({ signal: controller.signal });
    // Somebody else on this thread has it meanwhile.
    expect(await mutex.lockAsync()).toBe('acquired');
    controller.abort();
    setTimeout(() => mutex.unlock(), SHORT_MS);
    await expect(wait).rejects.toMatchObject({ code: 'ABORT_ERR' });
    expect(mutex.isHeldHere).toBe(true);
    await expect(full.waitAsync({ signal: controller.signal })).rejects.toMatchObject({ code: 'ABORT_ERR' });
    expect(mutex.isHeldHere).toBe(true);
  });

  it('refuses what is no time before it gives up the mutex', async () => {
    const { mutex, full } = arena;
    mutex.lock();
    expect(() => full.wait(-1)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    await expect(full.waitAsync({ timeoutMs: -1 })).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    expect(mutex.isHeldHere).toBe(true);
  });
});

it('what one that was aborted is woken for goes to the next', async () => {
  tuning.sliceMs = NEVER_MS;
  const controller = new AbortController();
  const aborted = arena.semaphore.acquireAsync({ signal: controller.signal });
  const next = startThreads(arena, 'acquireOnce', 2, { isMixed: true, sliceMs: NEVER_MS });
  for (const thread of next) await thread.said('waits');
  // What has been said is not yet done.
  await new Promise((resolve) => setTimeout(resolve, 4 * SHORT_MS));
  controller.abort();
  await expect(aborted).rejects.toMatchObject({ code: 'ABORT_ERR' });
  arena.semaphore.release();
  expect(await Promise.race(next.map(({ done }) => done))).toBe(true);
  arena.semaphore.release();
  for (const { done } of next) expect(await done).toBe(true);
});

it('a notification under a lock arrives whichever object unlocks', async () => {
  const waiter = startThread(arena, 'waitOnce', { sliceMs: NEVER_MS });
  await waiter.said('waits');
  const waiters = new Int32Array(arena.buffer, AT.full, 2);
  while (Atomics.load(waiters, 1) === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const other = new Mutex(arena.buffer, AT.mutex);
  arena.mutex.lock();
  arena.full.notifyOne();
  other.unlock();
  expect(await waiter.done).toBe('notified');
});

it('a barrier forgets one that has given up', async () => {
  expect(barrier.wait(SHORT_MS)).toBe(false);
  await expect(barrier.waitAsync({ signal: AbortSignal.timeout(SHORT_MS) })).rejects.toMatchObject({
    code: 'ABORT_ERR',
  });
  const both = [barrier.waitAsync(), barrier.waitAsync()];
  expect((await Promise.all(both)).sort()).toEqual(['last', 'released']);
});

it('a writer that gives up lets readers in', async () => {
  const { rwLock } = arena;
  rwLock.lockRead();
  expect(rwLock.lockWrite(SHORT_MS)).toBe(false);
  expect(rwLock.tryLockRead()).toBe('acquired');
  const reading = rwLock.lockWriteAsync({ signal: AbortSignal.timeout(SHORT_MS) });
  await new Promise((resolve) => setImmediate(resolve));
  expect(rwLock.tryLockRead()).toBe(false);
  const reader = rwLock.lockReadAsync();
  await expect(reading).rejects.toMatchObject({ code: 'ABORT_ERR' });
  expect(await reader).toBe('acquired');
});

it('several asynchronous waits of one thread exclude each other', async () => {
  const { mutex } = arena;
  let inside = 0;
  const work = async () => {
    for (let i = 0; i < 50; i++) {
      await mutex.lockAsync();
      inside += 1;
      await new Promise((resolve) => setImmediate(resolve));
      expect(inside).toBe(1);
      inside -= 1;
      mutex.unlock();
    }
  };
  await Promise.all([work(), work(), work()]);
});

it('an asynchronous wait keeps its event loop alive, and nothing longer', async () => {
  const fixture = fileURLToPath(new URL('../../build/test/fixtures/sync-alone.js', import.meta.url));
  const start = performance.now();
  const { stdout } = await promisify(execFile)(process.execPath, [fixture]);
  expect(stdout).toBe('false\ntrue\nABORT_ERR\n');
  expect(performance.now() - start).toBeLessThan(LATE_MS);
});
