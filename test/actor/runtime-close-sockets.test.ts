/** The orderly end of a runtime with listeners and connections, in each state of them. */
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createSwitch, type Runtime } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { startListening } from '#src/actor/intake/listening.js';
import { closeDescriptor, localPort } from '#src/native/os.js';
import { afterwards } from '../switch/helpers.js';
import { openSockets } from './intake-rig.js';
import { localPlaces } from './local-places.js';
import { peerOptions, tcpPlace } from './places.js';
import { answer, call, dial, endOf, portOf, serve, threadsOf } from './runtime-clients.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

/** Nothing has to be waited for: the machine may be busy with other things. */
const AT_ONCE_MS = 2_000;
const MANY = 20_000_000;

async function closeTime(runtime: Runtime): Promise<number> {
  const begin_ms = performance.now();
  await runtime.close();
  return performance.now() - begin_ms;
}

/** Whether the system still has the client's end of a connection: not after a reset. */
function isOpen(clientPort: number, serverPort: number): boolean {
  const portOfEnd = (end = '') => Number.parseInt(end.split(':')[1] ?? '', 16);
  const lines = readFileSync('/proc/self/net/tcp', 'utf8').split('\n').slice(1);
  return lines.some((line) => {
    const [, local, remote] = line.trim().split(/\s+/);
    return portOfEnd(local) === clientPort && portOfEnd(remote) === serverPort;
  });
}

describe('close() of a runtime', () => {
  it.each(['idle', 'busy'])('ends %s connections by TCP/IP in order', async (state) => {
    const before = openSockets();
    const runtime = await runtimeOf({ providers: ['tcp'] });
    const listener = await serve(runtime);
    const clients = await dial(listener, 20);
    await threadsOf(clients);
    for (const client of clients) client.on('data', (bytes) => state === 'busy' && client.write(bytes));
    for (const client of clients) client.write('round and round');
    await once(clients[0] as Socket, 'data');
    expect(await closeTime(runtime)).toBeLessThan(AT_ONCE_MS);
    await until('all have ended', () => clients.every((client) => endOf(client) !== undefined));
    // What a busy client has sent meanwhile nobody reads any more.
    if (state === 'idle') expect(clients.map(endOf)).toEqual(Array(20).fill('end'));
    expect(listener.connections).toBe(0);
    await until('nothing leaks', () => openSockets() <= before);
  });

  it('resets, after its time, whom it can not wait for', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'], closeTimeoutMs: 2_000 });
    const listener = await serve(runtime);
    const never = connect({ port: portOf(listener), host: '127.0.0.1', allowHalfOpen: true });
    never.resume();
    await answer(never, '!provider');
    // It reads nothing, so that what is queued can't go.
    const deaf = connect({ port: portOf(listener), host: '127.0.0.1' });
    deaf.write(`!send ${MANY}`);
    await once(deaf, 'readable');
    const port = portOf(listener);
    const ports = [never, deaf].map(({ localPort }) => localPort as number);
    expect(ports.map((clientPort) => isOpen(clientPort, port))).toEqual([true, true]);
    const ms = await closeTime(runtime);
    expect([ms > 1_000, ms < 2_000 + AT_ONCE_MS]).toEqual([true, true]);
    // Node may take the reset of a connection that it is not reading from for an end; the system knows.
    await until('they are reset', () => !ports.some((clientPort) => isOpen(clientPort, port)));
    never.destroy();
    deaf.destroy();
  });

  it('fails connects that are under way, and all later ones', async () => {
    const full = await startListening({ host: '127.0.0.1', backlog: 1 });
    afterwards(async () => closeDescriptor(full));
    const there = { port: localPort(full), host: '127.0.0.1' };
    const fillers = Array.from({ length: 3 }, () => connect(there).on('error', () => {}));
    afterwards(async () => {
      for (const filler of fillers) filler.destroy();
    });
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const attempts = [
      runtime.connect({ ...there, actor: moduleUrl('server') }),
      runtime.connect({ ...there, actor: () => ({ received() {} }) }),
    ].map((attempt) => attempt.catch(({ code }) => code));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await closeTime(runtime)).toBeLessThan(AT_ONCE_MS);
    const closed = 'ERR_SANSWITCH_RUNTIME_CLOSED';
    expect(await Promise.all(attempts)).toEqual([closed, closed]);
    await expect(runtime.connect({ ...there, actor: moduleUrl('server') })).rejects.toMatchObject({ code: closed });
    await expect(serve(runtime)).rejects.toMatchObject({ code: closed });
  });

  it('gives up what is about to listen, and frees its port', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const listening = serve(runtime).catch(({ code }) => code);
    await runtime.close();
    expect(await listening).toBe('ERR_SANSWITCH_RUNTIME_CLOSED');
    const other = await runtimeOf({ workers: 1, providers: ['shm'] });
    const { port } = (await serve(other)).address() as { port: number };
    await other.close();
    const third = await runtimeOf({ workers: 1, providers: ['shm'] });
    expect((await serve(third, { port })).address()?.port).toBe(port);
  });

  it('with callers that nobody has accepted yet: they are reset', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const listener = await serve(runtime);
    const clients = Array.from({ length: 200 }, () => call(listener).resume());
    await until('some are in', () => listener.counters.accepted > 0);
    await runtime.close();
    await until('all have ended', () => clients.every(({ closed }) => closed));
  });
});

