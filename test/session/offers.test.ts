// Large sends that follow one another, and where their bytes go.
import { WSAENOBUFS } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { Failure } from '#src/providers/interpose/failure.js';
import { bytesOf, codeOf, HARDWARE, LENDING, Pair, type PairOptions, RING } from './pair.js';

const LARGE = 4_000;
/** Bytes of a large send that come with its offer. */
const FIRST = 64;
const RDMA = { rdmaThresholdBytes: 1_000, maxMessageBytes: 600, queueBytes: 6_000 };
/** Memory to lend for four of them. */
const LENT = { ...LENDING, ...RDMA, lentBytes: 4 * LARGE };

function failing(nth: number, count = 1): PairOptions {
  return {
    server: { concerns: () => [new Failure({ calls: ['WSPRegisterMemory'], nth, count, outcome: WSAENOBUFS })] },
  };
}

/** What the sender does, in short: `offer`, `done` (it has heard of one) and `sent`. */
function stepsOf(pair: Pair): string[] {
  return pair.log.flatMap((line) => {
    if (line === 'client down WSPRegisterRdmaMemory') return ['offer'];
    if (line === 'client down WSPDeregisterRdmaMemory') return ['done'];
    return line.startsWith('sent') ? [line] : [];
  });
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

describe.each([
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
])('large sends that follow one another, over %s', (_name, loop) => {
  it.each([
    [1_000_000, 4],
    [2 * LARGE, 3],
    [2 * LARGE - 1, 2],
    [LARGE, 2],
  ])('[WSD-5.6] with at most %i bytes a transfer %i are out at a time, and no more', (maxRdmaBytes, most) => {
    const pair = new Pair({ loop: { ...loop, ...RDMA, maxRdmaBytes } });
    const whole = sendAll(pair, new Array(6).fill(LARGE));
    const steps = stepsOf(pair);
    let out = 0;
    let mostOut = 0;
    for (const step of steps) {
      out += step === 'offer' ? 1 : step === 'done' ? -1 : 0;
      mostOut = Math.max(mostOut, out);
    }
    expect(mostOut).toBe(most);
    expect(steps.filter((step) => step.startsWith('sent'))).toEqual([0, 1, 2, 3, 4, 5].map((i) => `sent ${i}`));
    expect(pair.server.received.equals(whole)).toBe(true);
  });

  it('[WSD-5.7] where the peer can not read they go one by one', () => {
    const pair = new Pair({ loop: { ...loop, ...RDMA, rdmaRead: false } });
    const whole = sendAll(pair, [LARGE, LARGE, LARGE]);
    const writes = pair.log.filter((line) => /client down WSPRdmaWrite|^sent/.test(line));
    expect(writes).toEqual([0, 1, 2].flatMap((i) => ['client down WSPRdmaWrite', `sent ${i}`]));
    expect(pair.server.received.equals(whole)).toBe(true);
  });

  it.each([1, 2, 3])('[WSD-5.8] [WSD-5.10] the receiver has no memory for number %i: nothing overtakes it', (nth) => {
    const pair = new Pair({ loop: { ...loop, ...RDMA, lentBytes: 0 }, ...failing(nth) });
    const whole = sendAll(pair, [LARGE, LARGE, LARGE, 10, LARGE]);
    expect(pair.server.received.equals(whole)).toBe(true);
    expect(stepsOf(pair).filter((step) => step.startsWith('sent'))).toHaveLength(5);
    // What was refused went by messages, and RDMA goes on after it.
    const reads = pair.server.crossed('WSPRdmaRead').filter(({ kind }) => kind === 'down');
    expect(reads.length).toBeGreaterThanOrEqual(3);
    expect(reads.length).toBeLessThan(5);
  });

  it('[WSD-5.8] the sender has no memory for the second: it goes by messages, behind the first', () => {
    const failure = new Failure({ calls: ['WSPRegisterRdmaMemory'], nth: 2, outcome: WSAENOBUFS });
    const pair = new Pair({ loop: { ...loop, ...RDMA }, client: { concerns: () => [failure] } });
    const whole = sendAll(pair, [LARGE, LARGE, LARGE]);
    expect(failure.failed).toBe(1);
    expect(pair.server.received.equals(whole)).toBe(true);
  });

  it('[WSD-5.9] urgent data come in between', () => {
    const pair = new Pair({ loop: { ...loop, ...RDMA } });
    pair.run(() => {
      for (let i = 0; i < 10; i++) pair.client.session.send(bytesOf(LARGE, i));
      pair.client.session.urgent(Buffer.from('now'));
    });
    expect(pair.server.events.indexOf('urgent now')).toBeLessThan(7);
    expect(pair.server.received.length).toBe(10 * LARGE);
  });

  it('[WSD-5.11] the second is cancelled while both are out: both are waited for, and the first is sent', () => {
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
    const both = Buffer.concat([bytesOf(LARGE), bytesOf(LARGE, 2)]);
    expect(pair.server.received.equals(both.subarray(0, pair.server.received.length))).toBe(true);
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

  it('[WSD-5.8] more than can be lent: memory of our own for the rest', () => {
    const pair = new Pair({ loop: { ...LENT, lentBytes: LARGE } });
    const whole = sendAll(pair, [LARGE, LARGE, LARGE, LARGE]);
    expect(pair.server.received.equals(whole)).toBe(true);
    expect(pair.server.crossed('WSPRegisterMemory').length).toBeGreaterThan(0);
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
