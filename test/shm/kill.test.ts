import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch, type Switch } from 'sanswitch';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LAST_WORDS, type Point } from './last-words.js';
import { eventually, Party } from './party.js';
import { killPeers, Peer, STRICT } from './peer.js';
import { namedMemory, namedSockets, namedSocketsOf, type Resources, resources } from './resources.js';

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * A survivor knows within 2 to 12 ms of the signal. Ten times that is too late for the median of all that follows; a
 * single one may have waited for a processor on a busy machine.
 */
const KNOWS_MEDIAN_MS = 120;
const KNOWS_MS = 2_000;

let sw: Switch;
let before: Resources;
let parties: Party[] = [];
const figures: { readonly what: string; readonly ms: number }[] = [];

beforeEach(async () => {
  // What a thread makes once stays: its window, its netlink socket.
  sw = await createSwitch(STRICT);
  await (await connectTo(await listen('echo'))).socket.close();
  await sw.close();
  parties = [];
  await eventually('the memory of the last test is given back', () => resources().segments === 0);
  before = resources();
  sw = await createSwitch(STRICT);
});

afterEach(async () => {
  await sw.close();
  await killPeers();
});

afterAll(() => {
  const list = figures.map(({ what, ms }) => `${what} ${ms.toFixed(1)}`).join('; ');
  process.stdout.write(`kill -9, ms from the signal until the other side knew: ${list}\n`);
});

async function listen(behaviour: 'echo' | 'sink' | 'hold'): Promise<number> {
  const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => {
    const party = new Party(behaviour);
    party.socket = socket;
    socket.handlers = party.handlers;
    parties.push(party);
  });
  return listener.address().port;
}

async function connectTo(port: number, behaviour: 'sink' | 'hold' = 'sink'): Promise<Party> {
  const party = new Party(behaviour);
  party.socket = await sw.connect({ host: '127.0.0.1', port, handlers: party.handlers, highWaterMarkBytes: 64 * KIB });
  return party;
}

/** Kills, and waits for what is to follow. @returns what came of it */
async function killAndSee<T>(what: string, peer: Peer, follows: () => Promise<T>): Promise<T> {
  const names = namedSocketsOf(peer.pid);
  const start = performance.now();
  peer.child?.kill('SIGKILL');
  const outcome = await follows();
  const ms = performance.now() - start;
  figures.push({ what, ms });
  expect(ms).toBeLessThan(KNOWS_MS);
  await peer.kill();
  await eventually('its names are gone', () => ![...namedSockets()].some((inode) => names.has(inode)));
  return outcome;
}

/** Nothing of the dead is left in this process, nor of the switch, which closes. */
async function nothingStays(): Promise<void> {
  const counts = (now: Resources): number[] => [now.descriptors, now.segments, now.threads, now.namedSockets];
  await sw.close();
  const met = (): boolean => counts(resources()).every((count, i) => count <= (counts(before)[i] as number));
  // The IPC channels of killed peers are among the descriptors, and close by themselves.
  await eventually('descriptors, mappings, threads and names are as before', met);
  expect(namedMemory()).toEqual([]);
}

/** What a connection is doing when the peer is killed; `theirs` is its number over there. */
interface Scene {
  readonly name: string;
  readonly ours: 'sink' | 'hold';
  readonly theirs: 'echo' | 'sink' | 'hold';
  prepare(party: Party, peer: Peer, theirs: number): Promise<unknown>;
}

const flood = { totalBytes: 4_000 * MIB, seed: 1 };

/** A word to and fro. */
async function exchange(party: Party): Promise<void> {
  party.socket.send(Buffer.from('hello'));
  await party.got(5);
}

const scenes: Scene[] = [
  { name: 'just active', ours: 'sink', theirs: 'echo', prepare: exchange },
  {
    name: 'asleep',
    ours: 'sink',
    theirs: 'echo',
    prepare: async (party) => {
      await exchange(party);
      await delay(300);
    },
  },
  {
    name: 'sending records of up to 1.5 MiB',
    ours: 'sink',
    theirs: 'sink',
    prepare: async (party, peer, theirs) => {
      void peer.do.flood(theirs, flood).catch(() => {});
      await party.got(4 * MIB);
    },
  },
  {
    name: 'receiving them',
    ours: 'sink',
    theirs: 'sink',
    prepare: async (party, peer, theirs) => {
      void party.flood(flood).catch(() => {});
      await peer.do.got(theirs, 4 * MIB);
    },
  },
  {
    name: 'sending and receiving',
    ours: 'sink',
    theirs: 'echo',
    prepare: async (party) => {
      void party.flood(flood).catch(() => {});
      await party.got(2 * MIB);
    },
  },
  {
    name: 'blocked on a full ring',
    ours: 'hold',
    theirs: 'sink',
    prepare: async (_, peer, theirs) => {
      void peer.do.flood(theirs, flood).catch(() => {});
      await eventually('it waits', async () => (await peer.do.facts(theirs)).queuedBytes > 0);
    },
  },
  {
    name: 'while we are blocked on a full ring',
    ours: 'sink',
    theirs: 'hold',
    prepare: async (party) => {
      void party.flood(flood).catch(() => {});
      await eventually('we wait', () => party.socket.queuedBytes > 0);
    },
  },
  {
    name: 'while it is stopped',
    ours: 'sink',
    theirs: 'echo',
    prepare: async (party, peer) => {
      await exchange(party);
      peer.child?.kill('SIGSTOP');
      void party.flood(flood).catch(() => {});
      await eventually('we wait', () => party.socket.queuedBytes > 0);
    },
  },
];

