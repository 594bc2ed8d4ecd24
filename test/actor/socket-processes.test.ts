/** Socket actors and peers in another process. */
import { setTimeout as delay } from 'node:timers/promises';
import { createSwitch, type Switch } from 'sanswitch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ActorHost } from '#src/actor/host.js';
import type { ActorSocket } from '#src/actor/sockets/types.js';
import type { ActorDefinition } from '#src/actor/types.js';
import { kernelCounts } from '../rdma/kernel-counts.js';
import { killPeers, Peer } from '../shm/peer.js';
import { resources } from '../shm/resources.js';
import { afterwards } from '../switch/helpers.js';
import { peerOptions, places, sanPlaces, switchOptions } from './places.js';
import { acting, hostOfTest, MIB, until } from './socket-rig.js';

afterAll(killPeers);

/** Sends back what comes; while the way back is full it reads no more. */
const copying = acting(() => ({
  received(socket, bytes) {
    if (!socket.send(bytes)) socket.pause();
  },
  drained: (socket) => socket.resume(),
}));

/** The same in memory of its own: four buffers go round. */
const overlapped = acting(() => ({
  connected(socket) {
    for (let i = 0; i < 4; i++) socket.receiveOverlapped(Buffer.allocUnsafeSlow(50_000), i);
  },
  completed(socket, { kind, buffer, token }, error, bytes) {
    if (error !== null || (kind === 'receive' && bytes === 0)) return;
    if (kind === 'receive') socket.sendOverlapped(buffer.subarray(0, bytes), buffer);
    else socket.receiveOverlapped(token as Uint8Array);
  },
}));

/** The same straight into the memory that the peer reads. */
const reserving = acting(() => {
  const waiting: Uint8Array[] = [];
  const forward = (socket: ActorSocket) => {
    for (let bytes = waiting[0]; bytes !== undefined; bytes = waiting[0]) {
      const room = socket.reserve(bytes.length);
      if (room === null) return;
      room.set(bytes);
      socket.commit(bytes.length);
      waiting.shift();
    }
    socket.resume();
  };
  return {
    received(socket, bytes) {
      waiting.push(bytes);
      socket.pause();
      forward(socket);
    },
    drained: forward,
  };
});

const ways: readonly [string, ActorDefinition<never, void>][] = [
  ['copies', copying],
  ['overlapped operations', overlapped],
  ['reserved room', reserving],
];

