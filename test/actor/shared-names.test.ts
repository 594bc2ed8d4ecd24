/** Names that all threads of a runtime share. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ActorAddress } from '#src/actor/address.js';
import { SharedNames } from '#src/actor/shared-names.js';
import { ACTOR_NAME_BYTES_MAX, ACTOR_NAME_LIMIT } from '#src/layout/layout.gen.js';

const address = (slot: number) => new ActorAddress(1, slot, 1);

describe('the name table', () => {
  it('gives a name to one actor only, until that one gives it up', () => {
    const names = new SharedNames(1);
    const others = new SharedNames(2, names.memory);
    expect(names.claim('müller', address(1))).toBe(true);
    expect(others.claim('müller', address(2))).toBe(false);
    expect(others.find('müller')).toEqual(address(1));
    others.release('müller', address(2));
    expect(others.find('müller')).toEqual(address(1));
    names.release('müller', address(1));
    expect(others.find('müller')).toBeNull();
    expect(others.claim('müller', address(2))).toBe(true);
  });

  it('takes back what a host had given that is no more', () => {
    const names = new SharedNames(1);
    const others = new SharedNames(2, names.memory);
    for (let i = 0; i < 10; i++) (i % 2 === 0 ? names : others).claim(`n${i}`, address(i));
    names.releaseAllOf(2);
    expect(names.entries().sort()).toEqual([0, 2, 4, 6, 8].map((i) => [`n${i}`, address(i)]));
  });

  it('has room for its limit of names, and for as many others afterwards', () => {
    const names = new SharedNames(1);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < ACTOR_NAME_LIMIT; i++) expect(names.claim(`${round}/${i}`, address(i))).toBe(true);
      expect(() => names.claim('one more', address(0))).toThrow(/^a runtime has room for/);
      expect(names.find(`${round}/${ACTOR_NAME_LIMIT - 1}`)).toEqual(address(ACTOR_NAME_LIMIT - 1));
      for (let i = 0; i < ACTOR_NAME_LIMIT; i++) names.release(`${round}/${i}`, address(i));
    }
    expect(names.entries()).toEqual([]);
    expect(names.find('nobody')).toBeNull();
  });

  it('takes names up to a length', () => {
    const names = new SharedNames(1);
    expect(names.claim('x'.repeat(ACTOR_NAME_BYTES_MAX), address(1))).toBe(true);
    expect(() => names.claim('x'.repeat(ACTOR_NAME_BYTES_MAX + 1), address(1))).toThrow(/^a name has at most/);
  });
});

describe('several threads', () => {
  const module = new URL('../../build/test/fixtures/names-thread.js', import.meta.url);

  it('each name goes to one of those who want it at the same time', async () => {
    const names = new SharedNames(0);
    const workers = [1, 2].map((registrar) => new Worker(module, { workerData: { registrar, memory: names.memory } }));
    const won = await Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0] as number));
    expect(won.reduce((a, b) => a + b)).toBe(5_000);
    expect(names.entries()).toHaveLength(5_000);
    await Promise.all(workers.map((worker) => worker.terminate()));
  });

  it('a thread that dies in the middle of a change holds up nobody for long', async () => {
    const names = new SharedNames(0);
    const worker = new Worker(module, { workerData: { registrar: 1, memory: names.memory, dies: true } });
    await once(worker, 'exit');
    expect(names.claim('another', address(1))).toBe(true);
    expect(names.entries()).toEqual([['another', address(1)]]);
  }, 10_000);
});
