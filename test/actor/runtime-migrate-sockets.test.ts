/** Socket actors that move between workers, with a peer process that sends and checks all the time. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import { createRuntime, HandOverError, NotMovableError, type Runtime } from 'sanswitch';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type Carrier from '../fixtures/actors/carrier.js';
import type { CarrierReport } from '../fixtures/actors/carrier.js';
import type { PeerReport } from '../fixtures/carrier-peer.js';
import { firstWrong } from '../fixtures/pattern.js';
import { type CarrierRef, carrierOf, collector, listenToCarriers, reportOf, startPeer, workerOf } from './carriers.js';
import { places, tcpPlace } from './places.js';
import { RoamerPeer, roamer } from './roamers.js';
import { portOf } from './runtime-clients.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';
import { CERTIFICATE, KEY } from './tls-files.js';

const MIB = 2 ** 20;

/** Has it moved. A peer that is slow to answer, on a machine that is busy, keeps it where it is: then once more. */
async function moveOnce(runtime: Runtime, ref: CarrierRef, patience = 5): Promise<CarrierRef> {
  try {
    return await runtime.migrate(ref, 1 - workerOf(ref));
  } catch (error) {
    if ((error as { code?: string }).code !== 'ERR_SANSWITCH_HAND_OVER' || patience === 0) throw error;
    return moveOnce(runtime, ref, patience - 1);
  }
}

/** Has it moved back and forth. @returns where it lives then */
async function moveOften(runtime: Runtime, ref: CarrierRef, times: number): Promise<CarrierRef> {
  let latest = ref;
  for (let move = 0; move < times; move++) latest = await moveOnce(runtime, latest);
  return latest;
}

/** All that one end has sent has come to the other, and both have ended in order. */
function expectComplete(actor: CarrierReport | undefined, peer: PeerReport | undefined, moves: number): void {
  expect(peer).toMatchObject({ wrong: 0, error: null, peerEnded: true, received: actor?.sent });
  expect(actor).toMatchObject({ problems: [], moves, error: null, received: peer?.sent, peerEnded: true });
}

