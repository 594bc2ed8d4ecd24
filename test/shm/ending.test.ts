import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch, type Switch } from 'sanswitch';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Behaviour, eventually, Party } from './party.js';
import { patternCrc } from './pattern.js';
import { killPeers, Peer, STRICT } from './peer.js';
import { resources } from './resources.js';

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

async function connectTo(port: number, behaviour: Behaviour = 'sink', highWaterMarkBytes?: number): Promise<Party> {
  const party = new Party(behaviour);
  party.socket = await sw.connect({ host: '127.0.0.1', port, handlers: party.handlers, highWaterMarkBytes });
  return party;
}

/** A connection: our end, and the number of the other. */
async function pair(theirs: Behaviour, ours: Behaviour = 'sink', highWaterMarkBytes?: number) {
  const { port, listener } = await peer.do.listen(theirs);
  const party = await connectTo(port, ours, highWaterMarkBytes);
  let other = -1;
  await eventually('accepted', async () => {
    other = (await peer.do.allFacts()).findIndex(({ localPort }) => localPort === port);
    return other >= 0;
  });
  return { party, other, port, listener };
}

describe('[WSD-7.1] ending', () => {
  it('half-close by the client: what the server sends afterwards still comes', async () => {
    const { party, other } = await pair('sink');
    await peer.do.answersEnd(other, false);
    party.socket.send(Buffer.from('request'));
    party.socket.end();
    await eventually('the end is seen', async () => (await peer.do.facts(other)).ended);
    expect(party.socket.state).toBe('readOnly');
    expect((await peer.do.facts(other)).state).toBe('writeOnly');
    const sent = await peer.do.flood(other, { totalBytes: 5 * MIB, seed: 1 });
    await peer.do.tell(other, 'end');
    await party.closing();
    expect(party.facts()).toMatchObject({ received: 5 * MIB, crc: sent, ended: true, errorCode: null });
    expect(await peer.do.closing(other)).toBeNull();
  });

  it('half-close by the server', async () => {
    const { party, other } = await pair('sink');
    party.answersEnd = false;
    await peer.do.send(other, 'greeting');
    await peer.do.tell(other, 'end');
    await eventually('the end is seen', () => party.ended);
    expect(party.received).toBe(8);
    const sent = await party.flood({ totalBytes: 5 * MIB, seed: 2 });
    party.socket.end();
    await party.closing();
    expect(await peer.do.closing(other)).toBeNull();
    expect(await peer.do.facts(other)).toMatchObject({ received: 5 * MIB, crc: sent });
  });

  it('both at the same moment, a hundred times', async () => {
    const { port } = await peer.do.listen('echo');
    for (let i = 0; i < 100; i++) {
      const party = await connectTo(port);
      party.socket.send(Buffer.from('x'));
      if (i % 2 === 0) await party.got(1);
      party.socket.end();
      await party.closing();
      expect(party.facts()).toMatchObject({ received: 1, errorCode: null });
    }
  });

  it('end() right behind much data: all of it arrives', async () => {
    const { party, other } = await pair('sink');
    const block = Buffer.alloc(3 * MIB, 'z');
    for (let i = 0; i < 4; i++) party.socket.send(block);
    party.socket.end();
    expect(() => party.socket.send(block)).toThrow(expect.objectContaining({ code: 'ERR_STREAM_WRITE_AFTER_END' }));
    await party.closing();
    expect(await peer.do.closing(other)).toBeNull();
    expect(await peer.do.facts(other)).toMatchObject({ received: 12 * MIB });
  });

  it('close() with data under way in both directions', async () => {
    const { party, other } = await pair('sink');
    const flood = peer.do.flood(other, { totalBytes: 8 * MIB, seed: 3 });
    party.socket.send(Buffer.alloc(2 * MIB));
    await party.socket.close();
    expect(party.error).toBeNull();
    await flood;
    expect(await peer.do.closing(other)).toBeNull();
    expect(await peer.do.facts(other)).toMatchObject({ received: 2 * MIB });
    expect(() => party.socket.send(Buffer.from('x'))).toThrow(
      expect.objectContaining({ code: 'ERR_STREAM_DESTROYED' }),
    );
  });

  it('[WSD-7.3] abort(): the peer reads what was sent, then ECONNRESET', async () => {
    const { party, other } = await pair('hold');
    const options = { totalBytes: 300 * KIB, seed: 4, minBytes: 60 * KIB, maxBytes: 60 * KIB };
    await party.flood(options);
    expect(party.socket.queuedBytes).toBe(0);
    party.socket.abort(Object.assign(new Error('enough'), { code: 'ENOUGH' }));
    await party.closing();
    expect(party.facts().errorCode).toBe('ENOUGH');
    await peer.do.read(other);
    expect(await peer.do.closing(other)).toBe('ECONNRESET');
    expect(await peer.do.facts(other)).toMatchObject({ received: options.totalBytes, crc: patternCrc(options) });
  });

  it('abort() of a connection whose peer waits for room and does not read: it need not read to hear of it', async () => {
    const { party, other } = await pair('hold', 'sink', 64 * KIB);
    const flood = peer.do.flood(other, { totalBytes: 64 * MIB, seed: 5 });
    await eventually('bytes come', () => party.received > 0);
    party.socket.pause();
    await eventually('the sender stops', async () => (await peer.do.facts(other)).queuedBytes > 0);
    party.socket.abort();
    expect(await flood).toBe('ECONNRESET');
    expect(await peer.do.closing(other)).toBe('ECONNRESET');
  });

  it('[WSD-5.9] urgent data comes between what stands before and behind it', async () => {
    const { party, other } = await pair('echo');
    party.socket.send(Buffer.from('before'));
    party.socket.urgent(Buffer.from('!'));
    party.socket.send(Buffer.from('behind'));
    await party.got(12);
    expect((await peer.do.facts(other)).urgent).toBe('!');
    await peer.do.urgent(other, '?!');
    await eventually('urgent data comes back', () => party.urgent === '?!');
    await party.socket.close();
  });
});

