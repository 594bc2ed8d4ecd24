import { once } from 'node:events';

import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { createSwitch, defineActor, type RuntimeListener } from 'sanswitch';
import { afterEach, describe, expect, it } from 'vitest';
import { afterwards } from '../switch/helpers.js';
import { answer, call, dial, endOf, portOf, serve, threadsOf } from './runtime-clients.js';
import { runtimeOf, until } from './runtimes.js';
import { CERTIFICATE, KEY } from './tls-files.js';

const tls = { key: KEY, cert: CERTIFICATE };
const clients: TLSSocket[] = [];
afterEach(() => {
  for (const client of clients.splice(0)) client.destroy();
});

/** A client whose handshake is done. */
async function secure(listener: RuntimeListener, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const client = connect({ port: portOf(listener), host: '127.0.0.1', ca: CERTIFICATE, ...options });
  clients.push(client);
  client.on('error', () => {});
  await new Promise((resolve) => client.once('secureConnect', resolve));
  return client;
}

describe('a listener with TLS', () => {
  it('makes the handshake where the actor lives, on all workers', async () => {
    const runtime = await runtimeOf({ providers: ['shm'] });
    const listener = await serve(runtime, { tls, args: { greeting: 'hi' } });
    expect(listener.decision.candidates).toContainEqual({ provider: 'shm', outcome: 'not-serving', reason: 'tls' });
    const all = await Promise.all(Array.from({ length: 6 }, () => secure(listener)));
    await Promise.all(all.map((client) => once(client, 'data')));
    expect(all.every((client) => client.authorized)).toBe(true);
    expect(new Set(await threadsOf(all)).size).toBe(2);
    const long = 'x'.repeat(200_000);
    const [one] = all as [TLSSocket];
    one.write(long);
    let received = '';
    one.on('data', (bytes) => {
      received += bytes;
    });
    await until('the echo', () => received === long);
    for (const client of all) client.end();
    await until('all have left', () => listener.connections === 0);
  });

  it('makes it on the calling thread where the actor is a definition', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const actor = defineActor<never>(() => ({ received: (socket, bytes) => void socket.send(bytes) }));
    const listener = await runtime.listen({ host: '127.0.0.1', actor, tls });
    expect(await answer(await secure(listener), 'hello')).toBe('hello');
    expect((await runtime.stats()).main.actors).toBe(1);
  });

  it('resumes sessions on whichever worker', async () => {
    const runtime = await runtimeOf({ providers: ['tcp'] });
    const listener = await serve(runtime, { tls: { ...tls, maxVersion: 'TLSv1.2' }, placement: 'round-robin' });
    const first = await secure(listener);
    const session = first.getSession();
    const second = await secure(listener, { session });
    expect(new Set(await threadsOf([first, second])).size).toBe(2);
    expect(second.isSessionReused()).toBe(true);
  });

  it('ends in order, and by a reset when the actor aborts or its worker dies', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const listener = await serve(runtime, { tls });
    const ends: string[] = [];
    const watched = async () => {
      const client = await secure(listener);
      // Node reports a reset right after the handshake as an end.
      await answer(client, '!provider');
      const at = ends.push('') - 1;
      client.on('end', () => {
        ends[at] = 'end';
      });
      client.on('error', ({ code }: NodeJS.ErrnoException) => {
        ends[at] = code ?? '';
      });
      return client.resume();
    };
    (await watched()).write('!end');
    (await watched()).write('!abort');
    await until('both have ended', () => ends.every((end) => end !== ''));
    await watched();
    runtime.terminateWorker(0);
    await until('the third has ended', () => ends[2] !== '');
    expect(ends).toEqual(['end', 'ECONNRESET', 'ECONNRESET']);
    await until('all have left', () => listener.connections === 0);
  });

  it('lets nobody in without a certificate, where it wants one', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const wanting = { ...tls, requestCert: true, rejectUnauthorized: true, ca: CERTIFICATE };
    const listener = await serve(runtime, { tls: wanting, args: { greeting: 'welcome' } });
    const known = await secure(listener, tls);
    await once(known, 'data');
    // By TLS 1.3 the client is done before the server has asked.
    const stranger = await secure(listener);
    stranger.resume();
    await until('it is turned away', () => stranger.closed);
    await until('only one is left', () => listener.connections === 1);
    expect((await runtime.stats()).workers[0]?.host?.spawned).toBe(1);
  });

  it('waits only so long for a handshake, and survives nonsense', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const listener = await serve(runtime, { tls: { ...tls, handshakeTimeout: 200 } });
    const [silent, talker, gone] = await dial(listener, 3);
    talker?.write('GET / HTTP/1.1\r\n\r\n'.repeat(100));
    gone?.destroy();
    silent?.resume();
    talker?.resume();
    await until('all have left', () => listener.connections === 0);
    await until('they see it', () => silent?.closed === true && talker?.closed === true);
    expect((await runtime.stats()).workers[0]?.host?.spawned).toBe(0);
    expect(await answer(await secure(listener), '!provider')).toBe('tcp');
  });

  it('has no companions, which a configuration that demands them does not allow', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['shm!'] });
    await expect(serve(runtime, { tls })).rejects.toMatchObject({ code: 'ERR_SANSWITCH_PROVIDER_REQUIRED' });
    const other = await runtimeOf({ workers: 1 });
    const listener = await serve(other, { tls });
    const sw = await createSwitch({ providers: ['shm!'] });
    afterwards(() => sw.close());
    const there = { port: portOf(listener), host: '127.0.0.1' };
    await expect(sw.connect(there)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_PROVIDER_REQUIRED' });
  });

  it('is refused what can not be: a bad key, a function', async () => {
    const runtime = await runtimeOf({ workers: 1 });
    await expect(serve(runtime, { tls: { ...tls, key: 'none' } })).rejects.toThrow(/PEM|key|DECODER/i);
    const withFunction = { ...tls, SNICallback: () => {} };
    await expect(serve(runtime, { tls: withFunction })).rejects.toMatchObject({ code: 'ERR_SANSWITCH_INVALID_OPTION' });
    await expect(serve(runtime, { tls: 'yes' as never })).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('leaves no handshake behind when the runtime closes, on the calling thread neither', async () => {
    const runtime = await runtimeOf({ workers: 1, providers: ['tcp'] });
    const actor = defineActor<never>(() => ({ received() {} }));
    const listener = await runtime.listen({ host: '127.0.0.1', actor, tls });
    const silent = call(listener).resume();
    await until('the handshake has begun', () => listener.connections === 1);
    await runtime.close();
    await until('it is reset', () => endOf(silent) === 'ECONNRESET', 2_000);
    expect(listener.connections).toBe(0);
  });
});
