import { describe, expect, it } from 'vitest';
import { SESSION_RESUME, SESSION_SUSPEND, SESSION_SUSPENDED } from '#src/layout/layout.gen.js';
import { bytesOf, codeOf, type End, HARDWARE, LENDING, Pair, RESUME_TIMEOUT_MS, RING } from './pair.js';
import { hello, message, Stranger } from './stranger.js';

const TIMEOUT_MS = 500;

/** The outcome of `suspend`. */
function suspend(end: End, timeoutMs = TIMEOUT_MS): { error?: Error | null } {
  const outcome: { error?: Error | null } = {};
  end.session.suspend(timeoutMs, (error) => {
    outcome.error = error;
  });
  return outcome;
}

/** Moves a session to another provider of the fabric. */
function move(pair: Pair, end: End): End {
  const next = pair.another(end);
  let outcome: { error?: Error | null } = {};
  pair.run(() => {
    outcome = suspend(end);
  });
  expect(outcome.error).toBeNull();
  pair.run(() => next.adopt(end.session.handOver(next.host.ownerKey)));
  return next;
}

const sides = ['client', 'server'] as const;
const kinds = [
  ['ring', RING],
  ['hardware', HARDWARE],
  ['lending', LENDING],
  ['hardware with RDMA', { ...HARDWARE, rdmaThresholdBytes: 500, maxRdmaBytes: 2_000, rdmaRead: true }],
] as const;

