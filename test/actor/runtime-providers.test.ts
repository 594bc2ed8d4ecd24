/** Providers of a runtime's switches: from a module, with and without owner keys; what sockets are made with. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { threadId } from 'node:worker_threads';
import { createSwitch, defineActor, type StreamSocket, type Switch } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { ShmProvider } from '#src/providers/shm/provider.js';
import type gauge from '../fixtures/actors/socket-facts.js';
import { afterwards } from '../switch/helpers.js';
import { portOf, serve } from './runtime-clients.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

const module = new URL('../../build/test/fixtures/provider-shm.js', import.meta.url);

async function ask(socket: StreamSocket, order: string): Promise<string> {
  socket.send(Buffer.from(order));
  return Buffer.from((await socket.receive()) ?? []).toString();
}

async function switchOf(name: string): Promise<Switch> {
  const sw = await createSwitch({ providers: [{ name, provider: new ShmProvider(), required: true }] });
  afterwards(() => sw.close());
  return sw;
}

describe('a provider from a module', () => {
  it('is loaded in every thread, and hands connections to workers', async () => {
    const runtime = await runtimeOf({ providers: [{ name: 'own', module, required: true }] });
    const listener = await serve(runtime);
    const sw = await switchOf('own');
    const sockets = await Promise.all(
      Array.from({ length: 6 }, () => sw.connect({ port: portOf(listener), host: '127.0.0.1' })),
    );
    const threads = await Promise.all(sockets.map((socket) => ask(socket, '!who')));
    expect(new Set(threads).size).toBe(2);
    expect(threads).not.toContain(`${threadId}`);
    expect(await ask(sockets[0] as StreamSocket, '!provider')).toBe('own');
    await Promise.all(sockets.map((socket) => socket.close()));
  });

  it('that could not be had once is asked for again', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sanswitch-'));
    afterwards(async () => rmSync(folder, { recursive: true }));
    const late = join(folder, 'late.mjs');
    const runtime = await runtimeOf({ workers: 1, providers: [{ name: 'own', module: pathToFileURL(late) }] });
    await expect(serve(runtime)).rejects.toMatchObject({ message: expect.stringContaining("can't be loaded") });
    writeFileSync(late, `export { default } from '${module.href}';`);
    const listener = await serve(runtime);
    expect(listener.decision.candidates).toContainEqual(
      expect.objectContaining({ provider: 'own', outcome: 'chosen' }),
    );
  });

  it('that hands nothing over has its actors on the calling thread, and they count', async () => {
    const stays = new URL(`${module.href}?stays`);
    const runtime = await runtimeOf({ providers: [{ name: 'own', module: stays, required: true }] });
    const listener = await serve(runtime, { maxConnections: 3 });
    const sw = await switchOf('own');
    const there = { port: portOf(listener), host: '127.0.0.1' };
    const sockets = await Promise.all(Array.from({ length: 3 }, () => sw.connect(there)));
    expect(await Promise.all(sockets.map((socket) => ask(socket, '!who')))).toEqual(Array(3).fill(`${threadId}`));
    expect(listener.connections).toBe(3);
    await expect(sw.connect(there)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await runtime.stats()).main.actors).toBe(3);
    await Promise.all(sockets.map((socket) => socket.close()));
    await until('all have left', () => listener.connections === 0);
  });
});

describe('a socket of an actor', () => {
  it.each([
    ['is lent the bytes', { lend: true }],
    ['receives into its listener’s buffer', { receiveBufferBytes: 4_096 }],
    ['has private copies', {}],
  ])('%s', async (_, options) => {
    const runtime = await runtimeOf({ workers: 1, providers: ['shm!'] });
    const listener = await runtime.listen<typeof gauge>({
      host: '127.0.0.1',
      actor: moduleUrl('socket-facts'),
      highWaterMarkBytes: 12_345,
      keepAlive: true,
      ...options,
    });
    const sw = await createSwitch({ providers: ['shm!'] });
    afterwards(() => sw.close());
    const socket = await sw.connect({ port: portOf(listener), host: '127.0.0.1' });
    const facts = JSON.parse(await ask(socket, 'what are you?'));
    const { lend = false, receiveBufferBytes = 0 } = options as { lend?: boolean; receiveBufferBytes?: number };
    expect(facts.highWaterMarkBytes).toBe(12_345);
    // A private copy has memory of its own; lent bytes lie in the segment, and the buffer is as large as was said.
    if (receiveBufferBytes > 0) expect(facts.memoryBytes).toBe(receiveBufferBytes);
    else expect(facts.memoryBytes > 1_000_000).toBe(lend);
    await socket.close();
  });
});

describe('an actor that has connected itself', () => {
  it('with supervision starts again, with a new connection, when its worker has died', async () => {
    const runtime = await runtimeOf({ workers: 2, providers: ['shm!'] });
    const heard: string[] = [];
    const report = await runtime.spawn(
      defineActor<string>(() => (word) => void heard.push(word)),
      undefined,
    );
    const listener = await serve(runtime, { placement: () => 1 });
    const there = { port: portOf(listener), host: '127.0.0.1' };
    const options = { ...there, actor: moduleUrl('server'), args: { report }, worker: 0 };
    await runtime.connect({ ...options, supervision: {} });
    await runtime.connect(options);
    await until('both are connected', () => heard.length === 2 && listener.connections === 2);
    runtime.terminateWorker(0);
    await until('one is connected again', () => heard.length === 3);
    expect(heard.every((word) => word.startsWith('connected shm'))).toBe(true);
    await until('the other is not', () => listener.connections === 1);
    expect((await runtime.stats()).workers[0]?.roots).toBe(1);
  });
});