describe.each([tcpPlace, ...localPlaces])('close() of a runtime with connections over $name', (place) => {
  const { host } = place;
  const many = place.isSlow ? MANY / 10 : MANY;

  it.each(['idle', 'busy'])('ends %s connections in order', async (state) => {
    const runtime = await runtimeOf(place.options);
    const listener = await serve(runtime, { host });
    const sw = await createSwitch(peerOptions(place));
    afterwards(() => sw.close());
    const there = { port: portOf(listener), host };
    const sockets = await Promise.all(Array.from({ length: 20 }, () => sw.connect(there)));
    const ends: (Error | null)[] = [];
    let received = 0;
    for (const socket of sockets) {
      socket.handlers = {
        received: (_, bytes) => {
          received += 1;
          if (state === 'busy') socket.send(bytes);
        },
        closed: (_, error) => void ends.push(error),
      };
      socket.send(Buffer.from('round and round'));
    }
    await until('the echoes', () => received >= 20);
    expect(await closeTime(runtime)).toBeLessThan(AT_ONCE_MS);
    await until('all have ended', () => ends.length === 20);
    expect(ends).toEqual(Array(20).fill(null));
  });

  it('lets go out what is queued', async () => {
    const runtime = await runtimeOf({ workers: 1, ...place.options });
    const listener = await serve(runtime, { host });
    const sw = await createSwitch(peerOptions(place));
    afterwards(() => sw.close());
    const socket = await sw.connect({ port: portOf(listener), host });
    let got = 0;
    let end: Error | null | undefined;
    socket.handlers = {
      // A slow reader.
      received: (_, bytes) => {
        got += bytes.length;
        socket.pause();
        setTimeout(() => socket.resume(), 1);
      },
      closed: (_, error) => {
        end = error;
      },
    };
    socket.send(Buffer.from(`!send ${many}`));
    await until('it begins', () => got > 0);
    await runtime.close();
    await until('it has ended', () => end !== undefined);
    expect([got, end]).toEqual([many, null]);
  });
});

describe('close() of a listener', () => {
  it('lets nobody in any more, and resolves when the last connection has ended', async () => {
    const runtime = await runtimeOf({ providers: ['shm'] });
    const listener = await serve(runtime);
    const port = portOf(listener);
    const sw = await createSwitch({ providers: ['shm'] });
    afterwards(() => sw.close());
    const socket = await sw.connect({ port, host: '127.0.0.1' });
    const [client] = await dial(listener, 1);
    await threadsOf([client as Socket]);
    let isOver = false;
    const closing = listener.close();
    void closing.then(() => {
      isOver = true;
    });
    expect(listener.close()).toBe(closing);
    expect(listener.address()).toBeNull();
    await expect(sw.connect({ port, host: '127.0.0.1' })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    expect((await runtime.stats()).listeners).toMatchObject([{ address: null, connections: 2 }]);
    client?.end();
    await threadsOf([]);
    expect(isOver).toBe(false);
    await socket.close();
    await closing;
    expect((await runtime.stats()).listeners).toEqual([]);
  });
});
