// Large sends that follow one another, and where their bytes go.
import { WSAENOBUFS } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { Failure } from '#src/providers/interpose/failure.js';
import type { LoopOptions } from '#src/providers/loop/options.js';
import { bytesOf, codeOf, HARDWARE, LENDING, Pair, type PairOptions, RING } from './pair.js';

const LARGE = 4_000;
/** Bytes of a large send that come with its offer. */
const FIRST = 64;
const RDMA = { rdmaThresholdBytes: 1_000, maxMessageBytes: 600, queueBytes: 6_000 };
/** Memory to lend for four of them. */
const LENT = { ...LENDING, ...RDMA, lentBytes: 4 * LARGE };

function failing(nth: number): PairOptions {
  const calls = ['WSPRegisterMemory', 'WSPRegisterRdmaMemory'] as const;
  return { server: { concerns: () => [new Failure({ calls, nth, count: 1, outcome: WSAENOBUFS })] } };
}

/** Of their sends, in order. */
function outcomesOf(pair: Pair): string[] {
  return pair.log.filter((line) => line.startsWith('sent'));
}

/** Transfers that were begun, by either side. */
function transfersOf(pair: Pair): number {
  return pair.log.filter((line) => /down WSPRdma(Read|Write)$/.test(line)).length;
}

/** How many of them there were at most between one line of the log and the other. */
function mostBetween(pair: Pair, begins: string, ends: string): number {
  let now = 0;
  let most = 0;
  for (const line of pair.log) {
    now += line === begins ? 1 : line === ends ? -1 : 0;
    most = Math.max(most, now);
  }
  return most;
}

/** How many transfers had memory of the receiver's at the same time, at most. */
function mostFetched(pair: Pair): number {
  const [ownUse, peersUse] = ['Memory', 'RdmaMemory'].map((what) =>
    mostBetween(pair, `server down WSPRegister${what}`, `server down WSPDeregister${what}`),
  ) as [number, number];
  return Math.max(ownUse, peersUse);
}

function sendAll(pair: Pair, sizes: readonly number[]): Buffer {
  const chunks = sizes.map((size, i) => bytesOf(size, i));
  pair.log.length = 0;
  pair.run(() => {
    for (const [i, chunk] of chunks.entries()) {
      pair.client.session.send(chunk, (error) =>
        pair.log.push(`sent ${i}${error === null ? '' : ` ${codeOf(error)}`}`),
      );
    }
  });
  return Buffer.concat(chunks);
}

const PROVIDERS: readonly [string, LoopOptions][] = [
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
];
/** Who moves the bytes of large sends. */
const MOVERS: readonly [string, LoopOptions][] = [
  ['the receiver reads', {}],
  ['the sender writes', { rdmaRead: false }],
  ['both move', { transfersOnThread: true }],
];
const ALL = PROVIDERS.flatMap(([provider, loop]) =>
  MOVERS.map(([mover, how]): [string, string, LoopOptions] => [provider, mover, { ...loop, ...how }]),
);

