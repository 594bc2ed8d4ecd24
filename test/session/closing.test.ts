import { WSAENETDOWN } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { Failure } from '#src/providers/interpose/failure.js';
import { bytesOf, codeOf, HARDWARE, LENDING, Pair, RING } from './pair.js';

describe.each([
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
])('the end over %s', (_name, loop) => {
  it('[WSD-7.1] the provider never sees a half-close: a message goes out, and no other call is made', () => {
    const pair = new Pair({ loop });
    pair.client.trace.entries.length = 0;
    pair.run(() => pair.client.session.end());
    const calls = new Set(pair.client.trace.names('down'));
    for (const call of calls)
      expect([
        'WSPClaimMessageBuffer',
        'WSPAllocateMessageBuffer',
        'WSPSend',
        'WSPRecv',
        'WSPEnumNetworkEvents',
      ]).toContain(call);
    expect(pair.server.events).toEqual(['negotiated', 'ended']);
  });

  it('[WSD-7.1] the companion is closed when both directions have ended, by one downcall a side', () => {
    const pair = new Pair({ loop });
    pair.run(() => pair.client.session.end());
    const closesBefore = pair.log.filter((line) => line.endsWith('down WSPCloseSocket')).length;
    pair.run(() => pair.server.session.end());
    const closes = pair.log.filter((line) => line.endsWith('down WSPCloseSocket')).length - closesBefore;
    expect(closes).toBe(2);
    expect([pair.client.events.at(-1), pair.server.events.at(-1)]).toEqual(['closed', 'closed']);
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-7.2] closed is the last event, after WPUCloseSocketHandle, which is the last upcall', () => {
    const pair = new Pair({ loop });
    const client = pair.client;
    const push = client.events.push.bind(client.events);
    client.events.push = (event) => {
      pair.log.push(`client event ${event}`);
      return push(event);
    };
    pair.run(() => {
      client.session.send(bytesOf(100));
      client.session.abort(new Error('enough'));
    });
    const last = pair.log.filter((line) => line.startsWith('client up') || line.startsWith('client event'));
    expect(last.slice(-2)).toEqual(['client up WPUCloseSocketHandle', 'client event closed Error: enough']);
    const completions = client.crossed('WPUCompleteOverlappedRequest');
    expect(completions.some(({ args }) => args[2] === '995')).toBe(true);
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-7.3] an abort is ECONNRESET for the peer, after what was sent before it', () => {
    const pair = new Pair({ loop });
    pair.run(() => pair.client.session.send(Buffer.from('last words')));
    pair.run(() => pair.client.session.abort(null));
    expect(pair.server.received.toString()).toBe('last words');
    expect(codeOf(pair.server.closedWith)).toBe('ECONNRESET');
    expect(pair.client.closedWith).toBeNull();
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-7.3] an orderly end is none: whoever reads later still reads all of it', () => {
    const pair = new Pair({ loop });
    pair.run(() => pair.server.session.pause());
    pair.run(() => {
      pair.client.session.send(bytesOf(1_000));
      pair.client.session.end();
      pair.server.session.end();
    });
    expect(pair.client.closedWith).toBeNull();
    expect(pair.server.received.length).toBe(0);
    pair.run(() => pair.server.session.resume());
    expect(pair.server.received.equals(bytesOf(1_000))).toBe(true);
    expect(pair.server.events.slice(-2)).toEqual(['ended', 'closed']);
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-7.3] a peer that goes while the application does not read: waiting sends fail, nothing waits for ever', () => {
    const pair = new Pair({ loop: { ...loop, maxMessageBytes: 200, queueBytes: 500 }, receiveBuffers: 4 });
    const outcomes: unknown[] = [];
    pair.run(() => {
      pair.server.session.pause();
      pair.client.session.pause();
      pair.client.session.send(bytesOf(10_000), (error) => outcomes.push(error));
    });
    expect(outcomes).toEqual([]);
    pair.run(() => pair.server.session.abort(null));
    expect(outcomes).toHaveLength(1);
    expect(outcomes[0]).toBeInstanceOf(Error);
    pair.run(() => pair.client.session.resume());
    expect(codeOf(pair.client.closedWith)).toBe('ECONNRESET');
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-7.3] a connection that breaks on the wire ends once on both sides, with one error each', () => {
    const pair = new Pair({ loop });
    pair.run(() => pair.client.provider.cutAll());
    for (const { closedWith, events } of [pair.client, pair.server]) {
      expect(codeOf(closedWith)).toBe('ECONNRESET');
      expect(events.filter((event) => event.startsWith('closed'))).toHaveLength(1);
    }
    expect(pair.leaks).toEqual([]);
  });

  it('[WSD-7.4] the descriptor is used until it is closed, and not after', () => {
    const pair = new Pair({ loop });
    pair.run(() => pair.server.session.abort(null));
    const { entries } = pair.client.trace;
    const closedAt = entries.findLastIndex(({ kind, name }) => kind === 'down' && name === 'WSPCloseSocket');
    expect(closedAt).toBeGreaterThan(0);
    expect(entries.slice(closedAt + 1).filter(({ kind }) => kind === 'down')).toEqual([]);
    expect(pair.fabric.faults).toEqual([]);
  });

  it.each([true, false])(
    '[WSD-6.3] a connection that ends amid a transfer leaves no memory behind (peer reads: %s)',
    (rdmaRead) => {
      // Cut at every step that a transfer takes.
      for (let steps = 0; steps < 40; steps++) {
        for (const who of ['client', 'server'] as const) {
          const pair = new Pair({ loop: { ...loop, rdmaThresholdBytes: 1_000, rdmaRead } });
          let left = steps;
          const wait = () => (left-- > 0 ? pair.world.schedule(wait) : pair[who].session.abort(null));
          pair.run(() => {
            pair.client.session.send(bytesOf(5_000));
            wait();
          });
          expect(pair.leaks, `${who} after ${steps} steps`).toEqual([]);
          expect([pair.client.closedWith, pair.server.closedWith].every((closed) => closed !== undefined)).toBe(true);
        }
      }
    },
  );

  it('[WSD-7.2] a provider that fails to close leaves no session hanging', () => {
    for (const outcome of [WSAENETDOWN, 'throw'] as const) {
      // The switches' scratch sockets are closed first.
      const failure = new Failure({ calls: ['WSPCloseSocket'], nth: 2, outcome });
      const pair = new Pair({ loop, client: { concerns: () => [failure] } });
      pair.run(() => pair.client.session.abort(new Error('enough')));
      expect(failure.failed).toBe(1);
      expect(pair.client.events.at(-1)).toBe('closed Error: enough');
    }
  });
});
