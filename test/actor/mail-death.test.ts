import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { MailLink } from '#src/actor/mail/link.js';
import { MailPair } from '#src/actor/mail/pair.js';
import { requireNative } from '#src/native/load.js';
import type { PollerKind } from '#src/reactor/poller-kind.js';
import { Reactor } from '#src/reactor/reactor.js';
import { SharedMemory } from '#src/reactor/shared-memory.js';
import { ANY_SLOT, slotOf } from './mail-party.js';
import { MailPeer, pairHere } from './mail-worker.js';

const descriptors = (): number => readdirSync('/proc/self/fd').length;

async function ended(peer: MailPeer): Promise<void> {
  const limit = performance.now() + 5_000;
  while (peer.party.ends === 0) {
    if (performance.now() > limit) throw new Error('the end of the thread is not noticed');
    await delay(1);
  }
}

afterEach(() => Reactor.current().pollBy('inline'));

describe('the end of a thread', () => {
  it.each<PollerKind>(['inline', 'dedicated'])(
    'is noticed, 50 times under traffic, and leaves nothing behind (%s)',
    { timeout: 120_000 },
    async (poller) => {
      let before = 0;
      for (let cycle = 0; cycle < 50; cycle++) {
        if (cycle === 10) before = descriptors();
        const peer = await MailPeer.start({ ringBytes: cycle % 2 === 0 ? 1 << 12 : 1 << 16, poller });
        const { party } = peer;
        party.expect(cycle, 1e6, 300);
        peer.command({ do: 'expect', seed: cycle, count: 1e6, limit: 300 });
        peer.command({ do: 'flood', seed: cycle, count: 1e6, limit: 300 });
        const flood = party.flood(cycle, 1e6, 300);
        await delay((cycle * 7) % 23);
        await peer.worker.terminate();
        await Promise.all([ended(peer), flood]);
        expect(party.errors).toEqual([]);
        expect(party.endError).toBe(null);
        expect(party.ends).toBe(1);
        expect(party.link.isClosed).toBe(true);
        expect(party.link.tell(slotOf(ANY_SLOT), 1, null, null)).toBe('refused');
      }
      await delay(50);
      expect(descriptors()).toBeLessThanOrEqual(before);
    },
  );

  it('comes after everything that it had published', async () => {
    const peer = await MailPeer.start();
    const { party } = peer;
    party.expect(5, 1e6, 100);
    peer.command({ do: 'burst', seed: 5, count: 2_000, limit: 100 });
    peer.command({ do: 'exit' });
    await once(peer.worker, 'exit');
    await ended(peer);
    expect(party.errors).toEqual([]);
    expect(party.came).toBe(2_000);
  });

  it('is noticed by one that sleeps with a full ring', async () => {
    const peer = await MailPeer.start({ ringBytes: 1 << 10, spinBudgetUs: 0 });
    peer.command({ do: 'idle', count: 100 });
    await delay(10);
    peer.party.burst(1, 100, 100);
    expect(peer.party.link.waiting).toBeGreaterThan(0);
    peer.command({ do: 'exit' });
    const exit = once(peer.worker, 'exit');
    await Promise.all([ended(peer), exit]);
  });
});

describe('closing', () => {
  it('gives everything back, and the other side is told once', async () => {
    pairHere().close();
    const before = descriptors();
    for (let i = 0; i < 20; i++) {
      const { here, there, close } = pairHere();
      expect(here.link.tell(slotOf(ANY_SLOT), 'last words', null, null)).toBe('sent');
      const told: unknown[] = [];
      there.expect(0, 1, 1);
      there.deliver = (_slot, _generation, message) => told.push(message);
      here.link.close();
      here.link.close();
      while (there.ends === 0) await delay(1);
      expect([told, there.ends, there.endError, here.ends]).toEqual([['last words'], 1, null, 0]);
      close();
    }
    await delay(10);
    expect(descriptors()).toBeLessThanOrEqual(before);
  });

  it('a side that never joins ends the other one', async () => {
    const pair = new MailPair();
    const { here, close } = pairHere();
    let ends = 0;
    const sink = Object.assign(Object.create(here), { ended: () => ends++ });
    const link = new MailLink(pair.ends[0], sink);
    pair.joined(0);
    await delay(5);
    expect(ends).toBe(0);
    pair.close();
    while (ends === 0) await delay(1);
    expect(link.isClosed).toBe(true);
    close();
  });

  it('joining fails readably, and keeps nothing', async () => {
    const pair = new MailPair();
    pair.close();
    const before = descriptors();
    const { here, close } = pairHere();
    expect(() => new MailLink({ ...pair.ends[0], fd: 100_000 }, here)).toThrow(/EBADF/);
    expect(() => new MailLink({ ...pair.ends[0], memory: new SharedArrayBuffer(100) }, here)).toThrow(RangeError);
    close();
    await delay(5);
    expect(descriptors()).toBe(before);
    expect(() => new MailPair(1_000)).toThrow(/power of two/);
  });
});

describe('plain memory', () => {
  const EINVAL = -22;
  const EBUSY = -16;
  const native = requireNative();

  it('has a number that is used again, and nothing can be mapped into it', () => {
    const memory = new SharedMemory(new SharedArrayBuffer(1 << 20));
    expect(native.mapOwnSegment(memory.windowId, 0, 1 << 16)).toBe(EINVAL);
    expect(native.unmapSegment(memory.windowId, 0, 1 << 16)).toBe(EINVAL);
    memory.close();
    expect(native.mapOwnSegment(memory.windowId, 0, 1 << 16)).toBe(EINVAL);
    expect(() => memory.close()).toThrow(/EINVAL/);
    const next = new SharedMemory(new SharedArrayBuffer(64));
    expect(next.windowId).toBe(memory.windowId);
    next.close();
  });

  it('stays while a link is in it', () => {
    const { here, close } = pairHere();
    expect(native.unregisterMemory(here.link.windowId)).toBe(EBUSY);
    close();
    expect(native.unregisterMemory(here.link.windowId)).toBe(EINVAL);
    expect(native.unregisterMemory(123_456)).toBe(EINVAL);
  });

  it('is a Uint8Array', () => {
    const unsafe = native as unknown as { registerMemory(what?: unknown): number };
    expect(() => unsafe.registerMemory()).toThrow(TypeError);
    expect(() => unsafe.registerMemory(new Int32Array(4))).toThrow(TypeError);
    expect(native.registerMemory(new Uint8Array(0))).toBe(EINVAL);
    expect(native.registerMemory(new Uint8Array(new SharedArrayBuffer(64), 1))).toBe(EINVAL);
  });
});
