import { createSwitch, type Switch } from 'sanswitch';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventually, Party } from './party.js';
import { patternCrc } from './pattern.js';
import { killPeers, Peer, STRICT } from './peer.js';

/** Bytes in each direction of the long transfer; the whole GiB on demand. */
const LONG_BYTES = Number(process.env.SANSWITCH_TEST_LONG_BYTES ?? 256 * 1024 * 1024);
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

async function connect(port: number, behaviour: 'sink' | 'hold' = 'sink'): Promise<Party> {
  const party = new Party(behaviour);
  party.socket = await sw.connect({ host: '127.0.0.1', port, handlers: party.handlers });
  return party;
}

/** The numbers over there of the parties that connections of ours were accepted as. */
async function theirs(...parties: Party[]): Promise<number[]> {
  let indices: number[] = [];
  await eventually('the connections are accepted', async () => {
    const all = await peer.do.allFacts();
    indices = parties.map(({ socket }) => {
      return all.findIndex(
        ({ remotePort, localPort, closed }) =>
          !closed && remotePort === socket.localPort && localPort === socket.remotePort,
      );
    });
    return indices.every((index) => index >= 0);
  });
  return indices;
}

describe('[WSD-5.10] every byte once, in order', () => {
  it(`${LONG_BYTES / MIB} MiB in each direction at once`, { timeout: 240_000 }, async () => {
    const { port } = await peer.do.listen('sink');
    const party = await connect(port);
    const [other] = (await theirs(party)) as [number];
    const out = { totalBytes: LONG_BYTES, seed: 7, minBytes: 256 * KIB };
    const back = { totalBytes: LONG_BYTES, seed: 8, minBytes: 256 * KIB };
    const [sent, returned] = await Promise.all([party.flood(out), peer.do.flood(other, back)]);
    party.socket.end();
    await party.closing();
    expect(party.facts()).toMatchObject({ received: LONG_BYTES, crc: returned, errorCode: null });
    expect(await peer.do.facts(other)).toMatchObject({ received: LONG_BYTES, crc: sent, errorCode: null });
  });

  it.each([
    ['0 to 1.5 MiB', { totalBytes: 48 * MIB, seed: 3 }],
    ['0 to 5 KiB', { totalBytes: 4 * MIB, seed: 4, maxBytes: 5 * KIB }],
    ['0 to 40 bytes', { totalBytes: 256 * KIB, seed: 5, maxBytes: 40 }],
    ['around the sizes of the slots', { totalBytes: 24 * MIB, seed: 6, minBytes: 32_000, maxBytes: 33_500 }],
  ])('messages of %s, echoed', async (_, options) => {
    const { port } = await peer.do.listen('echo');
    const party = await connect(port);
    const sent = await party.flood(options);
    party.socket.end();
    await party.closing();
    expect(party.facts()).toMatchObject({ received: options.totalBytes, crc: sent, errorCode: null });
  });

  it('in one thread, echoed', async () => {
    const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => {
      const echo = new Party('echo');
      echo.socket = socket;
      socket.handlers = echo.handlers;
    });
    const party = await connect(listener.address().port);
    const options = { totalBytes: 24 * MIB, seed: 11 };
    const sent = await party.flood(options);
    party.socket.end();
    await party.closing();
    expect(party.facts()).toMatchObject({ received: options.totalBytes, crc: sent, errorCode: null });
  });

  it('between two threads, echoed', async () => {
    const thread = await Peer.thread();
    const { port } = await thread.do.listen('echo');
    const party = await connect(port);
    const options = { totalBytes: 24 * MIB, seed: 12 };
    const sent = await party.flood(options);
    party.socket.end();
    await party.closing();
    expect(party.facts()).toMatchObject({ received: options.totalBytes, crc: sent, errorCode: null });
    await thread.kill();
  });
});