describe.each(places)('a socket actor that moves, over $name', (place) => {
  const { host, provider } = place;
  // More at once than an emulated machine can serve would be reset: nobody takes over in time what is on its way.
  const [moves, few, rounds, together] = place.isSlow ? [10, 2, 2, 4] : [50, 5, 12, 10];
  let runtime: Runtime;

  beforeAll(async () => {
    runtime = await createRuntime({ workers: 2, workerRestarts: { max: 100 }, ...place.options });
  });
  afterAll(() => runtime.close());
  beforeEach(() => until('nothing is left of the test before', isQuiet));

  async function isQuiet(): Promise<boolean> {
    const { workers } = await runtime.stats();
    return workers.every(({ state, host }) => state === 'up' && host?.actors === 0);
  }

  const deathsOf = async (worker: number) => (await runtime.stats()).workers[worker]?.deaths as number;

  it('[WSD-8.1] loses, doubles and swaps no byte in moves under full traffic', { timeout: 120_000 }, async () => {
    const { reports, ref: over } = await collector(runtime);
    const listener = await listenToCarriers(runtime, place, { name: 'carrier', over });
    const peer = await startPeer(listener, place, 1, 0);
    const ref = await carrierOf(runtime, 'carrier');
    const moved = await moveOften(runtime, ref, moves);
    expect(moved.address.equals(ref.address)).toBe(false);
    expect(listener.connections).toBe(1);
    const during = await reportOf(moved);
    expect(during).toMatchObject({ moves, problems: [], provider });
    expect(during.received).toBeGreaterThan(0);
    peer.stop();
    ref.tell({ do: 'finish' });
    await until('the connection is over', () => reports.length === 1, 60_000);
    const [atPeer] = await peer.reports;
    const [atActor] = reports;
    expectComplete(atActor, atPeer, moves);
    // Both ends were busy.
    for (const bytes of [atPeer?.sent, atActor?.sent]) expect(bytes).toBeGreaterThan(MIB);
    await until('the listener knows', () => listener.connections === 0);
    await until('the workers too', isQuiet);
    await listener.close();
  });

  it.each([{ lend: true }, { receiveBufferBytes: 16_384 }, { overlapped: true }])(
    'and is given its bytes as before: %j',
    async (given) => {
      const { overlapped = false, ...options } = given as { overlapped?: boolean };
      const { reports, ref: over } = await collector(runtime);
      const args = { name: 'carrier', over, overlapped };
      const listener = await listenToCarriers(runtime, place, args, options);
      const peer = await startPeer(listener, place, 1, 0);
      const ref = await moveOften(runtime, await carrierOf(runtime, 'carrier'), few);
      peer.stop();
      ref.tell({ do: 'finish' });
      await until('the connection is over', () => reports.length === 1, 60_000);
      expectComplete(reports[0], (await peer.reports)[0], few);
      await listener.close();
    },
  );

  it('many at once, and their peers notice nothing', { timeout: 120_000 }, async () => {
    const { reports, ref: over } = await collector(runtime);
    const listener = await listenToCarriers(runtime, place, { name: 'carrier', over });
    const peer = await startPeer(listener, place, together, 0);
    await until('all are there', () => runtime.lookup(`carrier-${together}`) !== undefined);
    const names = Array.from({ length: together }, (_, i) => (i === 0 ? 'carrier' : `carrier-${i + 1}`));
    const refs = await Promise.all(names.map((one) => carrierOf(runtime, one)));
    await Promise.all(refs.map((ref) => moveOften(runtime, ref, few)));
    peer.stop();
    for (const ref of refs) ref.tell({ do: 'finish' });
    await until('all are over', () => reports.length === together, 60_000);
    const sums = (of: (one: CarrierReport | PeerReport) => number, all: readonly (CarrierReport | PeerReport)[]) =>
      all.map(of).sort((a, b) => a - b);
    const atPeer = await peer.reports;
    for (const report of reports) expect(report).toMatchObject({ problems: [], moves: few, error: null });
    for (const report of atPeer) expect(report).toMatchObject({ wrong: 0, error: null, peerEnded: true });
    expect(sums(({ sent }) => sent, reports)).toEqual(sums(({ received }) => received, atPeer));
    expect(sums(({ received }) => received, reports)).toEqual(sums(({ sent }) => sent, atPeer));
    await until('the listener knows', () => listener.connections === 0);
    await listener.close();
  });

  it('when one direction has ended, the other goes on', { timeout: 60_000 }, async () => {
    for (const [own, peers] of [
      [100_000, 0],
      [undefined, 100_000],
    ] as const) {
      const { reports, ref: over } = await collector(runtime);
      const listener = await listenToCarriers(runtime, place, { name: 'carrier', over, bytes: own });
      const peer = await startPeer(listener, place, 1, peers);
      const ref = await carrierOf(runtime, 'carrier');
      const hasEnded = async () =>
        own === undefined ? (await reportOf(ref)).peerEnded : (await reportOf(ref)).sent === own;
      await until('one direction has ended', hasEnded);
      await moveOften(runtime, ref, 4);
      peer.stop();
      ref.tell({ do: 'finish' });
      await until('the connection is over', () => reports.length === 1, 30_000);
      expectComplete(reports[0], (await peer.reports)[0], 4);
      await listener.close();
    }
  });

  it('an idle one, again and again', async () => {
    const listener = await runtime.listen({ host, actor: moduleUrl('roamer') });
    const peer = await RoamerPeer.start(listener, place, 4, false);
    for (let round = 0; round < few; round++) {
      await Promise.all(
        [0, 1, 2, 3].map((number) => {
          const ref = roamer(runtime, number);
          return runtime.migrate(ref, 1 - workerOf(ref as never));
        }),
      );
      expect(await peer.ping()).toMatchObject({ answered: 4, wrong: 0 });
    }
    expect(peer.ended.size).toBe(0);
    expect(listener.connections).toBe(4);
    peer.kill();
    await listener.close();
  });

  it('[WSD-8.1] both ends move, each as it likes', { timeout: 120_000 }, async () => {
    const { reports, ref: over } = await collector(runtime);
    const listener = await listenToCarriers(runtime, place, { name: 'far', over });
    const near = await runtime.connect<typeof Carrier>({
      port: portOf(listener),
      host,
      actor: moduleUrl('carrier'),
      args: { name: 'near', over },
    });
    const far = await carrierOf(runtime, 'far');
    const ends = await Promise.all(
      [near, far].map(async (first) => {
        let ref: CarrierRef = first;
        for (let move = 0; move < 8; move++) {
          ref = await moveOnce(runtime, ref);
          // Each has handled what came along before it moves again: two ends full of each other's bytes would keep each other.
          await reportOf(ref);
        }
        return ref;
      }),
    );
    for (const ref of ends) ref.tell({ do: 'finish' });
    await until('both are over', () => reports.length === 2, 60_000);
    const [one, other] = reports as [CarrierReport, CarrierReport];
    for (const report of reports)
      expect(report).toMatchObject({ problems: [], moves: 8, error: null, peerEnded: true });
    expect([one.sent, other.sent]).toEqual([other.received, one.received]);
    await listener.close();
  });

  it('lives on when the worker that it has left dies, and ends with the one that it is on', async () => {
    const listener = await runtime.listen({ host, actor: moduleUrl('roamer'), placement: () => 0 });
    const peer = await RoamerPeer.start(listener, place, 1, true);
    const moved = await runtime.migrate(roamer(runtime, 0), 1);
    await peer.ping();
    const deaths = await deathsOf(0);
    runtime.terminateWorker(0);
    await until('it is dead', async () => (await deathsOf(0)) > deaths);
    expect(await peer.ping()).toMatchObject({ answered: 1, wrong: 0 });
    expect(listener.connections).toBe(1);
    moved.tell({ do: 'fall', grief: 'exit' });
    await until('the peer knows', () => peer.ended.size === 1);
    await listener.close();
  });

  it('[WSD-8.2] a worker that dies at any moment of moves leaves no connection in doubt', {
    timeout: 120_000,
  }, async () => {
    const listener = await runtime.listen({ host, actor: moduleUrl('roamer'), placement: () => 0 });
    const peer = await RoamerPeer.start(listener, place, 0, false);
    for (let round = 0; round < rounds; round++) {
      const doomed = round % 2;
      const prefix = `roamer-${round}`;
      await peer.connect(6, true, prefix);
      const refs = [0, 1, 2, 3, 4, 5].map((number) => roamer(runtime, number, prefix));
      // There and back, so that both have what they need and the moment of death is left to chance.
      for (const worker of [1, 0]) await Promise.all(refs.map((ref) => runtime.migrate(ref, worker)));
      const deaths = await deathsOf(doomed);
      const moving = Promise.allSettled(refs.map((ref) => runtime.migrate(ref, 1)));
      // Most are under way after 2 to 6 ms, in an emulated machine after some 100.
      await sleep(place.isSlow ? 40 * round : round / 2);
      runtime.terminateWorker(doomed);
      const outcomes = (await moving).map(({ status }) => status);
      await until('it is dead', async () => (await deathsOf(doomed)) > deaths);
      await sleep(200);
      const { answered, wrong } = await peer.ping();
      expect([answered + peer.ended.size, wrong]).toEqual([6, 0]);
      await until('the listener knows', () => listener.connections === answered);
      // Where the worker died that they came from, those that were there already live on.
      const moved = outcomes.filter((outcome) => outcome === 'fulfilled').length;
      if (doomed === 0) expect(answered).toBeGreaterThanOrEqual(moved);
      // A worker that is up still has to load what its listeners need: until then nobody can be placed there.
      let tries = 0;
      const isBack = async () => {
        if ((await runtime.stats()).workers[doomed]?.state !== 'up') return false;
        const connecting = peer.connect(1, false, `${prefix}-again-${++tries}`);
        return connecting.then(
          () => true,
          () => false,
        );
      };
      await until('it takes connections again', isBack);
    }
    peer.kill();
    await listener.close();
  });
});

