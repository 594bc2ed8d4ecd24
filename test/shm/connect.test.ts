import { networkInterfaces } from 'node:os';
import { createSwitch, type DecisionRecord, type Switch } from 'sanswitch';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Party } from './party.js';
import { killPeers, Peer, STRICT } from './peer.js';
import { PeerCommands } from './peer-commands.js';

let sw: Switch;
/** Processes are slow to start: one does for all tests that don't end it. */
let peer: Peer;

beforeAll(async () => {
  peer = await Peer.process();
});

afterAll(killPeers);

beforeEach(async () => {
  sw = await createSwitch(STRICT);
});

afterEach(() => sw.close());

/** Sends `text` to an echo server, ends. @returns what came back, and the socket's facts */
async function exchange(text: string, options: { port: number; host?: string; localPort?: number }) {
  const party = new Party('sink');
  let back = '';
  const received = (_: unknown, bytes: Uint8Array): void => {
    back += Buffer.from(bytes).toString('latin1');
  };
  party.socket = await sw.connect({ host: '127.0.0.1', ...options, handlers: { ...party.handlers, received } });
  party.socket.send(Buffer.from(text, 'latin1'));
  party.socket.end();
  await party.closing();
  return { back, facts: party.facts(), decision: party.socket.decision };
}

/** An address of this host that is no loopback, per family. */
function ownAddress(family: 'IPv4' | 'IPv6'): string | undefined {
  const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return all.find((one) => one.family === family && !one.internal && !one.address.startsWith('fe80'))?.address;
}

const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));

describe('echo over shm', () => {
  it.each([
    ['two processes', async () => peer],
    ['two threads', () => Peer.thread()],
  ])('in %s, in both roles', async (_, makePeer) => {
    const other = await makePeer();
    const { port } = await other.do.listen('echo');
    const { back, facts, decision } = await exchange('hello', { port });
    expect(back).toBe('hello');
    expect(facts).toMatchObject({ provider: 'shm', errorCode: null, remotePort: port, remoteAddress: '127.0.0.1' });
    expect(decision).toMatchObject({ operation: 'connect', provider: 'shm', localPortKind: 'virtual' });
    // And the other way round, over a link of its own.
    const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => {
      socket.handlers = { received: (self, bytes) => void self.send(bytes) };
    });
    const party = await other.do.connect('sink', { port: listener.address().port });
    await other.do.send(party, 'backwards');
    await other.do.got(party, 9);
    await other.do.tell(party, 'end');
    expect(await other.do.closing(party)).toBeNull();
  });

  it('in one thread', async () => {
    const commands = new PeerCommands();
    await commands.start(STRICT);
    const { port } = await commands.listen('echo');
    expect((await exchange('alone', { port })).back).toBe('alone');
    await commands.shutDown();
  });

  it('in one switch, client and server', async () => {
    const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => {
      socket.handlers = { received: (self, bytes) => void self.send(bytes) };
    });
    expect((await exchange('self', { port: listener.address().port })).back).toBe('self');
  });

  it('[WSD-9.2] both ends see the same four numbers', async () => {
    const { port } = await peer.do.listen('echo');
    const { facts } = await exchange('who', { port });
    expect((await peer.do.allFacts()).at(-1)).toMatchObject({
      provider: 'shm',
      localAddress: facts.remoteAddress,
      localPort: facts.remotePort,
      remoteAddress: facts.localAddress,
      remotePort: facts.localPort,
    });
  });
});

