import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Vigil, type Vigilant } from '#src/switch/session/vigil.js';
import { bytesOf, HARDWARE, LENDING, Pair } from './pair.js';

describe('a vigil', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  class Waiter implements Vigilant {
    waitsForPeer = true;
    probes = 0;
    probePeer(): void {
      this.probes += 1;
    }
  }

  it('[WSD-5.4] asks every half second while its session waits, however often that begins, and then no more', () => {
    const waiter = new Waiter();
    const vigil = new Vigil(waiter);
    for (let i = 0; i < 3; i++) vigil.begin();
    vi.advanceTimersByTime(499);
    expect(waiter.probes).toBe(0);
    vi.advanceTimersByTime(1_001);
    expect(waiter.probes).toBe(3);
    waiter.waitsForPeer = false;
    vi.advanceTimersByTime(5_000);
    expect([waiter.probes, vi.getTimerCount()]).toEqual([3, 0]);
    waiter.waitsForPeer = true;
    vigil.begin();
    vi.advanceTimersByTime(500);
    expect(waiter.probes).toBe(4);
    vigil.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe.each([
  ['hardware', HARDWARE],
  ['lending', LENDING],
])('a session over %s', (_name, loop) => {
  it('[WSD-5.4, 8.1] waits for its peer while it has no credits, but not while it moves: nothing may be under way then', () => {
    const pair = new Pair({ loop, receiveBuffers: 4 });
    const { session } = pair.client;
    expect(session.waitsForPeer).toBe(false);
    pair.run(() => pair.server.session.pause());
    pair.run(() => session.send(bytesOf(100_000)));
    expect(session.waitsForPeer).toBe(true);
    pair.run(() => session.suspend(500, () => {}));
    expect(session.waitsForPeer).toBe(false);
    pair.run(() => session.keep());
    expect(session.waitsForPeer).toBe(true);
    pair.run(() => pair.server.session.resume());
    expect([session.waitsForPeer, pair.server.received.length]).toEqual([false, 100_000]);
  });
});