describe.each(PROVIDERS)('large sends that follow one another, over %s', (_name, loop) => {
  it.each([
    [1_000_000, 8],
    [2 * LARGE, 7],
    [2 * LARGE - 1, 6],
    [LARGE, 4],
  ])('[WSD-5.6] with at most %i bytes a transfer %i are out at a time, and no more', (maxRdmaBytes, most) => {
    const pair = new Pair({ loop: { ...loop, ...RDMA, maxRdmaBytes } });
    const whole = sendAll(pair, new Array(12).fill(LARGE));
    expect(mostBetween(pair, 'client down WSPRegisterRdmaMemory', 'client down WSPDeregisterRdmaMemory')).toBe(most);
    expect(outcomesOf(pair)).toEqual(Array.from({ length: 12 }, (_, i) => `sent ${i}`));
    expect(pair.server.received.equals(whole)).toBe(true);
  });

  it.each([2, 3])('[WSD-5.8] the sender has no memory for number %i: it waits for those before it', (nth) => {
    const failure = new Failure({ calls: ['WSPRegisterRdmaMemory'], nth, outcome: WSAENOBUFS });
    const pair = new Pair({ loop: { ...loop, ...RDMA }, client: { concerns: () => [failure] } });
    const whole = sendAll(pair, [LARGE, LARGE, LARGE]);
    expect(failure.failed).toBe(1);
    expect(pair.client.session.largeSendsCopied).toBe(0);
    expect(pair.server.received.equals(whole)).toBe(true);
  });

  it('[WSD-5.6] [WSD-5.7] both sides move bytes, if the receiver wants it', () => {
    const pair = new Pair({
      loop: { ...loop, ...RDMA, lentBytes: 100_000 },
      server: { loop: { transfersOnThread: true } },
    });
    const whole = sendAll(pair, new Array(30).fill(LARGE));
    const [reads, writes] = ['server down WSPRdmaRead', 'client down WSPRdmaWrite'].map(
      (begins) => pair.log.filter((line) => line === begins).length,
    ) as [number, number];
    expect(reads + writes).toBe(30);
    expect(Math.min(reads, writes)).toBeGreaterThan(10);
    expect(pair.server.received.equals(whole)).toBe(true);
  });

  it.each([2, 3])(
    '[WSD-5.7] [WSD-5.8] the receiver can not open number %i now: it waits for those before it',
    (nth) => {
      const failure = new Failure({ calls: ['WSPRegisterRdmaMemory'], nth, outcome: WSAENOBUFS });
      const pair = new Pair({
        loop: { ...loop, ...RDMA, lentBytes: 100_000, rdmaRead: false },
        server: { concerns: () => [failure] },
      });
      const whole = sendAll(pair, [LARGE, LARGE, LARGE, LARGE]);
      expect(failure.failed).toBe(1);
      expect(pair.client.session.largeSendsCopied).toBe(0);
      expect(pair.server.received.equals(whole)).toBe(true);
      expect(pair.server.provider.counters.lentBytes).toBe(0);
    },
  );

  it('[WSD-5.6] one alone is read: that takes no round trip', () => {
    const pair = new Pair({ loop: { ...loop, ...RDMA, transfersOnThread: true } });
    for (let i = 0; i < 3; i++) sendAll(pair, [LARGE]);
    expect(pair.client.crossed('WSPRdmaWrite')).toEqual([]);
  });

  it.each([1, 2, 3])('[WSD-5.8] the sender can not write number %i, which is read then', (nth) => {
    const failure = new Failure({ calls: ['WSPRegisterMemory'], nth, outcome: WSAENOBUFS });
    const pair = new Pair({
      loop: { ...loop, ...RDMA, lentBytes: 100_000, transfersOnThread: true },
      client: { concerns: () => [failure] },
    });
    const whole = sendAll(pair, new Array(12).fill(LARGE));
    expect(failure.failed).toBe(1);
    expect(transfersOf(pair)).toBe(12);
    expect(pair.client.session.largeSendsCopied).toBe(0);
    expect(pair.server.received.equals(whole)).toBe(true);
  });
});