it('what an actor held of its socket on the thread that it has left can do nothing any more', async () => {
  const runtime = await runtimeOf({ providers: ['tcp'] });
  const told: string[] = [];
  const report = await runtime.spawn<string, undefined>(() => (text) => void told.push(text), undefined);
  const args = { report, name: 'leaver' };
  const listener = await runtime.listen({ host: '127.0.0.1', actor: moduleUrl('leaver'), args, placement: () => 0 });
  const client = connect(portOf(listener), '127.0.0.1');
  await until('it is there', () => runtime.lookup('leaver') !== undefined);
  await runtime.migrate(runtime.lookup('leaver') as CarrierRef, 1);
  await until('it has tried', () => told.length > 0);
  expect(told).toEqual(['ERR_SANSWITCH_ACTOR_STOPPED']);
  client.destroy();
});

describe('a connection that can not move stays as it is', () => {
  it('one by TLS', async () => {
    const runtime = await runtimeOf({ providers: ['tcp'] });
    const tls = { cert: CERTIFICATE, key: KEY };
    const listener = await runtime.listen({ host: '127.0.0.1', actor: moduleUrl('roamer'), tls });
    const client = connectTls({ port: portOf(listener), host: '127.0.0.1', ca: CERTIFICATE, servername: 'localhost' });
    const words: string[] = [];
    client.on('data', (bytes) => words.push(bytes.toString()));
    client.write('!secret');
    await until('it is there', () => words.length === 1);
    const ref = runtime.lookup('secret') as CarrierRef;
    await expect(runtime.migrate(ref, 1 - workerOf(ref))).rejects.toBeInstanceOf(NotMovableError);
    // Nobody tries, the rebalancer for instance.
    const { host } = (await runtime.stats({ perActor: true })).workers[workerOf(ref)] ?? {};
    expect(host?.perActor?.map(({ movable }) => movable)).toEqual([false]);
    client.write('still here');
    await until('it answers', () => words.length === 2);
    expect(words[1]).toBe('still here');
    client.destroy();
  });

  it('one whose peer does not read', { timeout: 60_000 }, async () => {
    const runtime = await runtimeOf({ providers: ['tcp'] });
    const { reports, ref: over } = await collector(runtime);
    const listener = await listenToCarriers(runtime, tcpPlace, { name: 'carrier', over });
    const client = connect({ port: portOf(listener), host: '127.0.0.1' });
    const ref = await carrierOf(runtime, 'carrier');
    await until('it has filled the way', async () => {
      const before = (await reportOf(ref)).sent;
      await sleep(300);
      return before > MIB && (await reportOf(ref)).sent === before;
    });
    await expect(runtime.migrate(ref, 1 - workerOf(ref))).rejects.toBeInstanceOf(HandOverError);
    let received = 0;
    let wrong = 0;
    client.on('data', (bytes) => {
      if (firstWrong(bytes, received) >= 0) wrong++;
      received += bytes.length;
    });
    const ended = once(client, 'end');
    ref.tell({ do: 'finish' });
    client.end();
    await until('the connection is over', () => reports.length === 1, 30_000);
    await ended;
    expect(reports[0]).toMatchObject({ problems: [], moves: 0, error: null, sent: received });
    expect(wrong).toBe(0);
  });
});