describe.each(kinds)('a change of owner over %s', (_name, loop) => {
  describe.each(sides)('of the %s', (name) => {
    const other = name === 'client' ? 'server' : 'client';

    it('[WSD-8.1] a quiet session goes on with its new owner, and nobody hears of it', () => {
      const pair = new Pair({ loop });
      const next = move(pair, pair[name]);
      pair.run(() => {
        next.session.send(Buffer.from('to the one that stayed'));
        pair[other].session.send(Buffer.from('to the new owner'));
      });
      expect(pair[other].received.toString()).toBe('to the one that stayed');
      expect(next.received.toString()).toBe('to the new owner');
      expect(pair[name].events).toEqual(['negotiated']);
      expect(pair[other].events).toEqual(['negotiated', 'received 22']);
      pair.run(() => {
        next.session.end();
        pair[other].session.end();
      });
      expect([next.events.at(-1), pair[other].events.at(-1)]).toEqual(['closed', 'closed']);
      expect(pair.leaks).toEqual([]);
    });

    it('[WSD-8.1] what both sides send meanwhile arrives once and in order, over ten moves', () => {
      const pair = new Pair({ loop: { ...loop, maxMessageBytes: 200, queueBytes: 600 }, receiveBuffers: 4 });
      const stays = pair[other];
      const [toStays, toMoves] = [bytesOf(60_000, 1), bytesOf(60_000, 2)];
      const got: Buffer[] = [];
      let at = pair[name];
      for (let i = 0; i < 10; i++) {
        const next = pair.another(at);
        const from = i * 6_000;
        pair.run(() => {
          for (let j = 0; j < 6_000; j += 1_000) {
            at.session.send(toStays.subarray(from + j, from + j + 1_000));
            stays.session.send(toMoves.subarray(from + j, from + j + 1_000));
          }
          at.session.suspend(TIMEOUT_MS, (error) => {
            expect(error).toBeNull();
            next.adopt(at.session.handOver(next.host.ownerKey));
          });
        });
        got.push(at.received);
        at = next;
      }
      got.push(at.received);
      expect(stays.received.equals(toStays)).toBe(true);
      expect(Buffer.concat(got).equals(toMoves)).toBe(true);
      pair.run(() => stays.session.abort(null));
      expect(codeOf(at.closedWith)).toBe('ECONNRESET');
      expect(pair.leaks).toEqual([]);
    });

    it('[WSD-8.1] a half-closed connection moves, whichever half is closed', () => {
      for (const ended of sides) {
        const pair = new Pair({ loop });
        pair.run(() => pair[ended].session.end());
        const next = move(pair, pair[name]);
        const open = ended === name ? pair[other] : next;
        const closed = ended === name ? next : pair[other];
        pair.run(() => open.session.send(Buffer.from('the other half')));
        expect(closed.received.toString()).toBe('the other half');
        pair.run(() => open.session.end());
        expect([next.events.at(-1), pair[other].events.at(-1)]).toEqual(['closed', 'closed']);
        expect(pair.leaks).toEqual([]);
      }
    });

    it('[WSD-8.1] sends and urgent data that have not left travel along, and their senders are told', () => {
      const pair = new Pair({ loop });
      const outcomes: unknown[] = [];
      const next = pair.another(pair[name]);
      pair.run(() => {
        const { session } = pair[name];
        session.suspend(TIMEOUT_MS, (error) => {
          expect(error).toBeNull();
          session.send(Buffer.from('said '), (sent) => outcomes.push(sent));
          session.send(Buffer.from('late'), (sent) => outcomes.push(sent));
          session.urgent(Buffer.from('!'));
          next.adopt(session.handOver(next.host.ownerKey));
        });
      });
      expect(outcomes).toEqual([null, null]);
      expect(pair[other].received.toString()).toBe('said late');
      expect(pair[other].events).toContain('urgent !');
      pair.run(() => next.session.abort(null));
      expect(pair.leaks).toEqual([]);
    });

    it('[WSD-8.2] a peer that never hears of the new owner gives up, with one clear error on both sides', () => {
      const pair = new Pair({ loop: { ...loop, handOverTimeoutMs: 60_000 } });
      const next = pair.another(pair[name]);
      pair.run(() => void suspend(pair[name]));
      let moved: ReturnType<typeof pair.client.session.handOver> | null = null;
      pair.run(() => {
        moved = pair[name].session.handOver(next.host.ownerKey);
      });
      expect(pair.wait()).toBe(RESUME_TIMEOUT_MS);
      expect(pair[other].closedWith).toMatchObject({ code: 'ETIMEDOUT', syscall: 'resume' });
      pair.run(() => next.adopt(moved!));
      expect(next.events).toEqual(['not attached 10054']);
      expect(pair.leaks.filter((leak) => !leak.includes('sockets'))).toEqual([]);
    });

    it('[WSD-8.2] a peer that dies between two owners is a reset for the new one', () => {
      const pair = new Pair({ loop });
      const next = pair.another(pair[name]);
      pair.run(() => void suspend(pair[name]));
      pair.run(() => {
        const moved = pair[name].session.handOver(next.host.ownerKey);
        pair[other].session.abort(null);
        next.adopt(moved);
      });
      expect(next.events).toEqual(['not attached 10054']);
    });

    it('[WSD-8.2] a peer that dies while the session is suspended: the move fails, and the session ends with a reset', () => {
      const pair = new Pair({ loop });
      let outcome: { error?: Error | null } = {};
      pair.run(() => {
        pair[other].session.pause();
        pair[name].session.send(bytesOf(100));
      });
      pair.run(() => {
        outcome = suspend(pair[name]);
        pair[other].session.abort(null);
      });
      expect(outcome.error).toMatchObject({ code: 'ERR_SANSWITCH_HAND_OVER' });
      expect(codeOf(pair[name].closedWith)).toBe('ECONNRESET');
      expect(pair.leaks).toEqual([]);
    });

    it('[WSD-8.1] a move that is given up leaves everything as it was: both sides go on, and another move succeeds', () => {
      const pair = new Pair({ loop });
      let outcome: { error?: Error | null } = {};
      pair.run(() => {
        outcome = suspend(pair[name]);
      });
      expect(outcome.error).toBeNull();
      pair.run(() => {
        pair[other].session.send(Buffer.from('waits'));
        pair[name].session.send(Buffer.from('waits too'));
      });
      expect([pair[name].received.length, pair[other].received.length]).toEqual([0, 0]);
      pair.run(() => pair[name].session.keep());
      expect(pair[name].received.toString()).toBe('waits');
      expect(pair[other].received.toString()).toBe('waits too');
      const next = move(pair, pair[name]);
      pair.run(() => next.session.abort(null));
      expect(pair.leaks).toEqual([]);
    });

    it('[WSD-8.1] a peer that does not read: the move succeeds, or is given up in time, and nothing is lost', () => {
      // Where buffers are posted SUSPEND comes through, unless an offer is before it, which waits for the reader.
      const succeeds = loop === HARDWARE || loop === LENDING;
      const pair = new Pair({ loop: { ...loop, maxMessageBytes: 200, queueBytes: 500 }, receiveBuffers: 4 });
      let outcome: { error?: Error | null } = {};
      pair.run(() => {
        pair[other].session.pause();
        pair[name].session.send(bytesOf(5_000));
      });
      pair.run(() => {
        outcome = suspend(pair[name]);
      });
      if (succeeds) {
        expect(outcome.error).toBeNull();
        pair.run(() => pair[name].session.keep());
      } else {
        expect(outcome.error).toBeUndefined();
        expect(pair.wait()).toBe(TIMEOUT_MS);
        expect(outcome.error).toMatchObject({ code: 'ERR_SANSWITCH_HAND_OVER' });
      }
      pair.run(() => pair[other].session.send(Buffer.from('still here')));
      expect(pair[name].received.toString()).toBe('still here');
      pair.run(() => pair[other].session.resume());
      expect(pair[other].received.equals(bytesOf(5_000))).toBe(true);
      const next = move(pair, pair[name]);
      pair.run(() => next.session.abort(null));
      expect(pair.leaks).toEqual([]);
    });

    it('[WSD-8.1] a peer that stops reading while it waits hears of the new owner all the same', () => {
      const pair = new Pair({ loop: { ...loop, maxMessageBytes: 200, queueBytes: 500 }, receiveBuffers: 4 });
      const next = pair.another(pair[name]);
      pair.run(() => void suspend(pair[name]));
      pair.run(() => {
        pair[other].session.pause();
        pair[other].session.send(bytesOf(3_000));
        next.adopt(pair[name].session.handOver(next.host.ownerKey));
      });
      expect(next.received.equals(bytesOf(3_000))).toBe(true);
      pair.run(() => next.session.abort(null));
      pair.run(() => pair[other].session.resume());
      expect(pair.leaks).toEqual([]);
    });

    it('[WSD-8.1] a session that is torn, closing or moving already does not move, and says so', () => {
      const pair = new Pair({ loop });
      const outcomes: { error?: Error | null }[] = [];
      pair.run(() => outcomes.push(suspend(pair[name]), suspend(pair[name])));
      expect(outcomes[0]?.error).toBeNull();
      expect(outcomes[1]?.error).toMatchObject({ code: 'ERR_SANSWITCH_HAND_OVER' });
      pair.run(() => {
        pair[name].session.keep();
        pair[name].session.abort(null);
        outcomes.push(suspend(pair[name]));
      });
      expect(outcomes[2]?.error).toMatchObject({ code: 'ERR_SANSWITCH_HAND_OVER' });
      expect(() => pair[name].session.handOver({ loop: 1 })).toThrow('has ended');
      expect(pair.leaks).toEqual([]);
    });

    it('[WSD-8.1] a provider that does not hand over leaves the session as it was', () => {
      const pair = new Pair({ loop });
      pair.run(() => void suspend(pair[name]));
      pair.run(() => {
        expect(() => pair[name].session.handOver({ loop: 123_456 })).toThrow('WSAEINVAL');
        pair[name].session.keep();
        pair[name].session.send(Buffer.from('as before'));
      });
      expect(pair[other].received.toString()).toBe('as before');
      pair.run(() => pair[name].session.abort(null));
      expect(pair.leaks).toEqual([]);
    });
  });

  it('[WSD-8.1] both sides move at once: first the connecting one, then the other, and no byte is lost', () => {
    const pair = new Pair({ loop });
    const order: string[] = [];
    const nexts = { client: pair.another(pair.client), server: pair.another(pair.server) };
    pair.run(() => {
      for (const name of sides) {
        pair[name].session.send(Buffer.from(`before ${name} `));
        pair[name].session.suspend(TIMEOUT_MS, (error) => {
          expect(error).toBeNull();
          order.push(name);
          pair[name].session.send(Buffer.from(`at the last moment`));
          nexts[name].adopt(pair[name].session.handOver(nexts[name].host.ownerKey));
        });
      }
    });
    expect(order).toEqual(['client', 'server']);
    const { client, server } = nexts;
    expect(Buffer.concat([pair.client.received, client.received]).toString()).toBe('before server at the last moment');
    expect(Buffer.concat([pair.server.received, server.received]).toString()).toBe('before client at the last moment');
    pair.run(() => {
      client.session.end();
      server.session.end();
    });
    expect([client.events.at(-1), server.events.at(-1)]).toEqual(['closed', 'closed']);
    expect(pair.leaks).toEqual([]);
  });

  it.each([
    ['SUSPENDED that nobody asked for', [hello(), message(SESSION_SUSPENDED)]],
    ['RESUME of nothing', [hello(), message(SESSION_RESUME)]],
    ['SUSPEND twice', [hello(), message(SESSION_SUSPEND), message(SESSION_SUSPEND)]],
    ['RESUME twice', [hello(), message(SESSION_SUSPEND), message(SESSION_RESUME), message(SESSION_RESUME)]],
  ])('%s ends the connection', (_what, messages) => {
    const stranger = new Stranger(loop);
    stranger.say(...messages);
    expect(stranger.end()).toBe('ERR_SANSWITCH_SESSION_PROTOCOL');
  });
});

it('[WSD-8.1] a peer that hears of a move only after it was given up, and has no room to answer, goes on', () => {
  const pair = new Pair({ loop: { ...RING, maxMessageBytes: 1_200, queueBytes: 3_000 } });
  const { client, server } = pair;
  let outcome: { error?: Error | null } = {};
  pair.run(() => {
    server.session.pause();
    client.session.send(bytesOf(1_150));
    client.session.send(bytesOf(1_150, 2));
  });
  pair.run(() => {
    client.session.pause();
    outcome = suspend(client);
  });
  pair.wait();
  expect(outcome.error).toMatchObject({ code: 'ERR_SANSWITCH_HAND_OVER' });
  pair.run(() => server.session.send(bytesOf(20_000)));
  pair.run(() => server.session.resume());
  expect(server.received.length).toBe(2_300);
  pair.run(() => client.session.resume());
  expect(client.received.equals(bytesOf(20_000))).toBe(true);
  expect(pair.wait()).toBe(0);
  const next = move(pair, client);
  pair.run(() => next.session.abort(null));
  expect(pair.leaks).toEqual([]);
});
