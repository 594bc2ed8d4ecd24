// A listener whose connections are accepted on other threads (rules 4.3, 8.1), over real shared memory: the client may be
// in another process, in this one, or on a thread of it.
import { createSwitch, type Switch, type SwitchStats } from 'sanswitch';
import { afterEach, describe, expect, it } from 'vitest';
import { Attacker } from './attacker.js';
import { Beside, type Taker } from './beside.js';
import { eventually } from './party.js';
import { killPeers, Peer, STRICT } from './peer.js';

const besides: Beside[] = [];
const switches: Switch[] = [];

afterEach(async () => {
  await Promise.all(switches.splice(0).map((sw) => sw.close()));
  await Promise.all(besides.splice(0).map((beside) => beside.close()));
  await killPeers();
});

async function besideOf(...args: Parameters<typeof Beside.open>): Promise<Beside> {
  const beside = await Beside.open(...args);
  besides.push(beside);
  return beside;
}

/** A peer that connects: a process, a thread, or this thread itself. */
const CLIENTS = { 'another process': Peer.process, 'a thread of this process': Peer.thread } as const;

describe('[WSD-4.3] [WSD-8.1] placement', () => {
  for (const [name, make] of Object.entries(CLIENTS)) {
    it(`100 connections from ${name} stand on two other threads`, async () => {
      const beside = await besideOf(2);
      const client = await make(STRICT);
      const parties = await Promise.all(
        Array.from({ length: 100 }, () => client.do.connect('sink', { port: beside.port })),
      );
      await Promise.all(
        parties.map(async (party) => {
          await client.do.send(party, `I am ${party}`);
          await client.do.got(party, `I am ${party}`.length);
          const facts = await client.do.facts(party);
          expect(facts).toMatchObject({ provider: 'shm', remotePort: beside.port, closed: false });
          await client.do.close(party);
          expect(await client.do.closing(party)).toBe(null);
        }),
      );
      expect(beside.takers.map(({ taken }) => taken.length)).toEqual([50, 50]);
      expect(beside.takers.every(({ taken }) => taken.every((one) => typeof one === 'number'))).toBe(true);
      expect(beside.here).toEqual([]);
      expect(beside.withdrawn).toEqual([]);
      for (const { peer } of beside.takers) {
        await eventually('all closed', async () => (await peer.do.allFacts()).every(({ closed }) => closed));
      }
    });
  }

  it('from this very thread', async () => {
    const beside = await besideOf(2);
    const sw = await createSwitch(STRICT);
    switches.push(sw);
    for (let i = 0; i < 4; i++) {
      const socket = await sw.connect({ host: '127.0.0.1', port: beside.port });
      socket.send(Buffer.from('ping'));
      expect(Buffer.from((await socket.receive()) as Uint8Array).toString()).toBe('ping');
      await socket.close();
    }
    expect(beside.takers.map(({ taken }) => taken.length)).toEqual([2, 2]);
  });
});

describe('[WSD-4.3] what the listener decides', () => {
  it('is asked once per caller, with its credentials; a rejected one sees ECONNREFUSED', async () => {
    const beside = await besideOf(1);
    const client = await Peer.process(STRICT);
    beside.place = () => false;
    expect(await client.do.tryConnect({ port: beside.port })).toBe('ECONNREFUSED');
    expect(beside.callers).toHaveLength(1);
    expect(beside.callers[0]).toMatchObject({ provider: 'shm', credentials: { pid: client.pid } });
    expect(beside.handedOver).toEqual([]);
    expect(beside.sw.stats().providers.shm).toMatchObject({ rejects: 1, accepts: 0, open: 0 });
  });

  it('null, its own owner, or an owner without such a provider: the connection stays here', async () => {
    const beside = await besideOf(0);
    const client = await Peer.process(STRICT);
    const taker = { peer: client, taken: [] };
    for (const place of [null, { ...taker, owner: beside.sw.owner }, { ...taker, owner: { keys: {} } }]) {
      beside.place = () => place;
      const party = await client.do.connect('sink', { port: beside.port });
      await client.do.send(party, 'here');
      await client.do.got(party, 4);
    }
    expect(beside.here).toHaveLength(3);
    expect(beside.handedOver).toEqual([]);
    expect(beside.callers).toHaveLength(3);
  });

  it('what is shown of the connection is the same as on one thread', async () => {
    const beside = await besideOf(1, 'echo', '::');
    const client = await Peer.process(STRICT);
    const party = await client.do.connect('sink', { port: beside.port, host: '127.0.0.1' });
    const theirs = await client.do.facts(party);
    const taker = beside.takers[0] as Taker;
    await eventually('it is taken', () => taker.taken.length > 0);
    const ours = await taker.peer.do.facts(0);
    expect(ours).toMatchObject({ remoteAddress: '::ffff:127.0.0.1', remotePort: theirs.localPort, family: 'IPv6' });
    expect(ours).toMatchObject({ localAddress: '::ffff:127.0.0.1', localPort: beside.port, provider: 'shm' });
    expect(beside.handedOver[0]?.decision).toMatchObject({ operation: 'accept', provider: 'shm' });
    expect(await taker.peer.do.stats()).toMatchObject({ providers: { shm: { accepts: 1, open: 1 } } });
  });

  it('a closed listener leaves what it has handed over', async () => {
    const beside = await besideOf(1);
    const client = await Peer.process(STRICT);
    const party = await client.do.connect('sink', { port: beside.port });
    await beside.close();
    await client.do.send(party, 'still here');
    await client.do.got(party, 10);
    expect(await client.do.tryConnect({ port: beside.port })).toBe('ERR_SANSWITCH_PROVIDER_REQUIRED');
  });
});

