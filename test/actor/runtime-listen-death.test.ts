/** Workers that die with connections: whose they were, and what the others notice. */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { createSwitch, type Runtime, type RuntimeListener, type StreamSocket, type WorkerLoad } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { afterwards } from '../switch/helpers.js';
import { echoes, openSockets } from './intake-rig.js';
import { localPlaces } from './local-places.js';
import { peerOptions } from './places.js';
import { answer, call, dial, endOf, portOf, serve, threadsOf } from './runtime-clients.js';
import { runtimeOf, until } from './runtimes.js';

/** Workers have died so often, and are back: both get connections. */
async function serving(runtime: Runtime, listener: RuntimeListener, deaths: number): Promise<void> {
  await until('both serve', async () => {
    const { workers } = await runtime.stats();
    if (workers.reduce((sum, worker) => sum + worker.deaths, 0) < deaths) return false;
    const clients = await dial(listener, 2);
    const threads = await Promise.allSettled(clients.map((client) => answer(client, '!who')));
    for (const client of clients) client.destroy();
    return new Set(threads.map((one) => (one.status === 'fulfilled' ? one.value : ''))).size === 2;
  });
}

describe('a worker that dies with 100 connections', () => {
  it.each([
    ['exits', '!exit'],
    ['runs out of memory', '!exhaust'],
    ['is terminated', ''],
  ])('%s: its own peers see a reset at once, the others none', { timeout: 60_000 }, async (_, order) => {
    const runtime = await runtimeOf({ providers: ['tcp'], resourceLimits: { maxOldGenerationSizeMb: 48 } });
    const placed = new Map<number, number>();
    const listener = await serve(runtime, {
      placement: ({ remote }, workers) => {
        const wanted = workers.find(({ worker }) => worker === placed.size % 2);
        const { worker } = (wanted ?? workers[0]) as WorkerLoad;
        placed.set(remote.port, worker);
        return worker;
      },
    });
    const clients = await dial(listener, 200);
    await threadsOf(clients);
    const [doomed, others] = [0, 1].map((worker) => {
      return clients.filter(({ localPort }) => placed.get(localPort as number) === worker);
    }) as [Socket[], Socket[]];
    expect([doomed.length, others.length]).toEqual([100, 100]);
    if (order === '') runtime.terminateWorker(0);
    else doomed[0]?.write(order);
    for (const client of doomed) client.resume();
    await until('all of its peers know', () => doomed.every((client) => endOf(client) !== undefined));
    expect(new Set(doomed.map(endOf))).toEqual(new Set(['ECONNRESET']));
    await until('the accounts are right', () => listener.connections === 100);
    expect(others.map(endOf)).toEqual(Array(100).fill(undefined));
    await serving(runtime, listener, 1);
    await Promise.all(others.map((client) => echoes(client, 'all well')));
  });

  it('again and again, under load: nobody waits for ever, nothing leaks', { timeout: 60_000 }, async () => {
    const runtime = await runtimeOf({ providers: ['tcp'], workerRestarts: { max: 100 } });
    const listener = await serve(runtime);
    await answer((await dial(listener, 1))[0] as never, '!provider');
    const before = openSockets();
    for (let round = 0; round < 4; round++) {
      const pressing = setInterval(() => {
        for (let i = 0; i < 5; i++) {
          const client = call(listener).resume();
          client.on('connect', () => client.end('some words'));
        }
      }, 1);
      await new Promise((resolve) => setTimeout(resolve, 10 + 7 * round));
      runtime.terminateWorker(round % 2);
      await serving(runtime, listener, round + 1);
      clearInterval(pressing);
    }
    // The first client's connection may have gone down with its worker.
    await until('all have left', () => listener.connections <= 1);
    await until('nothing leaks', () => openSockets() <= before);
    await echoes((await dial(listener, 1))[0] as never, 'as ever');
  });
});

