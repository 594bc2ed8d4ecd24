import { readdirSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { HandOverError, type StreamSocket, type Switch } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { discardHandOver } from '#src/switch/hand-over.js';
import { eventually, Party } from '../shm/party.js';
import { Pattern, patternCrc } from '../shm/pattern.js';
import { carriers, move, type Trio, trioOver } from './movers.js';

type Which = 'near' | 'far';

/** An application that goes with its connection: what it has seen and sent, over all owners. */
class Nomad {
  socket: StreamSocket;
  readonly party = new Party('sink');
  private readonly pattern: Pattern;

  constructor(socket: StreamSocket, totalBytes: number, seed: number) {
    this.pattern = new Pattern({ totalBytes, seed, maxBytes: 60_000 });
    this.party.answersEnd = false;
    this.socket = socket;
    this.settle(socket);
  }

  settle(socket: StreamSocket): void {
    this.socket = socket;
    this.party.socket = socket;
    socket.handlers = this.party.handlers;
  }

  /** Sends the next pieces until the socket says stop. @returns false: there is no more */
  step(): boolean {
    for (let i = 0; i < 8; i++) {
      const piece = this.pattern.next();
      if (piece === null) return false;
      if (!this.socket.send(piece)) return true;
    }
    return true;
  }
}

function moverOf(trio: Trio, which: Which): { at: Switch; stays: StreamSocket; moves: StreamSocket } {
  const at = which === 'near' ? trio.client : trio.server;
  return { at, stays: trio[which === 'near' ? 'far' : 'near'], moves: trio[which] };
}

function gathered(socket: StreamSocket): { text: string; closed: unknown; ended: boolean } {
  const seen: { text: string; closed: unknown; ended: boolean } = { text: '', closed: undefined, ended: false };
  socket.handlers = {
    received: (_, bytes) => {
      seen.text += Buffer.from(bytes).toString();
    },
    ended: () => {
      seen.ended = true;
    },
    closed: (_, error) => {
      seen.closed = error;
    },
  };
  return seen;
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(HandOverError);
    return (error as Error).message;
  }
  throw new Error('it was handed over');
}

