import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch, type LentBytes, type Switch } from 'sanswitch';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, Party } from './party.js';
import { killPeers, Peer, STRICT } from './peer.js';

const KIB = 1024;
const MIB = 1024 * KIB;

let sw: Switch;
let peer: Peer;

beforeAll(async () => {
  peer = await Peer.process();
});

afterAll(killPeers);

beforeEach(async () => {
  sw = await createSwitch(STRICT);
});

afterEach(() => sw.close());

/** A connection and the number of its other end. */
async function pair(behaviour: 'hold' | 'sink' | 'echo', highWaterMarkBytes?: number): Promise<[Party, number]> {
  const { port } = await peer.do.listen(behaviour);
  const party = new Party('sink');
  const options = { host: '127.0.0.1', port, handlers: party.handlers, highWaterMarkBytes };
  party.socket = await sw.connect(options);
  let other = -1;
  await eventually('accepted', async () => {
    other = (await peer.do.allFacts()).findIndex(({ localPort }) => localPort === port);
    return other >= 0;
  });
  return [party, other];
}

describe('[WSD-5.4] a reader that does not read', () => {
  it('stops its sender, loses nothing, disturbs nobody, and `drained` comes once per stop', async () => {
    const [party, other] = await pair('hold', 64 * KIB);
    const [lively, echo] = await pair('echo');
    const totalBytes = 24 * MIB;
    const rssBefore = (await peer.do.resources()).rssBytes;
    const flood = party.flood({ totalBytes, seed: 1, maxBytes: 16 * KIB });
    await eventually('the sender is stopped', () => party.stops === 1);
    const until = performance.now() + 2_000;
    let rounds = 0;
    while (performance.now() < until) {
      lively.socket.send(Buffer.from('still here'));
      rounds++;
      await lively.got(rounds * 10);
      await delay(20);
    }
    expect(rounds).toBeGreaterThan(5);
    expect(party.facts()).toMatchObject({ stops: 1, drains: 0 });
    // The high-water mark and one piece above it.
    expect(party.socket.queuedBytes).toBeLessThanOrEqual(80 * KIB);
    expect((await peer.do.facts(other)).received).toBe(0);
    await peer.do.read(other);
    const sent = await flood;
    party.socket.end();
    await party.closing();
    const facts = await peer.do.facts(other);
    expect(facts).toMatchObject({ received: totalBytes, crc: sent, errorCode: null });
    expect(party.drains).toBe(party.stops);
    expect((await peer.do.resources()).rssBytes - rssBefore).toBeLessThan(64 * MIB);
    expect((await peer.do.facts(echo)).errorCode).toBeNull();
  });

  it('pause and resume in a storm', async () => {
    const [party, other] = await pair('sink', 32 * KIB);
    const totalBytes = 16 * MIB;
    let storming = true;
    const storm = (async () => {
      for (let i = 0; storming; i++) {
        await peer.do.tell(other, 'pause');
        if (i % 3 === 0) await delay(1);
        await peer.do.tell(other, 'resume');
      }
    })();
    const sent = await party.flood({ totalBytes, seed: 2, maxBytes: 12 * KIB });
    party.socket.end();
    await party.closing();
    storming = false;
    await storm;
    expect(await peer.do.facts(other)).toMatchObject({ received: totalBytes, crc: sent, errorCode: null });
    expect(party.drains).toBe(party.stops);
  });

  it('pauses inside `received`, each time', async () => {
    const chunks: number[] = [];
    let isPaused = false;
    let overrun = 0;
    const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => {
      socket.handlers = {
        received(self, bytes) {
          if (isPaused) overrun++;
          isPaused = true;
          chunks.push(bytes.length);
          self.pause();
          // In the same tick, the next one, or later.
          const resume = (): void => {
            isPaused = false;
            self.resume();
          };
          if (chunks.length % 3 === 0) resume();
          else if (chunks.length % 3 === 1) process.nextTick(resume);
          else setTimeout(resume, 1);
        },
      };
    });
    const party = new Party('sink');
    party.socket = await sw.connect({ host: '127.0.0.1', port: listener.address().port, handlers: party.handlers });
    const totalBytes = 2 * MIB;
    await party.flood({ totalBytes, seed: 3, maxBytes: 10 * KIB });
    party.socket.end();
    await party.closing();
    expect(chunks.reduce((sum, length) => sum + length, 0)).toBe(totalBytes);
    expect(overrun).toBe(0);
  });
});

