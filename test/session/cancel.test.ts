import { describe, expect, it } from 'vitest';
import { Delay } from '#src/providers/interpose/delay.js';
import type { LoopFabric } from '#src/providers/loop/fabric.js';
import { bytesOf, codeOf, HARDWARE, LENDING, Pair, type PairOptions, RING } from './pair.js';

const HELD_UP = { maxMessageBytes: 200, queueBytes: 500, rdmaThresholdBytes: 0xffffffff };

/** Two sessions, the server not reading, `count` sends of 2,000 bytes queued, and what became of each. */
function queued(options: PairOptions, count: number) {
  const pair = new Pair({ receiveBuffers: 4, ...options });
  const outcomes: string[] = new Array(count).fill('waits');
  const callbacks = outcomes.map((_, i) => (error: Error | null) => {
    outcomes[i] = error === null ? 'sent' : codeOf(error);
  });
  pair.run(() => {
    pair.server.session.pause();
    for (const [i, callback] of callbacks.entries()) pair.client.session.send(bytesOf(2_000, i), callback);
  });
  return { pair, outcomes, callbacks };
}

describe.each([
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
])('cancelled sends over %s', (_name, loop) => {
  it('[WSD-5.11] a send that has not begun is dropped, and the stream goes on without it', () => {
    const { pair, outcomes, callbacks } = queued({ loop: { ...loop, ...HELD_UP } }, 3);
    expect(outcomes).toEqual(['waits', 'waits', 'waits']);
    let cancelled = false;
    pair.run(() => {
      cancelled = pair.client.session.cancel(callbacks[1]!);
    });
    expect(cancelled).toBe(true);
    expect(outcomes[1]).toBe('ECANCELED');
    pair.run(() => pair.server.session.resume());
    expect(outcomes).toEqual(['sent', 'ECANCELED', 'sent']);
    expect(pair.server.received.equals(Buffer.concat([bytesOf(2_000, 0), bytesOf(2_000, 2)]))).toBe(true);
  });

  it('[WSD-5.11] a send that has begun leaves a hole: nothing follows it, and only close succeeds', () => {
    const { pair, outcomes, callbacks } = queued({ loop: { ...loop, ...HELD_UP } }, 2);
    pair.run(() => {
      expect(pair.client.session.cancel(callbacks[0]!)).toBe(true);
    });
    expect(outcomes[0]).toBe('ECANCELED');
    expect(outcomes[1]).not.toBe('sent');
    pair.run(() => pair.server.session.resume());
    const got = pair.server.received;
    expect(got.length).toBeLessThan(2_000);
    expect(got.equals(Buffer.from(bytesOf(2_000, 0).subarray(0, got.length)))).toBe(true);
    // An orderly end would tell the peer that it has had everything.
    pair.run(() => pair.client.session.end());
    expect(pair.client.closedWith).toBeNull();
    expect(codeOf(pair.server.closedWith)).toBe('ECONNRESET');
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-5.11] what has left can not be taken back', () => {
    const pair = new Pair({ loop });
    const callback = () => {};
    pair.run(() => {
      pair.client.session.send(Buffer.from('gone'), callback);
      expect(pair.client.session.cancel(callback)).toBe(false);
    });
    expect(pair.server.received.toString()).toBe('gone');
  });

  it.each([true, false])('[WSD-5.11] a running RDMA transfer is waited for (peer reads: %s)', (rdmaRead) => {
    const outcomes: string[] = [];
    const callback = (error: Error | null) => outcomes.push(error === null ? 'sent' : codeOf(error));
    const pair = new Pair({ loop: { ...loop, rdmaThresholdBytes: 1_000, rdmaRead } });
    // The offer is out: the transfer has begun, and its memory is in the hands of the wire.
    pair.run(() => {
      pair.client.session.send(bytesOf(5_000), callback);
      expect(pair.client.session.cancel(callback)).toBe(true);
      expect(outcomes).toEqual([]);
    });
    expect(outcomes).toEqual(['ECANCELED']);
    expect(pair.client.provider.counters.registrations + pair.server.provider.counters.registrations).toBe(0);
    pair.run(() => pair.client.session.end());
    pair.wait();
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-5.11] one that takes too long is ended by an abortive close', () => {
    let deaf = false;
    const late = ({ schedule }: LoopFabric) => [new Delay((work) => void (deaf || schedule(work)))];
    const pair = new Pair({ loop: { ...loop, rdmaThresholdBytes: 1_000 }, server: { concerns: late } });
    const outcomes: string[] = [];
    const callback = (error: Error | null) => outcomes.push(error === null ? 'sent' : codeOf(error));
    pair.run(() => {
      deaf = true; // The peer hears nothing any more: it will never say done.
      pair.client.session.send(bytesOf(5_000), callback);
    });
    pair.run(() => expect(pair.client.session.cancel(callback)).toBe(true));
    expect(outcomes).toEqual([]);
    expect(pair.wait()).toBeLessThanOrEqual(10_000);
    expect(outcomes).toHaveLength(1);
    expect(codeOf(pair.client.closedWith)).toBe('ETIMEDOUT');
    expect(pair.client.provider.counters).toMatchObject({ openSockets: 0, registrations: 0, pendingOverlapped: 0 });
  });
});
