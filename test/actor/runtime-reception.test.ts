/** Whom a runtime's listener lets in, and where to. */
import { type Caller, createSwitch } from 'sanswitch';
import { describe, expect, it, vi } from 'vitest';
import { afterwards } from '../switch/helpers.js';
import { localPlaces } from './local-places.js';
import { peerOptions } from './places.js';
import { call, dial, endOf, portOf, serve, threadsOf } from './runtime-clients.js';
import { runtimeOf, until } from './runtimes.js';

describe('[WSD-4.3] admit', () => {
  it('resets a caller by TCP/IP before any worker hears of it', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const callers: Caller[] = [];
    const listener = await serve(runtime, {
      admit: (caller) => {
        callers.push(caller);
        return callers.length > 2;
      },
    });
    const clients = await dial(listener, 2);
    await until('they see it', () => clients.every((client) => endOf(client) === 'ECONNRESET'));
    const [third] = await dial(listener, 1);
    await threadsOf([third as never]);
    expect(callers[0]).toEqual({
      provider: 'tcp',
      remote: { family: 4, address: '127.0.0.1', port: expect.any(Number) },
      local: { family: 4, address: '127.0.0.1', port: portOf(listener) },
    });
    expect(listener.counters).toMatchObject({ accepted: 3, rejected: 2 });
    expect((await runtime.stats()).workers[0]?.host?.spawned).toBe(1);
  });

  it('is told the credentials of a caller by shared memory, and refuses it', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['shm!'] });
    const callers: Caller[] = [];
    const listener = await serve(runtime, {
      admit: (caller) => {
        callers.push(caller);
        return caller.provider === 'shm' && callers.length > 1;
      },
    });
    const sw = await createSwitch({ providers: ['shm!'] });
    afterwards(() => sw.close());
    const there = { port: portOf(listener), host: '127.0.0.1' };
    await expect(sw.connect(there)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const socket = await sw.connect(there);
    expect(socket.provider).toBe('shm');
    expect(callers[0]?.credentials).toEqual({ pid: process.pid, uid: process.getuid?.(), gid: process.getgid?.() });
    expect(listener.counters.rejected).toBe(1);
    await socket.close();
  });

  it.each(localPlaces)('refuses a caller over $name, and lets in the next', async (place) => {
    const runtime = await runtimeOf({ ...place.options, workers: 1 });
    const callers: Caller[] = [];
    const admit = (caller: Caller) => callers.push(caller) > 1;
    const listener = await serve(runtime, { host: place.host, admit });
    const sw = await createSwitch(peerOptions(place));
    afterwards(() => sw.close());
    const there = { port: portOf(listener), host: place.host };
    await expect(sw.connect(there)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    const socket = await sw.connect(there);
    expect(callers.map(({ provider, local }) => [provider, local])).toEqual(
      Array(2).fill([place.provider, { family: 4, address: place.host, port: there.port }]),
    );
    expect(listener.counters.rejected).toBe(1);
    await socket.close();
  });

  it('may throw: the caller is rejected, and the exception an uncaught one', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const caught = new Promise((resolve) => process.once('uncaughtException', resolve));
    const listener = await serve(runtime, {
      admit: () => {
        throw new Error('no idea');
      },
    });
    const [client] = await dial(listener, 1);
    await expect(caught).resolves.toMatchObject({ message: 'no idea' });
    await until('it sees it', () => endOf(client as never) === 'ECONNRESET');
  });

  it('is not even asked where the configuration demands another provider', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['shm!'] });
    const admit = vi.fn(() => true);
    const listener = await serve(runtime, { admit });
    const [client] = await dial(listener, 1);
    await until('it sees it', () => endOf(client as never) === 'ECONNRESET');
    expect(admit).not.toHaveBeenCalled();
    expect(listener.counters.rejected).toBe(1);
  });
});

describe('maxConnections', () => {
  it('holds over TCP/IP and shared memory together, and can be changed', async () => {
    const runtime = await runtimeOf({ providers: ['shm'] });
    const dropped = vi.fn();
    const listener = await serve(runtime, { maxConnections: 4, dropped });
    const sw = await createSwitch({ providers: ['shm!'] });
    afterwards(() => sw.close());
    const there = { port: portOf(listener), host: '127.0.0.1' };
    const clients = await dial(listener, 2);
    await threadsOf(clients);
    const sockets = [await sw.connect(there), await sw.connect(there)];
    const [fifth] = await dial(listener, 1);
    await until('it is dropped', () => endOf(fifth as never) === 'ECONNRESET');
    await expect(sw.connect(there)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect(dropped.mock.calls.map(([{ provider }]) => provider)).toEqual(['tcp', 'shm']);
    expect(listener.connections).toBe(4);
    await sockets[0]?.close();
    await until('one has left', () => listener.connections === 3);
    await threadsOf(await dial(listener, 1));
    listener.maxConnections = undefined;
    await threadsOf(await dial(listener, 3));
    listener.maxConnections = 1;
    expect(listener.connections).toBe(7);
    const late = call(listener);
    await until('it is dropped', () => endOf(late) === 'ECONNRESET');
    await sockets[1]?.close();
  });

  it.each(localPlaces)('holds over $name', async (place) => {
    const runtime = await runtimeOf(place.options);
    const listener = await serve(runtime, { host: place.host, maxConnections: 2 });
    const sw = await createSwitch(peerOptions(place));
    afterwards(() => sw.close());
    const there = { port: portOf(listener), host: place.host };
    const sockets = [await sw.connect(there), await sw.connect(there)];
    await expect(sw.connect(there)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await sockets[0]?.close();
    await until('one has left', () => listener.connections === 1);
    await (await sw.connect(there)).close();
    await sockets[1]?.close();
    expect(listener.counters.dropped).toBe(1);
  });
});

describe('placement', () => {
  it('by least connections counts both providers', async () => {
    const runtime = await runtimeOf({ providers: ['tcp'] });
    const listener = await serve(runtime);
    const clients = await dial(listener, 6);
    const threads = await threadsOf(clients);
    const leaving = clients.filter((_, i) => threads[i] === threads[0]);
    for (const client of leaving) client.end();
    await until('half has left', () => listener.connections === 3);
    expect(new Set(await threadsOf(await dial(listener, 3)))).toEqual(new Set([threads[0]]));
  });

  it('by the hash of the peer has one worker for one address', async () => {
    const runtime = await runtimeOf({ providers: ['tcp'] });
    const listener = await serve(runtime, { placement: 'peer-hash' });
    expect(new Set(await threadsOf(await dial(listener, 10))).size).toBe(1);
  });

  it('by a function, which is told of the caller and the loads, and whose mistakes cost one connection', async () => {
    const runtime = await runtimeOf({ workers: 2, providers: ['tcp'] });
    const errors: Error[] = [];
    let calls = 0;
    const listener = await serve(runtime, {
      failed: (error) => errors.push(error),
      placement: ({ remote, provider }, workers) => {
        expect([remote.address, provider]).toEqual(['127.0.0.1', 'tcp']);
        expect(new Set(workers.map(({ worker }) => worker))).toEqual(new Set([0, 1]));
        calls += 1;
        return calls === 1 ? 5 : 1;
      },
    });
    const [lost] = await dial(listener, 1);
    await until('it is gone', () => endOf(lost as never) === 'ECONNRESET');
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('placement returned 5')]);
    expect(new Set(await threadsOf(await dial(listener, 4))).size).toBe(1);
    expect(listener.counters.unplaced).toBe(1);
  });
});
