// Many threads on each primitive, blocking, asynchronous and mixed; slices without end, so that a lost wake-up hangs.
import { afterEach, describe, expect, it } from 'vitest';
import { Barrier, Semaphore } from '#src/sync/index.js';
import { Arena, AT } from './arena.js';
import { PERMITS, WORD } from './roles.js';
import { endThreads, results, startThreads } from './threads.js';

const THREADS = 4;
const LIMIT_MS = 60_000;
const SLICE_MS = 3_600_000;

afterEach(endThreads);

const sum = (numbers: readonly number[]) => numbers.reduce((total, one) => total + one, 0);

describe.each([
  ['blocking', {}],
  ['asynchronous', { isAsync: true }],
  ['mixed', { isMixed: true }],
  ['blocking without spinning', { spins: 0 }],
] as const)('%s threads', (_, kind) => {
  const options = { ...kind, sliceMs: SLICE_MS };

  it('exclude each other by a mutex', { timeout: LIMIT_MS }, async () => {
    const arena = Arena.create();
    const rounds = 5_000;
    const acquired = await results<number>(startThreads(arena, 'count', THREADS, { ...options, rounds }));
    expect(acquired).toEqual(Array(THREADS).fill(rounds));
    expect(arena.data[WORD.counter]).toBe(THREADS * rounds);
    expect(arena.mutex.tryLock()).toBe(true);
  });

  it('pass everything through a bounded buffer, once', { timeout: LIMIT_MS }, async () => {
    const arena = Arena.create();
    const rounds = 2_000;
    const consumers = startThreads(arena, 'consume', 2, { ...options, rounds });
    const producers = startThreads(arena, 'produce', 2, { ...options, rounds });
    await results(producers);
    const got = (await results<number[]>(consumers)).flat().sort((a, b) => a - b);
    expect(got).toEqual(Array.from({ length: 2 * rounds }, (_, i) => i));
  });

  it('are never more than a semaphore has permits', { timeout: LIMIT_MS }, async () => {
    const arena = Arena.create();
    Semaphore.initialise(arena.buffer, AT.semaphore, PERMITS);
    const most = await results<number>(startThreads(arena, 'permit', THREADS, { ...options, rounds: 3_000 }));
    expect(Math.max(...most)).toBeLessThanOrEqual(PERMITS);
    expect(arena.semaphore.permits).toBe(PERMITS);
  });

  it('get every permit, however many are released at once', { timeout: LIMIT_MS }, async () => {
    const arena = Arena.create();
    const rounds = 3_000;
    const threads = startThreads(arena, 'acquire', THREADS, { ...options, rounds });
    for (let left = THREADS * rounds, i = 0; left > 0; i++) {
      const permits = Math.min(left, 1 + (i % 5));
      arena.semaphore.release(permits);
      left -= permits;
      // Every now and then they have all gone to sleep.
      if (i % 500 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await results(threads);
    expect(arena.semaphore.permits).toBe(0);
  });

  it('read together and write alone; readers do not starve writers', { timeout: LIMIT_MS }, async () => {
    const arena = Arena.create();
    const rounds = 300;
    const readers = startThreads(arena, 'read', 3, options);
    // That they end at all, under readers that never pause, is the absence of starvation.
    const intruders = await results<number>(startThreads(arena, 'write', 2, { ...options, rounds }));
    Atomics.store(arena.data, WORD.stop, 1);
    const seen = await results<{ reads: number; torn: number; together: number }>(readers);
    expect(sum(intruders)).toBe(0);
    expect(seen.map(({ torn }) => torn)).toEqual([0, 0, 0]);
    expect(sum(seen.map(({ reads }) => reads))).toBeGreaterThan(0);
    expect([arena.data[WORD.first], arena.data[WORD.second]]).toEqual([2 * rounds, 2 * rounds]);
    expect(arena.rwLock.tryLockWrite()).toBe('acquired');
  });

  it('meet at a barrier', { timeout: LIMIT_MS }, async () => {
    const arena = Arena.create();
    const rounds = 500;
    Barrier.initialise(arena.buffer, AT.barrier, THREADS);
    const seen = await results<{ last: number; strays: number }>(
      startThreads(arena, 'meet', THREADS, { ...options, rounds }),
    );
    expect(sum(seen.map(({ strays }) => strays))).toBe(0);
    expect(sum(seen.map(({ last }) => last))).toBe(2 * rounds);
  });

  it('take turns by an event count', { timeout: LIMIT_MS }, async () => {
    const arena = Arena.create();
    const rounds = 1_000;
    const taken = await results<number>(startThreads(arena, 'turnByEvents', THREADS, { ...options, rounds }));
    expect(sum(taken)).toBe(THREADS * rounds);
    expect(arena.data[WORD.turn]).toBe(THREADS * rounds);
  });
});

it('readers read at the same time', { timeout: LIMIT_MS }, async () => {
  const arena = Arena.create();
  const readers = startThreads(arena, 'read', 2);
  arena.rwLock.lockRead();
  Atomics.add(arena.data, WORD.inside, 1);
  await Promise.all(readers.map((reader) => reader.said('has read')));
  Atomics.store(arena.data, WORD.stop, 1);
  const seen = await results<{ together: number }>(readers);
  expect(Math.min(...seen.map(({ together }) => together))).toBeGreaterThan(0);
  arena.rwLock.unlockRead();
});