describe.each(ALL)('large sends that follow one another, over %s, where %s', (_provider, _mover, loop) => {
  it.each([
    [1_000_000, 4],
    [2 * LARGE, 3],
    [2 * LARGE - 1, 2],
    [LARGE, 2],
  ])('[WSD-5.4] with at most %i bytes a transfer %i are fetched at a time, and no more', (maxRdmaBytes, most) => {
    const pair = new Pair({ loop: { ...loop, ...RDMA, maxRdmaBytes, lentBytes: 0 } });
    // The offers wait for a reader that has paused.
    pair.server.session.pause();
    const whole = sendAll(pair, new Array(12).fill(LARGE));
    pair.run(() => pair.server.session.resume());
    expect(mostFetched(pair)).toBe(most);
    expect(pair.server.received.equals(whole)).toBe(true);
  });

  it.each([1, 2, 3])('[WSD-5.8] [WSD-5.10] the receiver has no memory for number %i: nothing overtakes it', (nth) => {
    const pair = new Pair({ loop: { ...loop, ...RDMA, lentBytes: 0 }, ...failing(nth) });
    const whole = sendAll(pair, [LARGE, LARGE, LARGE, 10, LARGE]);
    expect(pair.server.received.equals(whole)).toBe(true);
    expect(outcomesOf(pair)).toHaveLength(5);
    // What was refused went by messages, and RDMA goes on after it.
    expect(transfersOf(pair)).toBeGreaterThanOrEqual(2);
    expect(pair.client.session.largeSendsCopied).toBeLessThanOrEqual(1);
  });

  it('[WSD-5.9] urgent data come in between', () => {
    const pair = new Pair({ loop: { ...loop, ...RDMA } });
    pair.run(() => {
      for (let i = 0; i < 20; i++) pair.client.session.send(bytesOf(LARGE, i));
      pair.client.session.urgent(Buffer.from('now'));
    });
    expect(pair.server.events.indexOf('urgent now')).toBeLessThan(11);
    expect(pair.server.received.length).toBe(20 * LARGE);
  });

  it('[WSD-5.11] the second of three that are out is cancelled: all are waited for, and the first is sent', () => {
    const pair = new Pair({ loop: { ...loop, ...RDMA, maxRdmaBytes: LARGE + 1 } });
    const outcomes: string[] = [];
    const told = (name: string) => (error: Error | null) => outcomes.push(`${name} ${error && codeOf(error)}`);
    const second = told('second');
    pair.run(() => {
      pair.client.session.send(bytesOf(LARGE), told('first'));
      pair.client.session.send(bytesOf(LARGE, 2), second);
      pair.client.session.send(bytesOf(LARGE, 3), told('third'));
      expect(pair.client.session.cancel(second)).toBe(true);
      expect(outcomes).toEqual([]);
    });
    expect(outcomes).toEqual(['first null', 'second ECANCELED', 'third ECONNABORTED']);
    const whole = Buffer.concat([1, 2, 3].map((i) => bytesOf(LARGE, i)));
    expect(pair.server.received.equals(whole.subarray(0, pair.server.received.length))).toBe(true);
    pair.run(() => pair.client.session.end());
    pair.wait();
    expect(pair.leaks).toEqual([]);
  });

  it.each([0, 1, 2])(
    '[WSD-5.11] number %i is cancelled again and again while all are out: nothing is sent twice',
    (nth) => {
      const pair = new Pair({ loop: { ...loop, ...RDMA } });
      const outcomes: string[] = [];
      const told = [0, 1, 2, 3].map((i) => (error: Error | null) => outcomes.push(`${i} ${error && codeOf(error)}`));
      const again = () => {
        if (outcomes.some((outcome) => outcome.startsWith(`${nth}`))) return;
        pair.client.session.cancel(told[nth]!);
        pair.world.schedule(again);
      };
      pair.run(() => {
        for (const [i, callback] of told.entries()) pair.client.session.send(bytesOf(LARGE, i), callback);
        again();
      });
      const before = [0, 1, 2, 3].filter((i) => i < nth).map((i) => `${i} null`);
      const behind = [0, 1, 2, 3].filter((i) => i > nth).map((i) => `${i} ECONNABORTED`);
      expect(outcomes).toEqual([...before, `${nth} ECANCELED`, ...behind]);
      const whole = Buffer.concat([0, 1, 2, 3].map((i) => bytesOf(LARGE, i)));
      expect(whole.subarray(0, pair.server.received.length).equals(pair.server.received)).toBe(true);
    },
  );

  it('[WSD-5.10] a reader that pauses has them later, in order', () => {
    const pair = new Pair({ loop: { ...loop, ...RDMA } });
    pair.server.onReceived = () => {
      pair.server.session.pause();
      pair.world.schedule(() => pair.server.session.resume());
    };
    const whole = sendAll(pair, [LARGE, 10, LARGE, LARGE, LARGE, 10]);
    expect(pair.server.received.equals(whole)).toBe(true);
  });

  it.each(['client', 'server'] as const)('[WSD-6.3] [WSD-7.3] the %s ends amid several, at any step', (who) => {
    let steps = 0;
    for (let step = 1; step === 1 || steps >= step - 1; step++) {
      const pair = new Pair({ loop: { ...loop, ...RDMA } });
      const chunks = Array.from({ length: 10 }, (_, i) => bytesOf(LARGE, i));
      const outcomes: (string | null)[] = [];
      steps = 0;
      const tick = () => {
        steps += 1;
        if (steps === step) pair[who].session.abort(null);
        else if (pair.server.received.length < 10 * LARGE) pair.world.schedule(tick);
      };
      pair.run(() => {
        for (const chunk of chunks) pair.client.session.send(chunk, (error) => outcomes.push(error && codeOf(error)));
        tick();
      });
      for (const { session } of [pair.client, pair.server]) pair.run(() => session.abort(null));
      expect(outcomes).toHaveLength(10);
      expect(outcomes.lastIndexOf(null)).toBe(outcomes.filter((outcome) => outcome === null).length - 1);
      const { received } = pair.server;
      expect(Buffer.concat(chunks).subarray(0, received.length).equals(received)).toBe(true);
      // Who reads has all that is told to be sent; what was written may be lost on its way through the session.
      const isConfirmed = loop.rdmaRead !== false && loop.transfersOnThread !== true;
      const sent = outcomes.filter((outcome) => outcome === null).length;
      if (isConfirmed) expect(received.length).toBeGreaterThanOrEqual(LARGE * sent);
      expect(pair.leaks).toEqual([]);
    }
    expect(steps).toBeGreaterThan(10);
  });

  it.each(['client', 'server'] as const)('[WSD-8.1] the %s changes its owner amid several, at any step', (who) => {
    let steps = 0;
    for (let step = 1; step === 1 || steps >= step - 1; step++) {
      const pair = new Pair({ loop: { ...loop, ...RDMA } });
      const next = pair.another(pair[who]);
      const chunks = Array.from({ length: 10 }, (_, i) => bytesOf(LARGE, i));
      const outcomes: (string | null)[] = [];
      const move = () =>
        pair[who].session.suspend(1_000, (error) => {
          outcomes.push(error && codeOf(error));
          if (error === null) next.adopt(pair[who].session.handOver(next.host.ownerKey));
        });
      const received = () => Buffer.concat([pair.server.received, who === 'server' ? next.received : Buffer.alloc(0)]);
      steps = 0;
      const tick = () => {
        steps += 1;
        if (steps === step) move();
        else if (received().length < 10 * LARGE) pair.world.schedule(tick);
      };
      pair.run(() => {
        for (const chunk of chunks) pair.client.session.send(chunk);
        tick();
      });
      expect(outcomes).toEqual(steps >= step ? [null] : []);
      expect(received().equals(Buffer.concat(chunks))).toBe(true);
      const moved = outcomes.length > 0;
      for (const { session } of [pair.client, pair.server, next]) if (session) pair.run(() => session.abort(null));
      expect(pair.leaks).toEqual([]);
      expect(next.session !== undefined).toBe(moved);
    }
    expect(steps).toBeGreaterThan(10);
  });
});