describe('many connections on one link', () => {
  it('500 at once, mixed sizes, echoed', { timeout: 60_000 }, async () => {
    const { port } = await peer.do.listen('echo');
    const parties = await Promise.all(Array.from({ length: 500 }, () => connect(port)));
    expect(new Set(parties.map(({ socket }) => socket.localPort)).size).toBe(500);
    const sizes = [300, 9 * KIB, 150 * KIB, 3_000, 60];
    const sent = await Promise.all(
      parties.map(async (party, i) => {
        const totalBytes = sizes[i % sizes.length] as number;
        const crc = await party.flood({ totalBytes, seed: i, maxBytes: (i % 7) * 8_000 + 50, minBytes: 1 });
        party.socket.end();
        await party.closing();
        return crc;
      }),
    );
    expect(parties.map(({ crc }) => crc)).toEqual(sent);
    expect(parties.every(({ error }) => error === null)).toBe(true);
  });

  it('more bulk connections than there are large slots, all at once', { timeout: 90_000 }, async () => {
    const { port } = await peer.do.listen('hold');
    const count = 160;
    const parties = await Promise.all(Array.from({ length: count }, () => connect(port)));
    const totalBytes = 6 * MIB;
    // Nobody reads: each holds the slot that it got, the last ones stay small.
    const floods = parties.map((party, i) => party.flood({ totalBytes, seed: i, minBytes: 64 * KIB }));
    await eventually('all are stopped', () => parties.every(({ stops }) => stops > 0), 30_000);
    const others = await theirs(...parties);
    await Promise.all(others.map((other) => peer.do.read(other)));
    const sent = await Promise.all(floods);
    for (const party of parties) party.socket.end();
    await Promise.all(parties.map((party) => party.closing()));
    const facts = await Promise.all(others.map((other) => peer.do.facts(other)));
    expect(facts.map(({ crc }) => crc)).toEqual(sent);
    expect(facts.every(({ received, errorCode }) => received === totalBytes && errorCode === null)).toBe(true);
  });

  it('slots go round: small, large, idle, taken by others, large again', { timeout: 60_000 }, async () => {
    const { port } = await peer.do.listen('echo');
    const parties = await Promise.all(Array.from({ length: 150 }, () => connect(port)));
    let expected = 0;
    for (const [round, size] of [100, 40 * KIB, 200, 70 * KIB].entries()) {
      expected += size * 2;
      // In groups, so that those before are idle and drained.
      for (let first = 0; first < parties.length; first += 30) {
        const group = parties.slice(first, first + 30);
        await Promise.all(
          group.map(async (party) => {
            for (let i = 0; i < 2; i++)
              await party.flood({ totalBytes: size, seed: round, minBytes: size, maxBytes: size });
            await party.got(expected);
          }),
        );
      }
    }
    expect(parties.map(({ received }) => received)).toEqual(parties.map(() => expected));
    for (const party of parties) party.socket.end();
    await Promise.all(parties.map((party) => party.closing()));
    expect(parties.every(({ error, crc }) => error === null && crc === parties[0]?.crc)).toBe(true);
  });

  it('small ones are served while another moves in bulk', { timeout: 60_000 }, async () => {
    const { port } = await peer.do.listen('echo');
    const bulk = await connect(port);
    const small = await connect(port);
    const totalBytes = 128 * MIB;
    const flood = bulk.flood({ totalBytes, seed: 2, minBytes: MIB });
    let slowestMs = 0;
    let rounds = 0;
    let done = false;
    void flood.then(() => {
      done = true;
    });
    while (!done) {
      const before = performance.now();
      small.socket.send(Buffer.from('ping'));
      rounds++;
      await small.got(rounds * 4);
      slowestMs = Math.max(slowestMs, performance.now() - before);
    }
    expect(rounds).toBeGreaterThan(10);
    expect(slowestMs).toBeLessThan(2_000);
    expect(patternCrc({ totalBytes, seed: 2, minBytes: MIB })).toBe(await flood);
    await bulk.got(totalBytes, 30_000);
    expect(bulk.crc).toBe(await flood);
  });
});