describe.each(localPlaces)('a worker that dies with connections over $name', (place) => {
  it('resets its own peers, and the accounts are right', { timeout: 30_000 }, async () => {
    const runtime = await runtimeOf(place.options);
    const listener = await serve(runtime, { host: place.host, placement: 'round-robin' });
    const sw = await createSwitch(peerOptions(place));
    afterwards(() => sw.close());
    const there = { port: portOf(listener), host: place.host };
    const ends: (string | undefined)[] = [];
    const sockets = await Promise.all(Array.from({ length: 20 }, () => sw.connect(there)));
    const ask = async (socket: StreamSocket, order: string) => {
      socket.send(Buffer.from(order));
      return Buffer.from((await socket.receive()) ?? []).toString();
    };
    const threads = await Promise.all(sockets.map((socket) => ask(socket, '!who')));
    expect(new Set(threads).size).toBe(2);
    for (const [i, socket] of sockets.entries()) {
      socket.handlers = {
        closed: (__, error) => {
          ends[i] = (error as NodeJS.ErrnoException | null)?.code ?? 'end';
        },
      };
    }
    const dying = threads[0];
    runtime.terminateWorker(0);
    const doomed = sockets.flatMap((__, i) => (threads[i] === dying ? [i] : []));
    const living = sockets.flatMap((__, i) => (threads[i] === dying ? [] : [i]));
    const [first, second] = [doomed, living].map((all) => all.some((i) => ends[i] !== undefined));
    expect([first, second]).toEqual([false, false]);
    const isFirst = await Promise.race([
      until('the first half ends', () => doomed.every((i) => ends[i] === 'ECONNRESET')).then(() => true),
      until('the second half ends', () => living.every((i) => ends[i] === 'ECONNRESET')).then(() => false),
    ]);
    const rest = isFirst ? living : doomed;
    await until('the accounts are right', () => listener.connections === 10);
    for (const i of rest) expect(await ask(sockets[i] as StreamSocket, 'alive')).toBe('alive');
    await Promise.all(rest.map((i) => sockets[i]?.close()));
  });
});

describe('a worker that dies, and its callers by shared memory', () => {
  it('again and again, while others connect: each is served or told, nothing leaks', { timeout: 60_000 }, async () => {
    const runtime = await runtimeOf({ providers: ['shm'], workerRestarts: { max: 100 } });
    const listener = await serve(runtime);
    const sw = await createSwitch({ providers: ['shm!'], sanConnectTimeoutMs: 500 });
    afterwards(() => sw.close());
    const there = { port: portOf(listener), host: '127.0.0.1' };
    const outcomes = new Map<string, number>();
    const note = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    const visit = async () => {
      try {
        const socket = await sw.connect(there);
        socket.send(Buffer.from('some words'));
        note((await socket.receive()) === null ? 'ended' : 'served');
        await socket.close();
      } catch (error) {
        note((error as NodeJS.ErrnoException).code as string);
      }
    };
    await visit();
    const before = openSockets();
    const visits: Promise<void>[] = [];
    for (let round = 0; round < 4; round++) {
      const pressing = setInterval(() => visits.push(visit(), visit()), 2);
      await new Promise((resolve) => setTimeout(resolve, 20 + 9 * round));
      runtime.terminateWorker(round % 2);
      await serving(runtime, listener, round + 1);
      clearInterval(pressing);
    }
    await Promise.all(visits);
    const { served = 0, ...others } = Object.fromEntries(outcomes);
    expect(served).toBeGreaterThan(visits.length / 2);
    const told = ['ECONNRESET', 'ECONNREFUSED', 'ETIMEDOUT', 'ERR_SANSWITCH_PROVIDER_REQUIRED'];
    expect(Object.keys(others).filter((outcome) => !told.includes(outcome))).toEqual([]);
    await until('all have left', () => listener.connections === 0);
    // A link or two to workers that have come back.
    await until('nothing leaks', () => openSockets() <= before + 6);
    await visit();
    expect(outcomes.get('served')).toBe(served + 1);
  });

  it('and is the only one: callers by shared memory wait by TCP/IP until it is back', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['shm'] });
    const listener = await serve(runtime);
    const sw = await createSwitch({ providers: ['shm'] });
    afterwards(() => sw.close());
    const there = { port: portOf(listener), host: '127.0.0.1' };
    const provider = async () => {
      const socket = await sw.connect(there);
      socket.send(Buffer.from('!provider'));
      const word = Buffer.from((await socket.receive()) ?? []).toString();
      await socket.close();
      return word;
    };
    expect(await provider()).toBe('shm');
    const dead = new Promise((resolve) => subscribe('sanswitch.worker-died', resolve));
    runtime.terminateWorker(0);
    await dead;
    expect(await provider()).toBe('tcp');
    await until('it is back', async () => (await provider()) === 'shm');
    expect(listener.counters).toMatchObject({ unplaced: 0 });
    expect(listener.decision.candidates).toContainEqual({ provider: 'shm', outcome: 'chosen', reason: 'listens' });
  });
});

it('when all workers have been given up callers are turned away, not left waiting, and the listener says so', async () => {
  const runtime = await runtimeOf({ workers: 1, providers: ['tcp'], workerRestarts: { max: 0 } });
  const errors: Error[] = [];
  const listener = await serve(runtime, { failed: (error) => errors.push(error) });
  runtime.terminateWorker(0);
  await until('it is told', () => errors.length === 1);
  expect(errors[0]).toMatchObject({ code: 'ERR_SANSWITCH_WORKER_DIED', message: expect.stringContaining('given up') });
  const [late] = await dial(listener, 1);
  await until('it is turned away', () => endOf(late as Socket) === 'ECONNRESET');
  expect(listener.counters.unplaced).toBe(1);
  await expect(serve(runtime)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_WORKER_DIED' });
  await listener.close();
});