describe('[WSD-4.1] listeners are found by the addresses that reach them', () => {
  const own4 = ownAddress('IPv4');
  const own6 = ownAddress('IPv6');

  it('0.0.0.0: every local IPv4 address', async () => {
    const { port } = await peer.do.listen('echo', { host: '0.0.0.0' });
    for (const host of ['127.0.0.1', '127.8.7.6', ...(own4 === undefined ? [] : [own4])]) {
      const { back, facts } = await exchange(host, { port, host });
      expect(back).toBe(host);
      expect(facts).toMatchObject({ provider: 'shm', remoteAddress: host, family: 'IPv4' });
    }
    const seen = (await peer.do.allFacts()).filter(({ localPort }) => localPort === port);
    expect(seen.map(({ localAddress }) => localAddress).slice(0, 2)).toEqual(['127.0.0.1', '127.8.7.6']);
  });

  it.skipIf(!hasIPv6)(`:: takes IPv6 and IPv4${hasIPv6 ? '' : ' (needs IPv6)'}`, async () => {
    const { port } = await peer.do.listen('echo', { host: '::' });
    const hosts = ['::1', '127.0.0.1', '::ffff:127.0.0.1', own4, own6].filter((host) => host !== undefined);
    for (const host of hosts) expect((await exchange(host, { port, host })).back).toBe(host);
    const seen = (await peer.do.allFacts()).filter(({ localPort }) => localPort === port);
    // As node:net shows them on a dual-stack listener.
    expect(seen.slice(0, 2)).toMatchObject([
      { localAddress: '::1', family: 'IPv6' },
      { localAddress: '::ffff:127.0.0.1', family: 'IPv6' },
    ]);
  });

  it.skipIf(!hasIPv6)(`ipv6Only is not found by IPv4${hasIPv6 ? '' : ' (needs IPv6)'}`, async () => {
    const { port } = await peer.do.listen('echo', { host: '::', ipv6Only: true });
    expect((await exchange('six', { port, host: '::1' })).back).toBe('six');
    const failure = await sw.connect({ port, host: '127.0.0.1' }).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'ERR_SANSWITCH_PROVIDER_REQUIRED' });
    expect((failure as Error).message).toContain('nothing-listens');
  });

  it.skipIf(!hasIPv6)(`::1${hasIPv6 ? '' : ' (needs IPv6)'}`, async () => {
    const { port } = await peer.do.listen('echo', { host: '::1' });
    const { back, facts } = await exchange('six', { port, host: '::1' });
    expect(back).toBe('six');
    expect(facts).toMatchObject({ localAddress: '::1', remoteAddress: '::1', family: 'IPv6' });
  });

  it('one 127.0.0.x is not another', async () => {
    const { port } = await peer.do.listen('echo', { host: '127.3.2.1' });
    expect((await exchange('x', { port, host: '127.3.2.1' })).back).toBe('x');
    await expect(sw.connect({ port, host: '127.0.0.1' })).rejects.toThrow('nothing-listens');
  });

  it.skipIf(own4 === undefined)(`the host's own address${own4 === undefined ? ' (it has none)' : ''}`, async () => {
    const { port } = await peer.do.listen('echo', { host: own4 as string });
    const { back, facts } = await exchange('own', { port, host: own4 as string });
    expect(back).toBe('own');
    expect(facts.localAddress).toBe(own4);
    await expect(sw.connect({ port, host: '127.0.0.1' })).rejects.toThrow('nothing-listens');
  });

  it('two listeners on one port, by two addresses', async () => {
    const other = new PeerCommands();
    await other.start(STRICT);
    const { port } = await peer.do.listen('echo', { host: '127.0.0.2' });
    await other.listen('sink', { host: '127.0.0.3', port });
    expect((await exchange('two', { port, host: '127.0.0.2' })).back).toBe('two');
    expect(await other.count()).toBe(0);
    expect((await exchange('three', { port, host: '127.0.0.3' })).back).toBe('');
    expect(await other.count()).toBe(1);
    await other.shutDown();
  });
});

describe('[WSD-2.5] local ports', () => {
  it('are virtual unless asked for, and real then', async () => {
    const { port } = await peer.do.listen('echo');
    // In the range where virtual ports are, too.
    for (const localPort of [20_000 + (process.pid % 10_000), 61_000 + (process.pid % 4_000)]) {
      const { facts, decision } = await exchange('real', { port, localPort });
      expect(facts.localPort).toBe(localPort);
      expect(decision).toMatchObject({ provider: 'shm', localPortKind: 'real' });
      expect((await peer.do.allFacts()).at(-1)?.remotePort).toBe(localPort);
    }
    expect((await exchange('virtual', { port })).decision.localPortKind).toBe('virtual');
  });

  it('a local address that is not ours is refused as by node:net', async () => {
    const { port } = await peer.do.listen('echo');
    const tcp = await createSwitch();
    await expect(tcp.connect({ port, host: '127.0.0.1', localAddress: '192.0.2.1' })).rejects.toMatchObject({
      code: expect.stringMatching(/EADDRNOTAVAIL|EINVAL/),
    });
    await tcp.close();
  });
});

describe('decision records', () => {
  it('[WSD-9.3] say on both sides who served', async () => {
    const { port } = await peer.do.listen('echo');
    const { decision } = await exchange('x', { port });
    expect(decision.candidates).toEqual([expect.objectContaining({ provider: 'shm', outcome: 'chosen' })]);
    expect(decision).toMatchObject({ operation: 'connect', port, address: '127.0.0.1' });
    expect(decision.durationUs).toBeGreaterThan(0);
    const theirs = (await peer.do.decision()) as DecisionRecord;
    expect(theirs).toMatchObject({ operation: 'accept', provider: 'shm' });
  });

  it('[WSD-1.2] the served addresses can be read', async () => {
    const shm = sw.providers().find(({ name }) => name === 'shm');
    expect(shm).toMatchObject({ state: 'started', required: true });
    expect(shm?.subnets).toEqual(expect.arrayContaining(['127.0.0.0/8']));
  });

  it('a wrong option of the provider leaves it out, with a reason', async () => {
    const odd = await createSwitch({ providers: [{ name: 'shm', options: { trustedUids: ['root'] } }] });
    expect(odd.providers()).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'shm', state: 'left-out', detail: expect.stringContaining('trustedUids') }),
      ]),
    );
    await odd.close();
  });
});