describe.each(places)('with a peer in another process, over $name', (place) => {
  const { host: address, provider } = place;
  const [many, balls] = place.isSlow ? [32, 300] : [256, 5_000];
  const streamBytes = MIB * (place.isSlow ? 16 : provider === 'shm' ? 48 : 12);
  let peer: Peer;
  let sw: Switch;

  beforeAll(async () => {
    peer = await Peer.process(peerOptions(place));
    sw = await createSwitch(switchOptions(place));
    return () => sw.close();
  });

  /** A listener whose connections become actors. @returns its port */
  async function serve(host: ActorHost, definition: ActorDefinition<never, void>): Promise<number> {
    const listener = await sw.listen({ host: address }, (socket) => {
      expect(socket.provider).toBe(provider);
      host.spawnSocket(definition, undefined, {}, socket);
    });
    afterwards(() => listener.close());
    return listener.address().port;
  }

  it.each(ways)(
    '[WSD-5.10] sends a stream back by %s: every byte once, in order',
    async (_, definition) => {
      const { host, failures } = hostOfTest();
      const port = await serve(host, definition);
      const party = await peer.do.connect('sink', { host: address, port });
      const crc = await peer.do.flood(party, { totalBytes: streamBytes, seed: 5, minBytes: 1 });
      await peer.do.got(party, streamBytes, 60_000);
      expect(await peer.do.facts(party)).toMatchObject({ provider, received: streamBytes, crc, errorCode: null });
      expect(host.actors()[0]?.sockets[0]).toMatchObject({
        provider,
        bytesReceived: streamBytes,
        bytesSent: streamBytes,
      });
      await peer.do.tell(party, 'end');
      await until(() => host.stats().actors === 0);
      expect((await peer.do.facts(party)).errorCode).toBeNull();
      expect(failures).toEqual([]);
    },
    90_000,
  );

  it('connects out: an actor plays ball with an echo over there', async () => {
    const { host, failures } = hostOfTest();
    const { port } = await peer.do.listen('echo', { host: address });
    let played = 0;
    const player = acting(() => ({
      connected: (socket) => void socket.send(Uint8Array.of(1)),
      received(socket, bytes) {
        played += bytes.length;
        if (played < balls) socket.send(bytes);
        else socket.end();
      },
    }));
    host.spawnSocket(player, undefined, {}, await sw.connect({ host: address, port }));
    await until(() => host.stats().actors === 0);
    expect([played, failures]).toEqual([balls, []]);
  });

  it('many connections at once, each with its own actor and its own bytes', async () => {
    const { host, failures } = hostOfTest();
    const port = await serve(host, copying);
    const parties: number[] = [];
    for (let i = 0; i < many; i++) parties.push(await peer.do.connect('sink', { host: address, port }));
    await until(() => host.stats().actors === many);
    const totalBytes = 20_000;
    const crcs = await Promise.all(
      parties.map((party, seed) => peer.do.flood(party, { totalBytes, seed, minBytes: 1 })),
    );
    for (const [i, party] of parties.entries()) {
      await peer.do.got(party, totalBytes);
      expect(await peer.do.facts(party)).toMatchObject({ received: totalBytes, crc: crcs[i] });
    }
    expect(new Set(crcs).size).toBe(many);
    await Promise.all(parties.map((party) => peer.do.close(party)));
    await until(() => host.stats().actors === 0);
    expect(failures).toEqual([]);
  });

  it('a peer that does not read holds up its own actor only', async () => {
    const { host } = hostOfTest();
    let stopped = 0;
    const flooding = acting(() => ({
      connected(socket) {
        while (socket.send(new Uint8Array(60_000)));
        stopped = socket.queuedBytes;
      },
    }));
    const holding = await peer.do.connect('hold', { host: address, port: await serve(host, flooding) });
    const party = await peer.do.connect('sink', { host: address, port: await serve(host, copying) });
    await peer.do.flood(party, { totalBytes: MIB, seed: 3, minBytes: 1 });
    await peer.do.got(party, MIB);
    expect(stopped).toBeGreaterThan(0);
    expect(stopped).toBeLessThan(2 * MIB);
    for (const one of [holding, party]) await peer.do.tell(one, 'abort');
    await until(() => host.stats().actors === 0);
  });

  it('a failure that stops the actor is a reset over there', async () => {
    const { host } = hostOfTest();
    const failing = acting(() => ({
      received() {
        throw new Error('as told');
      },
    }));
    const listener = await sw.listen({ host: address }, (socket) => {
      host.spawnSocket(failing, undefined, { supervision: { decide: () => 'stop' } }, socket);
    });
    afterwards(() => listener.close());
    const party = await peer.do.connect('sink', { host: address, port: listener.address().port });
    await peer.do.send(party, 'x');
    expect(await peer.do.closing(party)).toBe('ECONNRESET');
    expect(host.stats().actors).toBe(0);
  });
});

describe.each(sanPlaces)('a peer that is killed, over $name', (place) => {
  /** What connections hold: mapped segments, or queue pairs of all processes. */
  const held = () => (place.provider === 'shm' ? resources().segments : (kernelCounts().qp as number));

  it('every actor hears ECONNRESET once, pending operations end first, nothing stays', async () => {
    const connections = place.isSlow ? 12 : 50;
    const sw = await createSwitch(switchOptions(place));
    const peer = await Peer.process(peerOptions(place));
    const { host, failures } = hostOfTest();
    const log: string[] = [];
    let receiving = 0;
    const definition = acting(() => {
      let pending = 0;
      return {
        connected(socket) {
          socket.receiveOverlapped(new Uint8Array(10));
          for (let i = 0; i < 3; i++) socket.sendOverlapped(new Uint8Array(3 * MIB));
          pending = 4;
          receiving++;
        },
        completed(_, _operation, error) {
          pending--;
          if (pending === 0 && error === null) log.push('all went well');
        },
        closed: (_, error) => void log.push(`${pending} ${(error as NodeJS.ErrnoException | null)?.code}`),
      };
    });
    const listener = await sw.listen({ host: place.host }, (socket) => {
      host.spawnSocket(definition, undefined, {}, socket);
    });
    const { port } = listener.address();
    if (place.provider === 'verbs') {
      // What the first connection opens of a device stays open.
      await peer.do.tryConnect({ host: place.host, port });
      await until(() => log.length === 1 && host.stats().actors === 0);
      log.length = 0;
      receiving = 0;
    }
    const before = { held: held(), descriptors: resources().descriptors };
    for (let i = 0; i < connections; i++) await peer.do.connect('hold', { host: place.host, port });
    await until(() => receiving === connections);
    await delay(20);
    await peer.kill();
    await until(() => host.stats().actors === 0);
    expect(log).toEqual(Array.from({ length: connections }, () => '0 ECONNRESET'));
    expect(failures).toEqual([]);
    await until(() => held() <= before.held);
    expect(resources().descriptors).toBeLessThanOrEqual(before.descriptors + 2);
    await listener.close();
    await sw.close();
  });
});