describe.each(carriers())('a socket changes its switch over $name', (carrier) => {
  describe.each(['near', 'far'] as const)('the %s one', (which) => {
    it('[WSD-8.1] both ends under full traffic see every byte once and in order, over 30 moves', async () => {
      const trio = await trioOver(carrier);
      const { at: first, stays, moves } = moverOf(trio, which);
      const totalBytes = 24_000_000;
      const resident = new Nomad(stays, totalBytes, 1);
      const nomad = new Nomad(moves, totalBytes, 2);
      let at = first;
      let isOver = false;
      const sendAll = async (one: Nomad): Promise<void> => {
        while (one.step()) await new Promise((resolve) => setImmediate(resolve));
      };
      const traffic = sendAll(resident).then(() => {
        isOver = true;
      });
      let more = true;
      for (let i = 0; i < 30; i++) {
        more &&= nomad.step();
        const to = at === trio.third ? first : trio.third;
        const before = nomad.socket;
        nomad.settle(await move(before, at, to, { handlers: nomad.party.handlers }));
        expect(before.state).toBe('closed');
        at = to;
      }
      while (more) {
        more = nomad.step();
        await new Promise((resolve) => setImmediate(resolve));
      }
      await traffic;
      expect(isOver).toBe(true);
      await nomad.party.got(totalBytes);
      await resident.party.got(totalBytes);
      expect(nomad.party.crc).toBe(patternCrc({ totalBytes, seed: 1, maxBytes: 60_000 }));
      expect(resident.party.crc).toBe(patternCrc({ totalBytes, seed: 2, maxBytes: 60_000 }));
      expect(nomad.socket.bytesSent).toBe(totalBytes);
      expect(nomad.socket.bytesReceived).toBe(totalBytes);
      const { provider } = nomad.socket;
      const counted = [first, trio.third].map((sw) => sw.stats().providers[provider]);
      const sum = (of: 'handedOver' | 'adopted' | 'completions') =>
        counted.reduce((all, one) => all + (one?.[of] ?? 0), 0);
      expect([sum('handedOver'), sum('adopted')]).toEqual([30, 30]);
      if (provider === 'tcp') expect(sum('completions')).toBe(0);
      else expect(sum('completions')).toBeGreaterThan(30);
      nomad.socket.end();
      resident.socket.end();
      await Promise.all([nomad.party.closing(), resident.party.closing()]);
      expect([nomad.party.error, resident.party.error]).toEqual([null, null]);
    });

    it('[WSD-8.1] the old socket is dead, and its handlers are told nothing', async () => {
      const trio = await trioOver(carrier);
      const { at, stays, moves } = moverOf(trio, which);
      const seen = gathered(moves);
      const { localPort, remotePort, decision } = moves;
      moves.setOption('noDelay', false);
      const moved = await move(moves, at, trio.third);
      expect(moves.state).toBe('closed');
      expect(() => moves.send(Buffer.from('x'))).toThrow(expect.objectContaining({ code: 'ERR_STREAM_DESTROYED' }));
      moves.handlers = {};
      await expect(moves.receive()).rejects.toThrow('another owner');
      await moves.close();
      moves.abort();
      expect(moved).toMatchObject({ localPort, remotePort, decision, state: 'open', provider: moves.provider });
      expect(moved.getOption('noDelay')).toBe(false);
      const arrived = gathered(stays);
      moved.send(Buffer.from('still here'));
      await eventually('the word', () => arrived.text === 'still here');
      expect(seen).toEqual({ text: '', closed: undefined, ended: false });
      expect(at.stats().providers[moves.provider]).toMatchObject({ open: 0 });
      expect(trio.third.stats().providers[moves.provider]).toMatchObject({ open: 1, accepts: 0 });
    });

    it('[WSD-8.1] what the application has not had comes first, be it paused or without handlers', async () => {
      for (const reader of ['paused', 'without handlers'] as const) {
        const trio = await trioOver(carrier);
        const { at, stays, moves } = moverOf(trio, which);
        if (reader === 'paused') gathered(moves);
        moves.pause();
        stays.send(Buffer.from('one '));
        await delay(20);
        stays.send(Buffer.from('two '));
        const moved = await move(moves, at, trio.third);
        stays.send(Buffer.from('three'));
        const seen = gathered(moved);
        await eventually('all of it', () => seen.text === 'one two three');
      }
    });

    it('[WSD-8.1] a pending receive() ends with zero bytes; the next owner goes on', async () => {
      const trio = await trioOver(carrier);
      const { at, stays, moves } = moverOf(trio, which);
      const pending = moves.receive();
      const connection = at.handOver(moves, trio.third.owner);
      stays.send(Buffer.from('for the next'));
      const moved = (await trio.third.adopt(await connection)) as unknown as StreamSocket;
      const first = (await pending) as Uint8Array;
      const rest = first.length > 0 ? first : ((await moved.receive()) as Uint8Array);
      expect(Buffer.from(rest).toString()).toBe('for the next');
      await expect(moves.receive()).rejects.toMatchObject({ code: 'ERR_SANSWITCH_HAND_OVER' });
    });

    it('[WSD-8.1] half-closed connections move, whichever half is closed', async () => {
      for (const closed of ['mine', "the peer's", "the peer's, unread"] as const) {
        const trio = await trioOver(carrier);
        const { at, stays, moves } = moverOf(trio, which);
        const arrived = gathered(stays);
        const before = gathered(moves);
        if (closed === "the peer's, unread") moves.pause();
        const [ended, open] = closed === 'mine' ? [moves, stays] : [stays, moves];
        ended.end();
        await delay(20);
        if (closed === "the peer's") await eventually('the end', () => before.ended);
        const moved = await move(moves, at, trio.third);
        const seen = gathered(moved);
        const sender = open === moves ? moved : open;
        sender.send(Buffer.from('the other half'));
        sender.end();
        await eventually('both ends', () => seen.closed === null && arrived.closed === null);
        expect(closed === 'mine' ? seen.text : arrived.text).toBe('the other half');
        // The end of the peer's half is told once.
        expect([before.ended, seen.ended].filter(Boolean)).toHaveLength(1);
      }
    });

    it('[WSD-8.1] sends that wait travel along, and sendAsync resolves', async () => {
      const trio = await trioOver(carrier);
      const { at, stays, moves } = moverOf(trio, which);
      const arrived = gathered(stays);
      const connection = at.handOver(moves, trio.third.owner);
      const sent = moves.sendAsync(Buffer.from('at the last moment'));
      moves.end();
      const moved = (await trio.third.adopt(await connection)) as unknown as StreamSocket;
      await sent;
      await eventually('all of it', () => arrived.text === 'at the last moment' && arrived.ended);
      expect(moved.state).toBe('readOnly');
      moved.abort();
    });

    it('[WSD-8.1] drained is told by the new owner when the old one has been told to stop', async () => {
      const trio = await trioOver(carrier, { sw: { highWaterMarkBytes: 10_000 } });
      const { at, stays, moves } = moverOf(trio, which);
      let drained = 0;
      const connection = at.handOver(moves, trio.third.owner);
      while (moves.send(new Uint8Array(5_000)));
      gathered(stays);
      const handlers = { drained: () => (drained += 1) } as never;
      await trio.third.adopt(await connection, { handlers });
      await eventually('drained', () => drained === 1);
      await delay(20);
      expect(drained).toBe(1);
    });

    it('[WSD-8.1] a peer that does not read: the move is given up in time, and the socket goes on as before', async () => {
      const trio = await trioOver(carrier);
      const { at, stays, moves } = moverOf(trio, which);
      const seen = gathered(moves);
      stays.pause();
      const flood = new Uint8Array(24_000_000).fill(7);
      let sent = false;
      moves.send(flood, () => {
        sent = true;
      });
      stays.send(Buffer.from('I do not read'));
      const why = await refusal(at.handOver(moves, trio.third.owner, { timeoutMs: 150 }));
      expect(why).toMatch(/^the connection stays: the peer has not (read|answered) within 150 ms$/);
      await eventually('what came meanwhile', () => seen.text === 'I do not read');
      let bytes = 0;
      stays.handlers = {
        received: (_, { length }) => {
          bytes += length;
        },
      };
      stays.resume();
      await eventually('the flood', () => bytes === flood.length && sent);
      const moved = await move(moves, at, trio.third);
      moved.send(new Uint8Array(5));
      await eventually('the rest', () => bytes === flood.length + 5);
    });

    it('[WSD-8.2] the peer dies while the socket is suspended: one clear error, and the application hears of the end', async () => {
      const trio = await trioOver(carrier);
      const { at, stays, moves } = moverOf(trio, which);
      const seen = gathered(moves);
      stays.pause();
      moves.send(new Uint8Array(24_000_000));
      await delay(20);
      const why = refusal(at.handOver(moves, trio.third.owner));
      stays.abort();
      expect(await why).toBe('the connection has ended meanwhile');
      await eventually('closed', () => seen.closed !== undefined);
      expect(seen.closed).toMatchObject({ code: 'ECONNRESET' });
    });

    it('[WSD-8.2] nobody adopts it: the peer sees a reset', async () => {
      const trio = await trioOver(carrier);
      const { at, stays, moves } = moverOf(trio, which);
      const seen = gathered(stays);
      discardHandOver(structuredClone(await at.handOver(moves, trio.third.owner)));
      await eventually('the reset', () => seen.closed !== undefined);
      expect(seen.closed).toMatchObject({ code: 'ECONNRESET' });
    });

    it('[WSD-8.2] whoever was to adopt it is closed: the peer sees a reset', async () => {
      const trio = await trioOver(carrier);
      const { at, stays, moves } = moverOf(trio, which);
      const seen = gathered(stays);
      const connection = await at.handOver(moves, trio.third.owner);
      await trio.third.close();
      await expect(trio.third.adopt(connection)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_CLOSED' });
      await eventually('the reset', () => seen.closed !== undefined);
      expect(seen.closed).toMatchObject({ code: 'ECONNRESET' });
    });

    it('[WSD-8.1] a socket that closes, or is asked twice, does not move; nothing else is wrong with it', async () => {
      const trio = await trioOver(carrier);
      const { at, moves } = moverOf(trio, which);
      const { owner } = trio.third;
      const first = at.handOver(moves, owner);
      expect(await refusal(at.handOver(moves, owner))).toMatch(/moves already/);
      const moved = (await trio.third.adopt(await first)) as unknown as StreamSocket;
      expect(await refusal(at.handOver(moves, owner))).toMatch(/closed, or of another switch/);
      expect(await refusal(at.handOver(moved, owner))).toMatch(/of another switch/);
      const late = trio.third.handOver(moved, at.owner);
      void moved.close();
      expect(await refusal(late)).toMatch(/ended|being closed/);
      await expect(at.handOver({} as never, owner)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    });
  });

  it('[WSD-8.1] both ends move at once, again and again', async () => {
    const trio = await trioOver(carrier);
    const ends = [
      { nomad: new Nomad(trio.near, 3_000_000, 1), at: trio.client, others: [trio.client, trio.third] },
      { nomad: new Nomad(trio.far, 3_000_000, 2), at: trio.server, others: [trio.server, trio.third] },
    ];
    const roam = async (end: (typeof ends)[number]): Promise<void> => {
      for (let i = 0; i < 10; i++) {
        end.nomad.step();
        const to = end.others.find((other) => other !== end.at) as Switch;
        end.nomad.settle(await move(end.nomad.socket, end.at, to, { handlers: end.nomad.party.handlers }));
        end.at = to;
      }
      while (end.nomad.step()) await new Promise((resolve) => setImmediate(resolve));
    };
    await Promise.all(ends.map(roam));
    for (const [i, { nomad }] of ends.entries()) {
      await nomad.party.got(3_000_000);
      expect(nomad.party.crc).toBe(patternCrc({ totalBytes: 3_000_000, seed: 2 - i, maxBytes: 60_000 }));
    }
  });

  it('[WSD-6.3] fifty moves leave no descriptor behind', async () => {
    const trio = await trioOver(carrier);
    let at = trio.client;
    let socket = trio.near;
    const roam = async (): Promise<void> => {
      const to = at === trio.client ? trio.third : trio.client;
      socket = await move(socket, at, to);
      at = to;
    };
    for (let i = 0; i < 4; i++) await roam();
    await delay(50);
    const before = readdirSync('/proc/self/fd').length;
    for (let i = 0; i < 50; i++) await roam();
    await delay(50);
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(before);
  });
});