/** A connection with `peer`, which is its server or its client. */
async function connection(peer: Peer, role: string, { ours, theirs }: Scene): Promise<[Party, number]> {
  if (role === 'server') return [await connectTo((await peer.do.listen(theirs)).port, ours), 0];
  const number = await peer.do.connect(theirs === 'echo' ? 'echo' : theirs, { port: await listen(ours) });
  await eventually('accepted', () => parties.length === 1);
  return [parties[0] as Party, number];
}

describe.each(['server', 'client'])('[WSD-7.3] kill -9 of a %s', (role) => {
  it.each(scenes)('$name', async (scene) => {
    const peer = await Peer.process();
    const bystander = await Peer.process();
    const other = await connectTo((await bystander.do.listen('echo')).port);
    const [party, number] = await connection(peer, role, scene);
    if (role === 'server') await eventually('accepted', async () => (await peer.do.count()) === 1);
    await scene.prepare(party, peer, number);
    await killAndSee(`${role}, ${scene.name}`, peer, async () => {
      // What has come is read first.
      if (scene.ours === 'hold') party.read();
      await party.closing();
    });
    expect(party.facts().errorCode).toBe('ECONNRESET');
    expect(party.socket.send(Buffer.from('to nobody'))).toBe(false);
    await exchange(other);
    await bystander.kill();
    await eventually('no segment is left', () => resources().segments === 0);
    await nothingStays();
  });
});

describe('[WSD-3.4] kill -9 of a server during the handshake: the connect fails at once', () => {
  const failed = (connecting: Promise<Party>): Promise<string> =>
    connecting.then(
      () => 'connected',
      (error: Error) => error.message,
    );

  it('before its first word', async () => {
    const peer = await Peer.process();
    const { port } = await peer.do.listen('echo');
    peer.child?.kill('SIGSTOP');
    const outcome = failed(connectTo(port));
    await delay(50);
    expect(await killAndSee('server, before IDENT', peer, () => outcome)).toContain('handshake-failed');
    await nothingStays();
  });

  it('before it answers our segment', async () => {
    const peer = await Peer.process();
    const outcome = failed(connectTo(await peer.do.listenSilently()));
    await eventually('our segment is made', () => resources().segments > 0);
    expect(await killAndSee('server, before WELCOME', peer, () => outcome)).toContain('handshake-failed');
    await nothingStays();
  });

  it('before it accepts the connection', async () => {
    const peer = await Peer.process();
    const { port } = await peer.do.listen('echo');
    const first = await connectTo(port);
    peer.child?.kill('SIGSTOP');
    const outcome = failed(connectTo(port));
    await delay(50);
    expect(await killAndSee('server, before ACCEPT', peer, () => outcome)).toContain('link-died');
    expect(first.facts()).toMatchObject({ errorCode: 'ECONNRESET' });
    await nothingStays();
  });

  it('at a random moment: it is refused, or it is connected and then reset', { timeout: 60_000 }, async () => {
    const seen = { failed: 0, reset: 0 };
    for (let round = 0; round < 12; round++) {
      const peer = await Peer.process();
      const { port } = await peer.do.listen('echo');
      const connecting = connectTo(port);
      connecting.catch(() => {});
      await delay(round / 3);
      await killAndSee(`server, ${(round / 3).toFixed(1)} ms after connect()`, peer, async () => {
        const party = await connecting.catch(() => null);
        await party?.closing();
        seen[party === null ? 'failed' : 'reset']++;
        if (party !== null) expect(party.facts().errorCode).toBe('ECONNRESET');
      });
    }
    expect(seen.failed + seen.reset).toBe(12);
    await nothingStays();
  });
});

describe('kill -9 of a client that has come so far and no further', () => {
  it.each<Point>(['ident', 'join', 'link', 'open', 'accept'])('%s: nobody hears of it', async (point) => {
    const peer = await Peer.process();
    const port = await listen('echo');
    await peer.do.stopAt(point, port);
    // At `open` and later a link stands on our side.
    const met = (): boolean => resources().segments === 0;
    await killAndSee(`client, after ${point.toUpperCase()}`, peer, () => eventually('nothing is left of it', met));
    expect(parties.filter(({ closed }) => !closed)).toEqual([]);
    const party = await connectTo(port);
    await exchange(party);
    await nothingStays();
  });

  it.each<[string, Point, number]>([
    ['HELLO', 'hello', 0],
    ['a whole record and half of another', 'record', LAST_WORDS.length],
    ['a record without NEWS, to one asleep', 'no-news', LAST_WORDS.length],
    ['a record and NEWS without a wake-up, to one asleep', 'no-wake', LAST_WORDS.length],
  ])('%s: what was published is delivered, then ECONNRESET', async (name, point, received) => {
    const peer = await Peer.process();
    const port = await listen('sink');
    await peer.do.stopAt(point, port);
    await eventually('accepted', () => parties.length === 1);
    const [party] = parties as [Party];
    await killAndSee(`client, after ${name}`, peer, () => party.closing());
    expect(party.facts()).toMatchObject({ received, ended: false, errorCode: 'ECONNRESET' });
    await nothingStays();
  });
});

it('the other side knows quickly', () => {
  const times = figures.map(({ ms }) => ms).sort((a, b) => a - b);
  expect(times.length).toBeGreaterThan(20);
  expect(times[times.length >> 1]).toBeLessThan(KNOWS_MEDIAN_MS);
});