describe('[WSD-5.11] cancelling', () => {
  it('[WSD-3.8] a connect that nobody answers', async () => {
    const silent = await Peer.process();
    const { port } = await silent.do.listen('echo');
    // A link stands, so that it is the connection that is not answered.
    const first = await connectTo(port);
    silent.child?.kill('SIGSTOP');
    const connecting = sw.connect({ host: '127.0.0.1', port, signal: AbortSignal.timeout(200) });
    await expect(connecting).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
    silent.child?.kill('SIGCONT');
    // It was taken back, and what stands and what follows are as before.
    first.socket.send(Buffer.from('still'));
    await first.got(5);
    const second = await connectTo(port);
    second.socket.send(Buffer.from('there'));
    await second.got(5);
    await eventually('nothing is left of it', async () => {
      return (await silent.do.allFacts()).filter(({ closed }) => !closed).length === 2;
    });
    await silent.kill();
  });

  it('a send that waits, and a receive', async () => {
    const { party, other } = await pair('hold', 'hold', 64 * KIB);
    const before = Buffer.alloc(8 * MIB);
    const first = party.socket.sendAsync(before);
    const controller = new AbortController();
    const second = party.socket.sendAsync(Buffer.from('never'), { signal: controller.signal });
    const receiving = party.socket.receive({ signal: controller.signal });
    controller.abort('no longer wanted');
    await expect(second).rejects.toMatchObject({ code: 'ABORT_ERR', cause: 'no longer wanted' });
    await expect(receiving).rejects.toMatchObject({ code: 'ABORT_ERR' });
    await peer.do.read(other);
    await first;
    await party.socket.sendAsync(Buffer.from('after'));
    await peer.do.got(other, before.length + 5);
    expect((await peer.do.facts(other)).received).toBe(before.length + 5);
    await peer.do.send(other, 'and back');
    expect(Buffer.from((await party.socket.receive()) as Uint8Array).toString()).toBe('and back');
    await party.socket.close();
  });
});

