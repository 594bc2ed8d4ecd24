import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch, type Switch } from 'sanswitch';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { virtualPortOwner } from '#src/ports/virtual-ports.js';
import { eventually, Party } from './party.js';
import { patternCrc } from './pattern.js';
import { killPeers, Peer, STRICT } from './peer.js';
import { abstractNames, resources } from './resources.js';

const KIB = 1024;
const MIB = 1024 * KIB;

let sw: Switch;
const parties: Party[] = [];

beforeEach(async () => {
  sw = await createSwitch(STRICT);
  parties.length = 0;
});

afterEach(async () => {
  await sw.close();
  await killPeers();
});

afterAll(killPeers);

async function listen(behaviour: 'echo' | 'sink' | 'hold'): Promise<number> {
  const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => {
    const party = new Party(behaviour);
    party.socket = socket;
    socket.handlers = party.handlers;
    parties.push(party);
  });
  return listener.address().port;
}

async function connect(port: number, behaviour: 'sink' | 'hold' = 'sink', highWaterMarkBytes?: number): Promise<Party> {
  const party = new Party(behaviour);
  party.socket = await sw.connect({ host: '127.0.0.1', port, handlers: party.handlers, highWaterMarkBytes });
  return party;
}

describe('[WSD-7.3] kill -9', () => {
  it('of the server: every connection is reset, whatever it was doing', async () => {
    const peer = await Peer.process();
    const echo = (await peer.do.listen('echo')).port;
    const hold = (await peer.do.listen('hold')).port;
    const idle = await connect(echo);
    const streaming = await connect(echo);
    const blocked = await connect(hold, 'sink', 64 * KIB);
    const paused = await connect(echo, 'hold');
    const flood = streaming.flood({ totalBytes: 2_000 * MIB, seed: 1 }).catch((error: Error) => error);
    const waiting = blocked.socket.sendAsync(Buffer.alloc(8 * MIB)).catch((error: Error) => error);
    paused.socket.send(Buffer.from('an echo that nobody reads yet'));
    await streaming.got(4 * MIB);
    await eventually('one is blocked', () => blocked.socket.queuedBytes > 0);
    const before = performance.now();
    await peer.kill();
    await Promise.all([idle, streaming, blocked].map((party) => party.closing()));
    expect(performance.now() - before).toBeLessThan(3_000);
    expect([idle, streaming, blocked].map(({ error }) => error?.code)).toEqual(Array(3).fill('ECONNRESET'));
    expect(await flood).toMatchObject({ code: 'ECONNRESET' });
    expect(await waiting).toMatchObject({ code: 'ECONNRESET' });
    expect(idle.socket.send(Buffer.from('to nobody'))).toBe(false);
    // What came before is still there to be read.
    expect(paused.closed).toBe(false);
    paused.read();
    await paused.closing();
    expect(paused.facts()).toMatchObject({ received: 29, errorCode: 'ECONNRESET' });
    await eventually('nothing is left of the link', () => resources().segments === 0);
  });

  it('of the server, while our event loop never rests: it is heard of all the same', async () => {
    const peer = await Peer.process();
    const party = await connect((await peer.do.listen('echo')).port);
    party.socket.send(Buffer.from('hello'));
    await party.got(5);
    const gone = peer.kill();
    // Each turn has more to do: the reactor is never about to sleep.
    const until = performance.now() + 3_000;
    while (!party.closed && performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
    expect(party.error?.code).toBe('ECONNRESET');
    await gone;
  });

  it('of the client: what it had published is delivered first', async () => {
    const peer = await Peer.process();
    const port = await listen('hold');
    const party = await peer.do.connect('sink', { port });
    const options = { totalBytes: 400 * KIB, seed: 2, minBytes: 80 * KIB, maxBytes: 80 * KIB };
    await peer.do.flood(party, options);
    expect((await peer.do.facts(party)).queuedBytes).toBe(0);
    const [ours] = parties as [Party];
    const { remotePort } = ours.socket;
    expect(virtualPortOwner(remotePort)).toBe(peer.pid);
    await peer.kill();
    await delay(100);
    expect(ours.closed).toBe(false);
    ours.read();
    await ours.closing();
    expect(ours.facts()).toMatchObject({
      received: options.totalBytes,
      crc: patternCrc(options),
      errorCode: 'ECONNRESET',
    });
    await eventually('its ports are free', () => virtualPortOwner(remotePort) === 0);
  });

  it('of a client in the middle of a stream, and of one that waits for room', async () => {
    const peer = await Peer.process();
    const sink = await listen('sink');
    const hold = await listen('hold');
    const streaming = await peer.do.connect('sink', { port: sink });
    const blocked = await peer.do.connect('sink', { port: hold });
    void peer.do.flood(streaming, { totalBytes: 2_000 * MIB, seed: 3 }).catch(() => {});
    void peer.do.flood(blocked, { totalBytes: 64 * MIB, seed: 4 }).catch(() => {});
    await eventually('bytes come', () => parties.length === 2 && (parties[0]?.received ?? 0) > 4 * MIB);
    await eventually('one waits for room', async () => (await peer.do.facts(blocked)).queuedBytes > 0);
    await peer.kill();
    await parties[0]?.closing();
    expect(parties[0]?.facts().errorCode).toBe('ECONNRESET');
    parties[1]?.read();
    await parties[1]?.closing();
    expect(parties[1]?.facts().errorCode).toBe('ECONNRESET');
    expect(parties[1]?.received).toBeGreaterThan(256 * KIB);
  });

  it('the names that a dead process listened by are gone', async () => {
    const peer = await Peer.process();
    const before = abstractNames('sanswitch/1/').length;
    await peer.do.listen('echo');
    await peer.do.listen('echo');
    expect(abstractNames('sanswitch/1/').length).toBeGreaterThan(before);
    const { names } = await peer.do.resources();
    await peer.kill();
    await eventually('they are gone', () => {
      const now = new Set(abstractNames('sanswitch/1/'));
      return names.filter((name) => !now.has(name)).length >= 2;
    });
  });

  it('of a client that an echo server with back-pressure waits for', async () => {
    const peer = await Peer.process();
    const port = await listen('echo');
    const party = await peer.do.connect('hold', { port, highWaterMarkBytes: 32 * KIB });
    void peer.do.flood(party, { totalBytes: 64 * MIB, seed: 5 }).catch(() => {});
    await eventually('the server is stopped, and so is the client', async () => {
      return (parties[0]?.stops ?? 0) > 0 && (await peer.do.facts(party)).queuedBytes > 0;
    });
    await peer.kill();
    await eventually('the server hears of it', () => parties[0]?.closed === true);
    expect(parties[0]?.facts().errorCode).toBe('ECONNRESET');
  });
});

describe('idle', () => {
  it('connections cost no processor time, on either side', { retry: 2 }, async () => {
    const peer = await Peer.process();
    const { port } = await peer.do.listen('echo');
    const all = await Promise.all(Array.from({ length: 50 }, () => connect(port)));
    for (const party of all) party.socket.send(Buffer.from('awake'));
    await Promise.all(all.map((party) => party.got(5)));
    await delay(200);
    const ours = process.cpuUsage();
    const theirs = await peer.do.cpuUs();
    await delay(2_000);
    const { user, system } = process.cpuUsage(ours);
    const used = [(user + system) / 2e6, ((await peer.do.cpuUs()) - theirs) / 2e6];
    // The test runner lives in our process, too.
    expect(used[0]).toBeLessThan(0.04);
    expect(used[1]).toBeLessThan(0.02);
    // Awake again at the first word.
    all[7]?.socket.send(Buffer.from('hello'));
    await all[7]?.got(10);
  });
});
