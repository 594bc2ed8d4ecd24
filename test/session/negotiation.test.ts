import { Overlapped, WSAENETDOWN } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { SessionProtocolError } from '#src/errors.js';
import { Delay } from '#src/providers/interpose/delay.js';
import { Failure } from '#src/providers/interpose/failure.js';
import { bytesOf, codeOf, HARDWARE, LENDING, Pair, RING } from './pair.js';

describe.each([
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
])('negotiation over %s', (_name, loop) => {
  it('[WSD-3.6] one message each way, the connecting side first, 256 bytes at most', () => {
    const pair = new Pair({ loop });
    const sends = pair.log.filter((line) => line.endsWith('down WSPSend'));
    expect(sends).toEqual(['client down WSPSend', 'server down WSPSend']);
    for (const { trace } of [pair.client, pair.server]) {
      const send = trace.entries.find(({ kind, name }) => kind === 'down' && name === 'WSPSend')!;
      expect(Number(/(\d+) bytes at/.exec(send.args[1]!)![1])).toBeLessThanOrEqual(256);
    }
    expect(pair.client.events).toEqual(['negotiated']);
    expect(pair.server.events).toEqual(['negotiated']);
  });

  it('[WSD-3.6] [WSD-4.6] each side posts its receives before it speaks', () => {
    const pair = new Pair({ loop });
    for (const { trace } of [pair.client, pair.server]) {
      const names = trace.names('down');
      expect(names.indexOf('WSPRecv')).toBeGreaterThan(-1);
      expect(names.indexOf('WSPRecv')).toBeLessThan(names.indexOf('WSPSend'));
    }
  });

  it('[WSD-3.6] a peer that takes small messages only is sent small ones', () => {
    const pair = new Pair({ loop, server: { loop: { maxMessageBytes: 64 } } });
    const sent = bytesOf(900);
    pair.run(() => pair.client.session.send(sent));
    expect(pair.server.received).toEqual(Buffer.from(sent));
    expect(pair.client.closedWith).toBeUndefined();
  });

  it('[WSD-3.6] the connect completes when the answer has come, not before', () => {
    const late: (() => void)[] = [];
    const pair = new Pair({ loop, accepted: (socket, { server }) => late.push(() => server.open(socket)) });
    expect(pair.client.events).toEqual([]);
    pair.run(() => late[0]!());
    expect(pair.client.events).toEqual(['negotiated']);
  });

  it('[WSD-3.7] a negotiation message that comes before the receives stand is held, and the connection with it', () => {
    const late: (() => void)[] = [];
    const pair = new Pair({
      loop: { ...loop, heldMessages: 1 },
      accepted: (socket, { server }) => late.push(() => server.open(socket)),
    });
    expect(pair.client.crossed('WSPSend')).not.toEqual([]);
    pair.run(() => late[0]!());
    expect(pair.server.events).toEqual(['negotiated']);
    pair.run(() => pair.client.session.send(Buffer.from('after')));
    expect(pair.server.received.toString()).toBe('after');
  });

  it('[WSD-3.6] a peer that does not answer: the connect fails in bounded time, and nothing is left', () => {
    const pair = new Pair({ loop, accepted: () => {} });
    expect(pair.wait()).toBe(2_000);
    expect(pair.client.events).toEqual(['not negotiated ETIMEDOUT']);
    pair.run(() => pair.server.host.spi.WSPCloseSocket(pair.server.socket));
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-3.6] a peer that goes away instead: the connect fails at once', () => {
    const pair = new Pair({ loop, accepted: (socket, { server }) => void server.host.spi.WSPCloseSocket(socket) });
    expect(pair.client.events).toHaveLength(1);
    expect(pair.client.events[0]).toMatch(/^not negotiated ECONN/);
    expect(pair.world.nowMs).toBe(0);
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-3.6] a peer that answers nonsense: a protocol error, and the companion is closed', () => {
    const pair = new Pair({
      loop,
      accepted: (socket, { server }) => {
        const buffer = { bytes: new Uint8Array(64), offset: 0, length: 10 };
        const { spi, started } = server.host;
        if (started.info.claimsMessageBuffers) spi.WSPClaimMessageBuffer!(socket, 10, 10, buffer);
        spi.WSPSend(socket, [buffer], 1, new Overlapped({ completed: () => {} }));
      },
    });
    expect(pair.client.negotiatedWith).toBeInstanceOf(SessionProtocolError);
    pair.run(() => pair.server.host.spi.WSPCloseSocket(pair.server.socket));
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-3.6] a provider that fails while the session is set up: told once, everything closed', () => {
    for (const call of ['WSPEventSelect', 'WSPRecv', 'WSPSend'] as const) {
      for (const outcome of [WSAENETDOWN, 'throw'] as const) {
        // The accepting side's session makes the first of each of these calls but WSPEventSelect, which the listener makes.
        const failure = new Failure({ calls: [call], nth: call === 'WSPEventSelect' ? 2 : 1, outcome });
        const pair = new Pair({ loop, server: { concerns: () => [failure] } });
        pair.wait();
        expect(failure.failed, call).toBe(1);
        expect(
          pair.server.events.filter((event) => /^(not negotiated|closed)/.test(event)),
          call,
        ).toHaveLength(1);
        expect(codeOf(pair.client.negotiatedWith), call).toMatch(/^ECONN/);
        expect(pair.leaks, call).toEqual([]);
      }
    }
  });

  it('[WSD-3.6] completions and events that come late change nothing', () => {
    const waiting: (() => void)[] = [];
    const pair = new Pair({ loop, concerns: () => [new Delay((work) => void waiting.push(work))] });
    expect(pair.client.events).toEqual([]);
    for (let i = 0; i < 100 && waiting.length > 0; i++) pair.run(() => waiting.shift()!());
    expect([pair.client.events, pair.server.events]).toEqual([['negotiated'], ['negotiated']]);
  });
});
