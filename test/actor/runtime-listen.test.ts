import { once } from 'node:events';
import type { Socket } from 'node:net';
import { threadId } from 'node:worker_threads';
import { createSwitch, defineActor, type RuntimeListener } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { afterwards } from '../switch/helpers.js';
import { allClosed, echoes } from './intake-rig.js';
import { localPlaces } from './local-places.js';
import { peerOptions, tcpPlace } from './places.js';
import { answer, dial, endOf, portOf, serve, threadsOf } from './runtime-clients.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

/** Echoes on the calling thread. */
const echo = defineActor<never, string>((greeting) => ({
  connected: (socket) => void socket.send(Buffer.from(greeting)),
  received: (socket, bytes) => void socket.send(bytes),
}));

describe('connections by TCP/IP', () => {
  it('become actors on all workers, and leave', async () => {
    const runtime = await runtimeOf({ providers: ['tcp'] });
    const listener = await serve(runtime);
    const clients = await dial(listener, 20);
    await Promise.all(clients.map((client, i) => echoes(client, `word ${i} `.repeat(1_000))));
    expect(new Set(await threadsOf(clients)).size).toBe(2);
    expect(listener.connections).toBe(20);
    for (const client of clients) client.end();
    await allClosed(clients);
    expect(clients.map(endOf)).toEqual(Array(20).fill('end'));
    await until('all have left', () => listener.connections === 0);
    const { workers, listeners, main } = await runtime.stats();
    expect(workers.map(({ host }) => host?.switch?.providers.tcp?.accepts)).toEqual([10, 10]);
    expect(workers.map(({ host }) => host?.actors)).toEqual([0, 0]);
    expect(main.switch?.listeners).toBe(1);
    expect(listeners).toEqual([
      {
        address: listener.address(),
        connections: 0,
        counters: {
          accepted: 20,
          aborted: 0,
          shed: 0,
          pauses: 0,
          dropped: 0,
          rejected: 0,
          unplaced: 0,
          ungiven: 0,
          refused: 0,
        },
      },
    ]);
  });

  it('become actors on the calling thread, where the actor is a definition', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const listener = await runtime.listen({ host: '127.0.0.1', actor: echo, args: 'hello' });
    const [client] = await dial(listener, 1);
    expect(await answer(client as never, ' you')).toMatch(/^hello/);
    expect((await runtime.stats()).main.actors).toBe(1);
    client?.end();
    await until('it has left', () => listener.connections === 0);
  });

  it('of several listeners are told apart', async () => {
    const runtime = await runtimeOf({ providers: ['shm'] });
    const greetings = ['one', 'two', 'three'];
    const listeners = await Promise.all(greetings.map((greeting) => serve(runtime, { args: { greeting } })));
    const sw = await createSwitch({ providers: ['shm!'] });
    afterwards(() => sw.close());
    for (const [i, listener] of listeners.entries()) {
      const clients = await dial(listener, 4);
      const heard = await Promise.all(clients.map((client) => once(client, 'data')));
      expect(heard.map(([bytes]) => String(bytes))).toEqual(Array(4).fill(greetings[i]));
      const socket = await sw.connect({ port: portOf(listener), host: '127.0.0.1' });
      expect(Buffer.from((await socket.receive()) ?? []).toString()).toBe(greetings[i]);
      await socket.close();
      for (const client of clients) client.end();
    }
    await until('all have left', () => listeners.every(({ connections }) => connections === 0));
    await listeners[0]?.close();
    const [client] = await dial(listeners[1] as RuntimeListener, 1);
    expect(String((await once(client as Socket, 'data'))[0])).toBe('two');
    expect((await runtime.stats()).listeners.map(({ connections }) => connections)).toEqual([1, 0]);
  });

  it('come by names and by both families where nothing else is said', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const listener = await runtime.listen({ actor: moduleUrl('server') });
    expect(listener.address()).toMatchObject({ port: expect.any(Number) });
    const [client] = await dial(listener, 1);
    await echoes(client as never, 'here');
  });
});

describe.each(localPlaces)('connections over $name', (place) => {
  const { host, provider } = place;

  it('become actors, and count', async () => {
    const runtime = await runtimeOf(place.options);
    const listener = await serve(runtime, { host });
    expect(listener.decision.candidates).toContainEqual({ provider, outcome: 'chosen', reason: 'listens' });
    const sw = await createSwitch(peerOptions(place));
    afterwards(() => sw.close());
    const sockets = await Promise.all(Array.from({ length: 10 }, () => sw.connect({ port: portOf(listener), host })));
    for (const socket of sockets) {
      socket.send(Buffer.from('!provider'));
      expect(Buffer.from((await socket.receive()) ?? []).toString()).toBe(provider);
    }
    expect(listener.connections).toBe(10);
    await Promise.all(sockets.map((socket) => socket.close()));
    await until('all have left', () => listener.connections === 0);
  });
});

describe('runtime.connect', () => {
  it.each([tcpPlace, ...localPlaces])(
    'makes an actor of a connection on a worker, and on the calling thread, over $name',
    async ({ host, provider, options }) => {
      const runtime = await runtimeOf(options);
      const listener = await serve(runtime, { host, args: { greeting: 'hello' } });
      const heard: string[] = [];
      const report = await runtime.spawn(
        defineActor<string>(() => (word) => void heard.push(word)),
        undefined,
      );
      const there = { port: portOf(listener), host };
      await runtime.connect({ ...there, actor: moduleUrl('server'), args: { report } });
      await until('it is connected', () => heard.length === 1);
      expect(heard[0]).toMatch(new RegExp(`^connected ${provider} \\d+$`));
      expect(heard[0]).not.toContain(` ${threadId}`);
      const here = await runtime.connect({ ...there, actor: echo, args: 'hi', name: 'caller' });
      expect(runtime.lookup('caller')?.address).toEqual(here.address);
      await until('both count', () => listener.connections === 2);
      runtime.stop(here);
      await until('it has left', () => listener.connections === 1);
    },
  );
});