describe('nothing is left behind', () => {
  it('by hundreds of connections, on both sides', { timeout: 60_000 }, async () => {
    const { port } = await peer.do.listen('echo');
    const cycle = async (): Promise<number> => {
      const party = await connectTo(port);
      const { localPort } = party.socket;
      party.socket.send(Buffer.from('once'));
      await party.got(4);
      party.socket.end();
      await party.closing();
      expect(party.error).toBeNull();
      return localPort;
    };
    await cycle();
    const before = [resources(), await peer.do.resources()];
    const ports = new Set<number>();
    for (let i = 0; i < 400; i++) ports.add(await cycle());
    // At once, and aborted by turns.
    for (let round = 0; round < 4; round++) {
      const parties = await Promise.all(Array.from({ length: 100 }, () => connectTo(port)));
      for (const [i, party] of parties.entries()) {
        if (i % 2 === 0) party.socket.abort();
        else party.socket.end();
      }
      await Promise.all(parties.map((party) => party.closing()));
    }
    // One at a time needs one port at a time.
    expect(ports.size).toBeLessThanOrEqual(64);
    const counts = (one: typeof before): number[][] => one.map(({ descriptors, segments }) => [descriptors, segments]);
    await eventually('descriptors and mappings are as before', async () => {
      const [ours, theirs] = counts([resources(), await peer.do.resources()]) as [number[], number[]];
      const [ourBefore, theirBefore] = counts(before) as [number[], number[]];
      return [ours, theirs].every((now, side) => now.every((n, i) => n <= ([ourBefore, theirBefore][side]?.[i] ?? 0)));
    });
    expect((await peer.do.stats()) as object).toBeDefined();
  });

  it('by connections that one thread opens, uses and closes without a pause', { timeout: 60_000 }, async () => {
    const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => {
      const echo = new Party('echo');
      echo.socket = socket;
      socket.handlers = echo.handlers;
    });
    const { port } = listener.address();
    await Promise.all(
      Array.from({ length: 8 }, async () => {
        for (let i = 0; i < 250; i++) {
          const party = await connectTo(port);
          party.socket.send(Buffer.from('quick'));
          party.socket.end();
          await party.closing();
          expect(party.facts()).toMatchObject({ received: 5, errorCode: null });
        }
      }),
    );
  });

  it('[WSD-1.5] by a switch that closes: links, names and memory', async () => {
    await (await connectTo((await peer.do.listen('echo')).port)).socket.close();
    await sw.close();
    const before = resources();
    const theirs = (await peer.do.resources()).segments;
    for (let i = 0; i < 10; i++) {
      const one = await createSwitch(STRICT);
      await one.listen({ host: '127.0.0.1' }, () => {});
      const { port } = await peer.do.listen('echo');
      const party = new Party('sink');
      party.socket = await one.connect({ host: '127.0.0.1', port, handlers: party.handlers });
      await one.close();
      expect(party.closed).toBe(true);
    }
    await eventually('all is given back', () => {
      const now = resources();
      return now.descriptors <= before.descriptors && now.segments <= before.segments;
    });
    await eventually('over there too', async () => (await peer.do.resources()).segments <= theirs);
  });
});

describe('listeners that close', () => {
  it('leave their connections alone, and may come again on the same port', async () => {
    const { party, port, listener } = await pair('echo');
    for (let i = 0; i < 5; i++) {
      await peer.do.unlisten(listener + i);
      party.socket.send(Buffer.from('ping'));
      await party.got(4 * (i + 1));
      await expect(connectTo(port)).rejects.toThrow('nothing-listens');
      const again = await peer.do.listen('echo', { port });
      expect(again.port).toBe(port);
      expect(again.listener).toBe(listener + i + 1);
      const fresh = await connectTo(port);
      fresh.socket.send(Buffer.from('new'));
      await fresh.got(3);
      await fresh.socket.close();
    }
    await party.socket.close();
    expect(party.error).toBeNull();
  });

  it('and another process on the same port is met afresh', async () => {
    const first = await Peer.process();
    const { port } = await first.do.listen('echo');
    const old = await connectTo(port);
    await first.kill();
    await old.closing();
    const { listener } = await peer.do.listen('echo', { port });
    const party = await connectTo(port);
    party.socket.send(Buffer.from('second'));
    await party.got(6);
    await party.socket.close();
    await peer.do.unlisten(listener);
  });

  it('[WSD-4.4] admit: a refusal is ECONNREFUSED, and TCP/IP is not tried', async () => {
    const listener = await sw.listen({ host: '127.0.0.1', admit: ({ provider }) => provider !== 'shm' }, () => {});
    const { port } = listener.address();
    const modest = await Peer.process({ providers: ['shm'] });
    expect(await modest.do.tryConnect({ port })).toBe('ECONNREFUSED');
    expect(JSON.stringify(await modest.do.decision())).toContain('refused-by-peer');
    await modest.kill();
    await delay(1);
  });
});