describe('[WSD-5.4] SIGSTOP is not death', () => {
  /** Longer than any time-out of a handshake, a cancelled transfer or a start. */
  const STOPPED_MS = 5_500;
  const totalBytes = 8 * MIB;
  const flood = { totalBytes, maxBytes: 64 * KIB };

  it('a stopped process is only a slow reader, in whose stead nothing is lost', { timeout: 40_000 }, async () => {
    const stopped = await Peer.process();
    const { port } = await stopped.do.listen('sink');
    const party = new Party('sink');
    const handlers = party.handlers;
    party.socket = await sw.connect({ host: '127.0.0.1', port, handlers, highWaterMarkBytes: 64 * KIB });
    await eventually('accepted', async () => (await stopped.do.count()) === 1);
    const theirs = stopped.do.flood(0, { ...flood, seed: 5 });
    await party.got(MIB);
    stopped.child?.kill('SIGSTOP');
    const ours = party.flood({ ...flood, seed: 4 });
    // `send` has returned false. A signal takes a moment to arrive.
    await eventually('the sender is stopped', () => party.stops > party.drains);
    await delay(200);
    const { stops, drains, queuedBytes } = party.facts();
    expect(stops).toBe(drains + 1);
    // Not more is taken than the high-water mark and one piece.
    expect(queuedBytes).toBeLessThanOrEqual(128 * KIB);
    await delay(STOPPED_MS);
    expect(party.facts()).toMatchObject({ closed: false, state: 'open', stops, drains, queuedBytes });
    stopped.child?.kill('SIGCONT');
    const sums = [await ours, await theirs];
    await party.got(totalBytes);
    await stopped.do.got(0, totalBytes);
    expect(await stopped.do.facts(0)).toMatchObject({ received: totalBytes, crc: sums[0], closed: false });
    expect(party.facts()).toMatchObject({ received: totalBytes, crc: sums[1], closed: false });
    await stopped.kill();
  });

  it('and keeps its idle connections', { timeout: 40_000 }, async () => {
    const stopped = await Peer.process();
    const { port } = await stopped.do.listen('echo');
    const all = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const party = new Party('sink');
        party.socket = await sw.connect({ host: '127.0.0.1', port, handlers: party.handlers });
        return party;
      }),
    );
    stopped.child?.kill('SIGSTOP');
    for (const party of all.slice(0, 10)) party.socket.send(Buffer.from('before'));
    await delay(STOPPED_MS);
    for (const party of all.slice(10)) party.socket.send(Buffer.from('behind'));
    stopped.child?.kill('SIGCONT');
    await Promise.all(all.map((party) => party.got(6)));
    expect(all.filter(({ closed }) => closed)).toEqual([]);
    await stopped.kill();
  });
});

describe('what `received` is given', () => {
  it('a copy: what was kept does not change', async () => {
    const kept: Uint8Array[] = [];
    const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => {
      socket.handlers = { received: (_, bytes) => void kept.push(bytes) };
    });
    const party = new Party('sink');
    party.socket = await sw.connect({ host: '127.0.0.1', port: listener.address().port, handlers: party.handlers });
    const sums: number[] = [];
    let total = 0;
    for (let i = 0; i < 400; i++) {
      const bytes = new Uint8Array(1 + ((i * 997) % 9_000)).fill(i);
      total += bytes.length;
      sums.push(i & 0xff);
      if (!party.socket.send(bytes)) await eventually('drained', () => party.socket.queuedBytes === 0);
      if (i % 50 === 0) await delay(1);
    }
    party.socket.end();
    await party.closing();
    const all = Buffer.concat(kept);
    expect(all.length).toBe(total);
    // Looked at only now, when the ring has gone round many times.
    let at = 0;
    for (const [i, value] of sums.entries()) {
      const length = 1 + ((i * 997) % 9_000);
      expect(all.subarray(at, at + length).every((byte) => byte === value)).toBe(true);
      at += length;
    }
  });

  it('lend: a view of shared memory, right while the handler runs', async () => {
    const { port } = await peer.do.listen('echo');
    const lent: LentBytes[] = [];
    let received = 0;
    let sum = 0;
    const socket = await sw.connect({
      host: '127.0.0.1',
      port,
      lend: true,
      handlers: {
        received(_, bytes) {
          if (lent.length < 4) lent.push(bytes);
          received += bytes.length;
          for (let i = 0; i < bytes.length; i += 101) sum += bytes[i] as number;
        },
      },
    });
    const message = new Uint8Array(64 * KIB).fill(3);
    for (let i = 0; i < 64; i++) if (!socket.send(message)) await eventually('drained', () => socket.queuedBytes === 0);
    await eventually('all came back', () => received === 4 * MIB);
    expect(sum % 3).toBe(0);
    expect(sum).toBeGreaterThan(3 * (received / 101));
    const [first] = lent as [Uint8Array];
    expect(first.buffer).toBeInstanceOf(SharedArrayBuffer);
    await socket.close();
  });

  it('lend, and `receive()`: always a copy', async () => {
    const { port } = await peer.do.listen('echo');
    const socket = await sw.connect({ host: '127.0.0.1', port, lend: true });
    socket.send(Buffer.from('copy me'));
    const bytes = (await socket.receive()) as Uint8Array;
    expect(bytes.buffer).not.toBeInstanceOf(SharedArrayBuffer);
    expect(Buffer.from(bytes).toString()).toBe('copy me');
    await socket.close();
  });
});
