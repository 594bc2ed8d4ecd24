import { NEVER_RDMA_BYTES, WSAENOBUFS } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { Failure } from '#src/providers/interpose/failure.js';
import { bytesOf, codeOf, type End, HARDWARE, LENDING, Pair, RING } from './pair.js';

const PROVIDERS = [
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
] as const;

/** Bytes of each message of a side, in order. */
function messageBytes(end: End): number[] {
  return end
    .crossed('WSPSend')
    .filter(({ kind }) => kind === 'down')
    .map(({ args }) => Number(/(\d+) bytes at/.exec(args[1]!)![1]));
}

describe.each(PROVIDERS)('transfers over %s', (_name, loop) => {
  const noRdma = { ...loop, rdmaThresholdBytes: NEVER_RDMA_BYTES };

  it('[WSD-5.1] every transfer is overlapped: each downcall returns WSA_IO_PENDING', () => {
    const pair = new Pair({ loop: { ...loop, rdmaThresholdBytes: 1_000 } });
    pair.run(() => {
      pair.client.session.send(bytesOf(100));
      pair.client.session.send(bytesOf(5_000));
    });
    for (const end of [pair.client, pair.server]) {
      const returns = end.crossed('WSPSend', 'WSPRecv', 'WSPRdmaRead').filter(({ kind }) => kind === 'return');
      expect(returns.length).toBeGreaterThan(0);
      expect(new Set(returns.map(({ args }) => args[0]))).toEqual(new Set(['WSA_IO_PENDING']));
    }
    expect(pair.server.received).toEqual(Buffer.concat([bytesOf(100), bytesOf(5_000)]));
  });

  it('[WSD-5.2] [WSD-5.3] results come by WPUCompleteOverlappedRequest; nothing is polled, no routine is passed', () => {
    const pair = new Pair({ loop });
    pair.run(() => pair.client.session.send(bytesOf(100)));
    const sends = pair.client.crossed('WSPSend').filter(({ kind }) => kind === 'down');
    const told = pair.client.crossed('WPUCompleteOverlappedRequest').map(({ args }) => args[1]);
    for (const { args } of sends) {
      expect(args).toHaveLength(4);
      expect(told).toContain(args[3]);
    }
    expect(pair.client.crossed('WSPGetOverlappedResult')).toEqual([]);
  });

  it("[WSD-5.9] urgent data are the sender's own again on return", () => {
    const pair = new Pair({ loop: { ...noRdma, maxMessageBytes: 100, queueBytes: 200 }, receiveBuffers: 4 });
    const buffer = Buffer.from('!');
    pair.run(() => {
      pair.server.session.pause();
      pair.client.session.send(bytesOf(5_000));
      pair.client.session.urgent(buffer);
      buffer.fill('?');
    });
    pair.run(() => pair.server.session.resume());
    expect(pair.server.events).toContain('urgent !');
  });

  it('[WSD-5.4] tells from outside how many of the receive buffers of the peer are taken, where it counts them', () => {
    const pair = new Pair({ loop: { ...noRdma, maxMessageBytes: 100, queueBytes: 400 }, receiveBuffers: 4 });
    const taken = (): number | undefined => pair.client.session.ring()?.usedBytes;
    if (loop === RING) return expect(pair.client.session.ring()).toBeNull();
    expect(pair.client.session.ring()).toEqual({ peerPid: 0, capacityBytes: 400, usedBytes: 0 });
    pair.run(() => pair.server.session.pause());
    pair.run(() => pair.client.session.send(bytesOf(10)));
    expect(taken()).toBe(100);
    pair.run(() => pair.client.session.send(bytesOf(1_000)));
    expect(taken()).toBeGreaterThanOrEqual(200);
    pair.run(() => pair.server.session.resume());
    // What is left is owed together with the next that comes.
    expect(taken()).toBeLessThanOrEqual(100);
    pair.run(() => pair.client.session.abort(null));
    expect(pair.client.session.ring()).toBeNull();
  });

  it('[WSD-5.10] nothing follows sends that were gathered and could not leave', () => {
    const pair = new Pair({
      loop: { ...noRdma, maxMessageBytes: 100 },
      client: { concerns: () => [new Failure({ calls: ['WSPSend'], nth: 3, outcome: WSAENOBUFS })] },
    });
    pair.run(() => {
      for (const letter of ['a', 'b', 'c']) pair.client.session.send(Buffer.alloc(60, letter));
    });
    expect(pair.server.received.toString()).toBe('a'.repeat(60));
    expect(codeOf(pair.client.closedWith)).toBe('ENOBUFS');
    expect(codeOf(pair.server.closedWith)).toBe('ECONNRESET');
  });

  it('[WSD-5.4] a reader that stops slows its peer down and loses nothing; drained comes once', () => {
    const pair = new Pair({
      loop: { ...noRdma, maxMessageBytes: 1_000, queueBytes: 4_000, heldMessages: loop === LENDING ? 13 : 1 },
      highWaterMarkBytes: 10_000,
      receiveBuffers: 8,
    });
    const data = bytesOf(200_000);
    let more = true;
    pair.run(() => {
      pair.server.session.pause();
      more = pair.client.session.send(data);
    });
    expect(more).toBe(false);
    expect(pair.server.chunks).toEqual([]);
    expect(pair.client.session.queuedBytes).toBeGreaterThan(150_000);
    expect(pair.client.events).not.toContain('drained');
    pair.run(() => pair.server.session.resume());
    expect(pair.server.received.equals(data)).toBe(true);
    expect(pair.client.events.filter((event) => event === 'drained')).toHaveLength(1);
    expect(pair.fabric.faults).toEqual([]);
  });

  it('[WSD-5.4] two sides that both stop reading and both send do not wait for each other', () => {
    const pair = new Pair({ loop: { ...noRdma, maxMessageBytes: 500, queueBytes: 2_000 }, receiveBuffers: 4 });
    pair.run(() => {
      for (const { session } of [pair.client, pair.server]) {
        session.pause();
        session.send(bytesOf(50_000));
      }
    });
    pair.run(() => pair.client.session.resume());
    expect(pair.client.received.length).toBe(50_000);
    pair.run(() => pair.server.session.resume());
    expect(pair.server.received.length).toBe(50_000);
  });

  it('[WSD-5.5] small sends go by message, from the threshold on by RDMA; no size is exceeded', () => {
    const pair = new Pair({
      loop: { ...loop, rdmaThresholdBytes: 2_000, maxMessageBytes: 800, queueBytes: 8_000, maxRdmaBytes: 3_000 },
    });
    pair.run(() => pair.client.session.send(bytesOf(1_999)));
    expect(pair.server.crossed('WSPRdmaRead')).toEqual([]);
    pair.run(() => pair.client.session.send(bytesOf(10_000)));
    const reads = pair.server.crossed('WSPRdmaRead').filter(({ kind }) => kind === 'down');
    const sizes = reads.map(({ args }) => Number(/^(\d+)/.exec(args[1]!)![1]));
    expect(sizes.length).toBeGreaterThan(2);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3_000);
    expect(Math.max(...messageBytes(pair.client), ...messageBytes(pair.server))).toBeLessThanOrEqual(800);
    expect(pair.server.received).toEqual(Buffer.concat([bytesOf(1_999), bytesOf(10_000)]));
  });

  it('[WSD-5.6] the receiver reads: offer, read, done; then the sender deregisters and the send completes', () => {
    const pair = new Pair({ loop: { ...loop, rdmaThresholdBytes: 1_000 } });
    pair.log.length = 0;
    pair.run(() => void pair.client.session.send(bytesOf(4_000), () => pair.log.push('sent')));
    const steps = /(client|server) down WSP(Register|Deregister|Rdma|Send)|^sent/;
    expect(pair.log.filter((line) => steps.test(line))).toEqual([
      'client down WSPRegisterRdmaMemory',
      'client down WSPSend',
      'server down WSPRegisterMemory',
      'server down WSPRdmaRead',
      'server down WSPDeregisterMemory',
      'server down WSPSend',
      'client down WSPDeregisterRdmaMemory',
      'sent',
    ]);
    expect(messageBytes(pair.client).at(-1)).toBeGreaterThan(64); // The offer carries the first bytes.
    expect(pair.server.received.equals(bytesOf(4_000))).toBe(true);
  });

  it('[WSD-5.7] the receiver can not read: offer, target, write, done; then the receiver deregisters', () => {
    const pair = new Pair({ loop: { ...loop, rdmaThresholdBytes: 1_000 }, server: { loop: { rdmaRead: false } } });
    pair.log.length = 0;
    pair.run(() => void pair.client.session.send(bytesOf(4_000), () => pair.log.push('sent')));
    const steps = /(client|server) down WSP(Register|Deregister|Rdma|Send)|^sent/;
    const seen = pair.log.filter((line) => steps.test(line));
    expect(seen).toEqual([
      'client down WSPSend',
      'server down WSPRegisterRdmaMemory',
      'server down WSPSend',
      'client down WSPRegisterMemory',
      'client down WSPRdmaWrite',
      'client down WSPDeregisterMemory',
      'client down WSPSend',
      'sent',
      'server down WSPDeregisterRdmaMemory',
    ]);
    expect(pair.server.received.equals(bytesOf(4_000))).toBe(true);
  });

  it('[WSD-6.1] memory is opened to the peer for what the peer has to do in it, and no more', () => {
    const accesses = [true, false].map((rdmaRead) => {
      const pair = new Pair({ loop: { ...loop, rdmaThresholdBytes: 1_000, rdmaRead } });
      pair.run(() => pair.client.session.send(bytesOf(4_000)));
      const [register] = [
        ...pair.client.crossed('WSPRegisterRdmaMemory'),
        ...pair.server.crossed('WSPRegisterRdmaMemory'),
      ];
      return register!.args[2];
    });
    expect(accesses).toEqual(['1', '2']); // MEM_READ for 5.6, MEM_WRITE for 5.7.
  });

  it.each([true, false])('[WSD-5.8] no memory to register (peer reads: %s): the bytes go by messages', (rdmaRead) => {
    for (const side of ['client', 'server'] as const) {
      const failure = new Failure({
        calls: ['WSPRegisterMemory', 'WSPRegisterRdmaMemory'],
        nth: 1,
        count: 1_000,
        outcome: WSAENOBUFS,
      });
      const pair = new Pair({
        loop: { ...loop, rdmaThresholdBytes: 1_000, rdmaRead },
        [side]: { concerns: () => [failure] },
      });
      const outcomes: unknown[] = [];
      pair.run(() => void pair.client.session.send(bytesOf(4_000), (error) => outcomes.push(error)));
      expect(failure.failed).toBeGreaterThan(0);
      expect(outcomes).toEqual([null]);
      expect(pair.server.received.equals(bytesOf(4_000))).toBe(true);
    }
  });

  it('[WSD-5.8] no message buffers either: that send fails with ENOBUFS, and the connection lives on', () => {
    const calls = loop === RING ? (['WSPClaimMessageBuffer'] as const) : (['WSPSend'] as const);
    const failure = new Failure({ calls, nth: 1, outcome: WSAENOBUFS });
    failure.armed = false;
    const pair = new Pair({ loop: noRdma, client: { concerns: () => [failure] } });
    const outcomes: string[] = [];
    const note = (error: Error | null) => outcomes.push(error === null ? 'sent' : codeOf(error));
    pair.run(() => {
      failure.armed = true;
      pair.client.session.send(bytesOf(5_000), note);
      pair.client.session.send(bytesOf(6_000, 2), note);
    });
    expect(outcomes).toEqual(['ENOBUFS', 'sent']);
    expect(pair.server.received.equals(bytesOf(6_000, 2))).toBe(true);
    expect(pair.client.closedWith).toBeUndefined();
  });

  it('[WSD-5.9] urgent data arrives as such', () => {
    const pair = new Pair({ loop });
    pair.run(() => pair.client.session.urgent(Buffer.from('now')));
    expect(pair.server.events).toEqual(['negotiated', 'urgent now']);
  });

  it('[WSD-5.9] urgent data waits for no queue of the stream', () => {
    const pair = new Pair({ loop: { ...noRdma, maxMessageBytes: 500, queueBytes: 2_000 }, receiveBuffers: 4 });
    pair.run(() => {
      pair.client.session.send(bytesOf(100_000));
      pair.client.session.urgent(Buffer.from('now'));
    });
    const at = pair.server.events.indexOf('urgent now');
    expect(at).toBeGreaterThan(0);
    expect(at).toBeLessThan(pair.server.events.length / 2);
    expect(pair.server.received.length).toBe(100_000);
  });

  it('[WSD-5.10] small and large sends keep their order, and each byte arrives once', () => {
    const pair = new Pair({
      loop: { ...loop, rdmaThresholdBytes: 1_000, maxMessageBytes: 300, queueBytes: 700, maxRdmaBytes: 1_500 },
      receiveBuffers: 5,
    });
    const chunks = Array.from({ length: 60 }, (_, i) => bytesOf((i * 97) % 2_900, i));
    pair.run(() => {
      for (const chunk of chunks) pair.client.session.send(chunk);
      for (const chunk of chunks) pair.server.session.send(chunk);
    });
    expect(pair.server.received.equals(Buffer.concat(chunks))).toBe(true);
    expect(pair.client.received.equals(Buffer.concat(chunks))).toBe(true);
  });

  it('[WSD-5.10] half-close: one direction ends, the other goes on', () => {
    const pair = new Pair({ loop });
    pair.run(() => {
      pair.client.session.send(Buffer.from('question'));
      pair.client.session.end();
    });
    expect(pair.server.events).toEqual(['negotiated', 'received 8', 'ended']);
    pair.run(() => pair.server.session.send(Buffer.from('answer')));
    expect(pair.client.received.toString()).toBe('answer');
    expect(pair.client.closedWith).toBeUndefined();
    pair.run(() => pair.server.session.end());
    expect([pair.client.closedWith, pair.server.closedWith]).toEqual([null, null]);
    expect(pair.leaks).toEqual([]);
  });

  it('copies are the application’s own; lent bytes are dead after the return', () => {
    for (const lend of [false, true]) {
      const pair = new Pair({ loop: { ...loop, poison: true }, server: { lend } });
      const kept: Uint8Array[] = [];
      pair.server.onReceived = (bytes) => kept.push(bytes);
      pair.run(() => pair.client.session.send(Buffer.from('precious')));
      pair.run(() => pair.client.session.send(Buffer.from('and more')));
      if (!lend) expect(Buffer.concat(kept).toString()).toBe('preciousand more');
      else if (loop === RING) expect(Buffer.from(kept[0]!).toString()).not.toBe('precious');
    }
  });
});