describe('where the bytes of large sends go', () => {
  const copies = (pair: Pair) => [pair.client.session.bytesCopiedSent, pair.server.session.bytesCopiedReceived];

  it('[WSD-5.5] [WSD-5.6] memory that the provider lends: one copy, and no registration by the receiver', () => {
    const pair = new Pair({ loop: LENT });
    const whole = sendAll(pair, [LARGE, LARGE, LARGE]);
    expect(pair.server.received.equals(whole)).toBe(true);
    expect(pair.server.crossed('WSPRegisterMemory')).toEqual([]);
    expect(pair.server.crossed('WSPBorrowMemory').filter(({ kind }) => kind === 'down')).toHaveLength(3);
    expect(pair.server.provider.counters.lentBytes).toBe(0);
    expect(copies(pair)).toEqual([3 * FIRST, 3 * (FIRST + LARGE)]);
  });

  it('[WSD-5.6] a socket that lends: a view of it, and no copy at all', () => {
    const pair = new Pair({ loop: LENT, server: { lend: true } });
    const kept: Uint8Array[] = [];
    pair.server.onReceived = (bytes) => kept.push(bytes);
    const whole = sendAll(pair, [LARGE]);
    expect(pair.server.received.equals(whole)).toBe(true);
    expect(copies(pair)).toEqual([FIRST, FIRST]);
    // Given back, and overwritten by the provider.
    expect(Buffer.from(kept[0]!).equals(whole)).toBe(false);
  });

  it.each([
    ['one can be lent at a time: it takes all, one after the other', LARGE, 0],
    ['less than one can be lent: memory of our own, for one at a time', LARGE - 1, 1],
  ])('[WSD-5.8] %s', (_what, lentBytes, ownAtATime) => {
    const pair = new Pair({ loop: { ...LENT, lentBytes } });
    const whole = sendAll(pair, [LARGE, LARGE, LARGE, 10, LARGE]);
    expect(pair.server.received.equals(whole)).toBe(true);
    expect(mostBetween(pair, 'server down WSPRegisterMemory', 'server down WSPDeregisterMemory')).toBe(ownAtATime);
    expect(pair.server.provider.counters.lentBytes).toBe(0);
  });

  it('[WSD-5.7] the peer writes into what is lent', () => {
    const pair = new Pair({ loop: { ...LENT, rdmaRead: false } });
    const whole = sendAll(pair, [LARGE, LARGE]);
    expect(pair.server.received.equals(whole)).toBe(true);
    expect(pair.server.crossed('WSPBorrowMemory').filter(({ kind }) => kind === 'down')).toHaveLength(2);
    expect(pair.server.provider.counters).toMatchObject({ lentBytes: 0, registrations: 0 });
  });

  it("[WSD-5.5] the application's own buffer: no copy, over every provider, whoever moves the bytes", () => {
    for (const loop of [RING, HARDWARE, LENT, { ...HARDWARE, rdmaRead: false }]) {
      const pair = new Pair({ loop: { ...loop, ...RDMA }, server: { lend: true } });
      const given: Uint8Array[] = [];
      pair.server.target = (bytes) => {
        given.push(new Uint8Array(bytes));
        return given.at(-1)!;
      };
      const placed: Uint8Array[] = [];
      pair.server.onPlaced = (bytes) => placed.push(bytes);
      const whole = sendAll(pair, [LARGE, LARGE, 10, LARGE]);
      expect(pair.server.received.equals(whole)).toBe(true);
      expect(placed).toHaveLength(3);
      for (const [i, bytes] of placed.entries()) expect(bytes).toBe(given[i]);
      expect(copies(pair)).toEqual([3 * FIRST + 10, 3 * FIRST]);
      expect(pair.server.crossed('WSPBorrowMemory')).toEqual([]);
      pair.run(() => pair.client.session.abort(null));
      expect(pair.leaks).toEqual([]);
    }
  });

  it('[WSD-6.3] a connection that ends while lent memory is read into, or waits for the application', () => {
    for (const pauses of [true, false]) {
      const pair = new Pair({ loop: LENT, server: { lend: true } });
      pair.run(() => {
        pair.client.session.send(bytesOf(LARGE));
        if (!pauses) pair.world.schedule(() => pair.world.schedule(() => pair.server.session.abort(null)));
      });
      if (pauses) pair.server.session.pause();
      pair.run(() => pair.server.session.abort(null));
      pair.run(() => pair.client.session.abort(null));
      expect(pair.leaks).toEqual([]);
    }
  });

  it('[WSD-5.5] messages are written into buffers that are lent, and into our own when none is left', () => {
    for (const messageBuffers of [1, 100]) {
      const pair = new Pair({ loop: { ...LENDING, maxMessageBytes: 600, messageBuffers } });
      const chunks = Array.from({ length: 40 }, (_, i) => bytesOf(1 + i * 10, i));
      pair.run(() => {
        for (const chunk of chunks) pair.client.session.send(chunk, () => {});
      });
      expect(pair.server.received.equals(Buffer.concat(chunks))).toBe(true);
      const asked = pair.client.crossed('WSPAllocateMessageBuffer').filter(({ kind }) => kind === 'return');
      expect(asked.length).toBeGreaterThan(2);
      const codes = new Set(asked.map(({ args }) => args[0]));
      expect([...codes].sort()).toEqual(messageBuffers === 1 ? ['NO_ERROR', 'WSAENOBUFS'] : ['NO_ERROR']);
    }
  });

  it('[WSD-5.5] what is reserved lies where the provider sends from', () => {
    const pair = new Pair({ loop: LENDING });
    pair.run(() => {
      const room = pair.client.session.reserve(50)!;
      room.set(bytesOf(50));
      expect(pair.client.session.commit(50)).toBe(true);
    });
    expect(pair.server.received.equals(bytesOf(50))).toBe(true);
    expect(pair.client.session.bytesCopiedSent).toBe(0);
  });
});
