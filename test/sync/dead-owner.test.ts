// A thread that dies while it holds a lock: the next one gets it, is told so, and soon.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import {
  MUTEX_CONTENDED,
  MUTEX_NONCE_COUNT,
  MUTEX_NONCE_SHIFT,
  MUTEX_OWNER_WORD,
  MUTEX_TID_SHIFT,
} from '#src/layout/layout.gen.js';
import { isOwnerDead, ownIdentity } from '#src/sync/owner.js';
import { Arena, AT } from './arena.js';
import { WORD } from './roles.js';
import { endThreads, results, startThread, startThreads } from './threads.js';

const SOON_MS = 1_000;
const LIMIT_MS = 30_000;

afterEach(endThreads);

/** An arena whose mutex is held by a thread, and that thread. */
async function heldBy(role: 'hold' | 'holdWriting') {
  const arena = Arena.create();
  const owner = startThread(arena, role);
  await owner.said('holds');
  return { arena, owner };
}

async function within<T>(limit_ms: number, work: () => T | Promise<T>): Promise<T> {
  const start = performance.now();
  const result = await work();
  expect(performance.now() - start).toBeLessThan(limit_ms);
  return result;
}

describe('a mutex whose owner has died', { timeout: LIMIT_MS }, () => {
  it('goes to the next that blocks for it', async () => {
    const { arena, owner } = await heldBy('hold');
    await owner.worker.terminate();
    expect(await within(SOON_MS, () => arena.mutex.lock())).toBe('recovered');
    expect(arena.data[WORD.first]).toBe(1);
    arena.mutex.unlock();
    expect(arena.mutex.lock()).toBe('acquired');
  });

  it('goes to one that blocked before, while nobody turns the event loop', async () => {
    const { arena, owner } = await heldBy('hold');
    owner.worker.terminate();
    expect(await within(SOON_MS, () => arena.mutex.lock())).toBe('recovered');
  });

  it('goes to the next that waits asynchronously', async () => {
    const { arena, owner } = await heldBy('hold');
    await owner.worker.terminate();
    expect(await within(SOON_MS, () => arena.mutex.lockAsync())).toBe('recovered');
    expect(arena.mutex.isHeldHere).toBe(true);
  });

  it('goes to one that gives up earlier than after a slice', async () => {
    const { arena, owner } = await heldBy('hold');
    await owner.worker.terminate();
    expect(arena.mutex.lock(0)).toBe(false);
    expect(arena.mutex.tryLock()).toBe(false);
    expect(arena.mutex.lock(5)).toBe('recovered');
  });

  it.each([{}, { isMixed: true }])('is told to one of several that wait (%j)', async (kind) => {
    const { arena, owner } = await heldBy('hold');
    const waiters = startThreads(arena, 'lockOnce', 3, kind);
    await Promise.all(waiters.map((waiter) => waiter.said('waits')));
    const told = await within(2 * SOON_MS, async () => {
      await owner.worker.terminate();
      return results<string>(waiters);
    });
    expect(told.sort()).toEqual(['acquired', 'acquired', 'recovered']);
  });

  it('is recovered by a waiter of a condition too', async () => {
    const arena = Arena.create();
    const waiter = startThread(arena, 'waitOnce');
    await waiter.said('waits');
    while (arena.mutex.lock() && Atomics.load(new Int32Array(arena.buffer, AT.full, 2), 1) === 0) arena.mutex.unlock();
    arena.mutex.unlock();
    const owner = startThread(arena, 'hold');
    await owner.said('holds');
    arena.full.notifyOne();
    await owner.worker.terminate();
    expect(await within(SOON_MS, () => waiter.done)).toBe('recovered');
  });

  it('has an owner that ended by itself', async () => {
    const arena = Arena.create();
    await startThread(arena, 'holdAndExit').done.catch(() => {});
    expect(await within(SOON_MS, () => arena.mutex.lock())).toBe('recovered');
  });

  it('is not taken from one that lives', async () => {
    const { arena } = await heldBy('hold');
    expect(arena.mutex.lock(350)).toBe(false);
    expect(await arena.mutex.lockAsync({ timeoutMs: 350 })).toBe(false);
    expect(() => arena.mutex.unlock()).toThrow(expect.objectContaining({ code: 'ERR_SANSWITCH_NOT_OWNER' }));
  });

  it('is recovered again and again', async () => {
    const arena = Arena.create();
    for (let i = 0; i < 5; i++) {
      const owner = startThread(arena, 'hold');
      await owner.said('holds');
      await owner.worker.terminate();
      expect(arena.mutex.lock()).toBe('recovered');
      arena.mutex.unlock();
    }
  });
});