describe('[WSD-8.2] a hand-over that fails', () => {
  const MODEST = { providers: ['shm'] };

  /** A client that may fall back, and how its connect ends. */
  async function connects(beside: Beside): Promise<[result: string, ms: number]> {
    const client = await Peer.process(MODEST);
    await client.do.connect('sink', { port: (await client.do.listen('echo')).port });
    const beganMs = performance.now();
    return [await client.do.tryConnect({ port: beside.port }), performance.now() - beganMs];
  }

  it('the thread is gone already: TCP/IP at once (3.5)', async () => {
    const beside = await besideOf(1);
    await beside.takers[0]?.peer.kill();
    const [result, ms] = await connects(beside);
    expect(result).toBe('connected by tcp');
    expect(ms).toBeLessThan(300);
  });

  it('the thread ends before it takes the connection over: TCP/IP at once', async () => {
    const beside = await besideOf(1);
    beside.give = (_, { peer }) => void setTimeout(() => peer.kill(), 50);
    const [result, ms] = await connects(beside);
    expect(result).toBe('connected by tcp');
    expect(ms).toBeLessThan(900);
  });

  it('the thread takes nothing over: TCP/IP when the connect times out (3.4)', async () => {
    const beside = await besideOf(1);
    beside.give = () => {};
    expect((await connects(beside))[0]).toBe('connected by tcp');
  });

  it('a thread that is busy for a while still gets its connection', async () => {
    const beside = await besideOf(1);
    const client = await Peer.process(STRICT);
    void beside.takers[0]?.peer.do.busy(500);
    const party = await client.do.connect('sink', { port: beside.port });
    await client.do.send(party, 'patience');
    await client.do.got(party, 8);
  });

  it('the client is gone: the new owner hears of it, within 3 s', async () => {
    const beside = await besideOf(1);
    const client = await Peer.process(STRICT);
    const adopt = beside.give;
    beside.give = (connection, taker) => {
      void client.kill().then(() => adopt(connection, taker));
    };
    void client.do.tryConnect({ port: beside.port }).catch(() => {});
    const { taken } = beside.takers[0] as Taker;
    await eventually('an outcome', () => taken.length > 0, 4_000);
    expect(['ETIMEDOUT', 'ECONNRESET']).toContain(taken[0]);
  });

  it('what can not be adopted', async () => {
    const beside = await besideOf(1);
    const sw = await createSwitch(STRICT);
    const connection = {
      ...{ provider: 'shm', decision: beside.decision, remembered: new Map(), port: null, moved: null },
      ends: { localAddress: '', localPort: 0, remoteAddress: '127.0.0.1', remotePort: 1, family: 'IPv4' as const },
    };
    await expect(sw.adopt({ ...connection, context: 'nonsense' })).rejects.toMatchObject({ code: 'EINVAL' });
    await expect(sw.adopt({ ...connection, provider: 'none', context: 0 })).rejects.toMatchObject({
      code: 'ERR_SANSWITCH_INVALID_OPTION',
    });
    const bad = { port: 1 } as object;
    await expect(sw.adopt({ ...connection, context: 0 }, bad)).rejects.toMatchObject({
      code: 'ERR_SANSWITCH_INVALID_OPTION',
    });
    const context = { token: 1n, pid: process.pid, reactorId: null, from: null };
    const abort = new AbortController();
    const cancelled = sw.adopt({ ...connection, context }, { signal: abort.signal });
    abort.abort();
    await expect(cancelled).rejects.toMatchObject({ name: 'AbortError' });
    const closed = sw.adopt({ ...connection, context });
    await sw.close();
    await expect(closed).rejects.toMatchObject({ code: 'ERR_SANSWITCH_CLOSED' });
    await expect(sw.adopt({ ...connection, context })).rejects.toMatchObject({ code: 'ERR_SANSWITCH_CLOSED' });
  });
});