describe('a read-write lock whose writer has died', { timeout: LIMIT_MS }, () => {
  it('goes to the next writer, who mends', async () => {
    const { arena, owner } = await heldBy('holdWriting');
    await owner.worker.terminate();
    expect(await within(SOON_MS, () => arena.rwLock.lockWrite())).toBe('recovered');
    arena.rwLock.unlockWrite();
    expect(arena.rwLock.lockRead()).toBe('acquired');
  });

  it.each([false, true])(
    'goes to readers, who are told until somebody has written (asynchronous: %j)',
    async (isAsync) => {
      const { arena, owner } = await heldBy('holdWriting');
      await owner.worker.terminate();
      const { rwLock } = arena;
      const lock = () => (isAsync ? rwLock.lockReadAsync() : rwLock.lockRead());
      expect(await within(SOON_MS, lock)).toBe('recovered');
      expect(rwLock.tryLockRead()).toBe('recovered');
      rwLock.unlockRead();
      rwLock.unlockRead();
      expect(rwLock.tryLockWrite()).toBe('recovered');
      rwLock.unlockWrite();
      expect(rwLock.lockRead()).toBe('acquired');
    },
  );
});

it('a waiter that dies takes no wake-up with it', { timeout: LIMIT_MS }, async () => {
  for (const isAsync of [false, true]) {
    const arena = Arena.create();
    const waiters = startThreads(arena, 'acquireOnce', 2, { isAsync });
    for (const waiter of waiters) await waiter.said('waits');
    await waiters[0]?.worker.terminate();
    arena.semaphore.release();
    expect(await within(SOON_MS, async () => waiters[1]?.done)).toBe(true);
    expect(arena.semaphore.permits).toBe(0);
  }
});

describe('the owner word', () => {
  const tid = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  const nonce = ownIdentity() >>> MUTEX_NONCE_SHIFT;
  const word = (of: { tid?: number; nonce?: number }) =>
    ((of.nonce ?? nonce) << MUTEX_NONCE_SHIFT) | ((of.tid ?? tid) << MUTEX_TID_SHIFT);

  it('names this thread, which lives', () => {
    expect(ownIdentity()).toBe(word({}));
    expect(isOwnerDead(word({}))).toBe(false);
    expect(isOwnerDead(word({}) | MUTEX_CONTENDED)).toBe(false);
    expect(isOwnerDead(0)).toBe(false);
  });

  it('tells a thread from a later one with the same id', () => {
    expect(isOwnerDead(word({ nonce: (nonce % MUTEX_NONCE_COUNT) + 1 }))).toBe(true);
  });

  it('knows when there is no such thread', () => {
    const most = Number(readFileSync('/proc/sys/kernel/pid_max', 'latin1'));
    let free = most - 1;
    while (existsSync(`/proc/self/task/${free}`)) free -= 1;
    expect(isOwnerDead(word({ tid: free }))).toBe(true);
    expect(isOwnerDead(word({ tid: free, nonce: 0 }))).toBe(false);
  });

  it('is never 0 and differs from thread to thread', async () => {
    const owners = new Set<number>();
    for (let i = 0; i < 3; i++) {
      const arena = Arena.create();
      await startThread(arena, 'hold').said('holds');
      owners.add(new Int32Array(arena.buffer, AT.mutex, 1)[MUTEX_OWNER_WORD] as number);
    }
    expect(owners.size).toBe(3);
    expect(owners.has(0)).toBe(false);
  });

  it('can do without /proc, and then recovers nothing', { timeout: LIMIT_MS }, async () => {
    const fixture = fileURLToPath(new URL('../../build/test/fixtures/sync-no-proc.js', import.meta.url));
    const hide = 'mount -t tmpfs none /proc && exec "$0" "$1"';
    const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', hide, process.execPath, fixture];
    const { stdout } = await promisify(execFile)('unshare', args);
    expect(JSON.parse(stdout)).toEqual({ nonce: 0, threads: 2, counted: 2_000, orphan: false });
  });
});