describe('[WSD-7.3] a thread that dies', () => {
  it("takes only its own connections down, at once; others' go on", async () => {
    const beside = await besideOf(2);
    const client = await Peer.process(STRICT);
    const parties = await Promise.all(
      Array.from({ length: 20 }, () => client.do.connect('sink', { port: beside.port })),
    );
    const [doomed] = beside.takers as [Taker, Taker];
    await eventually('all are taken', () => beside.takers.every(({ taken }) => taken.length === 10));
    await doomed.peer.kill();
    await eventually(
      '10 resets',
      async () => (await client.do.allFacts()).filter(({ closed }) => closed).length === 10,
    );
    const facts = await client.do.allFacts();
    expect(facts.filter(({ errorCode }) => errorCode === 'ECONNRESET')).toHaveLength(10);
    for (const party of parties) {
      if ((await client.do.facts(party)).closed) continue;
      await client.do.send(party, 'on');
      await client.do.got(party, 2);
    }
  });

  it('the listener: what it has handed over goes on', async () => {
    const beside = await besideOf(1);
    const client = await Peer.process(STRICT);
    const party = await client.do.connect('sink', { port: beside.port });
    await beside.sw.close();
    await client.do.send(party, 'without it');
    await client.do.got(party, 10);
  });

  it('the client: its connections end where they are', async () => {
    const beside = await besideOf(1);
    const client = await Peer.process(STRICT);
    for (let i = 0; i < 10; i++) await client.do.connect('sink', { port: beside.port });
    const { peer, taken } = beside.takers[0] as Taker;
    await eventually('all are taken', () => taken.length === 10);
    await client.kill();
    await eventually('10 resets', async () => (await peer.do.allFacts()).every(({ closed }) => closed));
    expect((await peer.do.allFacts()).every(({ errorCode }) => errorCode === 'ECONNRESET')).toBe(true);
  });
});

describe('a process that calls without end and never follows', () => {
  it('keeps nobody out, and what it leaves at the new owners is bounded', { timeout: 60_000 }, async () => {
    const beside = await besideOf(2);
    const client = await Peer.process(STRICT);
    const party = await client.do.connect('sink', { port: beside.port });
    const rssBefore = process.memoryUsage.rss();
    const attacker = await Attacker.start(beside.port, 'OPEN flood', 0.1);
    try {
      const honest = beside.handedOver.length;
      await eventually('its callers are placed', () => beside.handedOver.length > honest + 1_000);
      await client.do.send(party, 'still served');
      await client.do.got(party, 12);
      // A new one is served as well: over shared memory, since it demands it.
      const fresh = await Peer.process({ ...STRICT, sanConnectTimeoutMs: 5_000 });
      const late = await fresh.do.connect('sink', { port: beside.port });
      await fresh.do.send(late, 'served too');
      await fresh.do.got(late, 10);
    } finally {
      await attacker.end();
    }
    expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(300 * 1024 * 1024);
    const outcomes = () => beside.takers.flatMap(({ taken }) => taken);
    await eventually(
      'all of them have come to something',
      () => outcomes().length === beside.handedOver.length,
      30_000,
    );
    const failed = outcomes().filter((one) => typeof one === 'string');
    expect(failed.length).toBeGreaterThan(500);
    expect(failed.every((code) => code === 'ETIMEDOUT')).toBe(true);
  });
});

describe('[WSD-6.3] nothing is left', () => {
  it('of 300 connections, some of which come to nothing', async () => {
    const beside = await besideOf(2);
    const client = await Peer.process({ ...STRICT, sanConnectTimeoutMs: 200 });
    const adopt = beside.give;
    let count = 0;
    const round = async (): Promise<void> => {
      for (let i = 0; i < 50; i++) {
        beside.give = count++ % 10 === 0 ? () => {} : adopt;
        const party = await client.do.connect('sink', { port: beside.port }).catch(() => -1);
        if (party >= 0) await client.do.close(party);
      }
      await eventually('all are closed', async () => (await client.do.forget()).left === 0);
      for (const { peer } of beside.takers) {
        await eventually('all are closed', async () => (await peer.do.forget()).left === 0);
      }
    };
    await round();
    const everybody = [client, ...beside.takers.map(({ peer }) => peer)];
    const before = await Promise.all(everybody.map((peer) => peer.do.resources()));
    for (let i = 0; i < 5; i++) await round();
    await Promise.all(
      everybody.map((peer, i) =>
        eventually('everything is given back', async () => {
          const now = await peer.do.resources();
          const { descriptors, segments } = before[i] as typeof now;
          return now.descriptors <= descriptors && now.segments <= segments;
        }),
      ),
    );
    const handles = (await client.do.stats()) as SwitchStats;
    expect(handles.providers.shm?.open).toBe(0);
  });
});
