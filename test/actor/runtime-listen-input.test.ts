/** What runtime.listen, runtime.connect and the options of their switches are given that can't be. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { type AddressInfo, createServer } from 'node:net';
import { createRuntime, defineActor, type Runtime } from 'sanswitch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dial, endOf, portOf, serve, threadsOf } from './runtime-clients.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

const INVALID = 'ERR_SANSWITCH_INVALID_OPTION';
let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime({ workers: 1, providers: ['tcp'] });
});
afterAll(() => runtime.close());

const actor = moduleUrl('server');

describe('createRuntime', () => {
  it.each([
    [{ providers: 'shm' }, INVALID],
    [{ providers: [5] }, INVALID],
    [{ providers: ['shm', 'shm!'] }, INVALID],
    [{ providers: [{ name: 'Shm' }] }, INVALID],
    [{ providers: [{ name: 'own', provider: {} }] }, INVALID],
    [{ providers: [{ name: 'own', module: './relative.js' }] }, INVALID],
    [{ providers: [{ name: 'tcp', module: 'file:///x.js' }] }, INVALID],
    [{ providers: [{ name: 'shm', options: { f: () => {} } }] }, INVALID],
    [{ providers: [{ name: 'shm', required: 'yes' }] }, INVALID],
    [{ providers: [{ name: 'shm', other: 1 }] }, INVALID],
    [{ providers: ['infiniband'] }, 'ERR_SANSWITCH_UNKNOWN_PROVIDER'],
    [{ highWaterMarkBytes: 0 }, INVALID],
    [{ negotiationTimeoutMs: 'soon' }, INVALID],
  ])('of %o', async (options, code) => {
    await expect(createRuntime({ workers: 1, ...(options as object) })).rejects.toMatchObject({ code });
  });

  it('of a provider module that there is not: listening says so', async () => {
    const providers = [{ name: 'own', module: 'file:///no/such/provider.js' }];
    const one = await runtimeOf({ workers: 1, providers });
    await expect(serve(one)).rejects.toMatchObject({ code: INVALID, message: expect.stringContaining('no/such') });
  });
});

describe('listen', () => {
  it.each([
    [null, INVALID],
    [{ actor, nonsense: 1 }, INVALID],
    [{ actor, port: 70_000 }, 'ERR_SOCKET_BAD_PORT'],
    [{ actor, backlog: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ actor, maxConnections: 1.5 }, 'ERR_OUT_OF_RANGE'],
    [{ actor, placement: 'best' }, INVALID],
    [{ actor, admit: 'all' }, 'ERR_INVALID_ARG_TYPE'],
    [{ actor, ipv6Only: 'no' }, 'ERR_INVALID_ARG_TYPE'],
    [{ actor, lend: true, receiveBufferBytes: 100 }, INVALID],
    [{ actor, receiveBufferBytes: 0 }, INVALID],
    [{ actor, highWaterMarkBytes: -1 }, INVALID],
    [{ actor, noDelay: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ actor, host: '192.0.2.1' }, 'EADDRNOTAVAIL'],
    [{ actor: './server.js' }, INVALID],
    [{ actor: undefined }, 'ERR_SANSWITCH_NO_BEHAVIOUR'],
    [{ actor: moduleUrl('no-such') }, 'ERR_SANSWITCH_NO_BEHAVIOUR'],
    [{ actor: moduleUrl('no-behaviour') }, 'ERR_SANSWITCH_NO_BEHAVIOUR'],
    [{ actor, args: () => {} }, 'ERR_SANSWITCH_NOT_SERIALIZABLE'],
    [{ actor, supervision: { decide: () => 'stop' } }, INVALID],
    [{ actor, supervision: { strategy: 'one-for-all' } }, INVALID],
    [{ actor, supervision: 'restart' }, INVALID],
    [{ actor, mailbox: { capacity: 0 } }, INVALID],
    [{ actor, mailbox: 0 }, INVALID],
  ])('with %o', async (options, code) => {
    await expect(runtime.listen(options as never)).rejects.toMatchObject({ code });
  });

  it('whose module is none, beside one that begins at the same time and listens', async () => {
    const one = await runtimeOf({ workers: 2, providers: ['tcp'] });
    const bad = one.listen({ actor: moduleUrl('no-such') } as never);
    const good = serve(one);
    await expect(bad).rejects.toMatchObject({ code: 'ERR_SANSWITCH_NO_BEHAVIOUR' });
    const listener = await good;
    expect(await threadsOf(await dial(listener, 1))).toHaveLength(1);
  });

  it('on a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    await expect(serve(runtime, { port })).rejects.toMatchObject({ code: 'EADDRINUSE', syscall: 'listen', port });
    server.close();
    expect((await runtime.stats()).listeners).toEqual([]);
  });

  it('with an actor that can not be made, or hears of no socket: each connection is reset, and that is told', async () => {
    const errors: NodeJS.ErrnoException[] = [];
    const failed = (error: Error) => errors.push(error);
    const bad = await serve(runtime, { args: { fails: true }, failed });
    const deaf = await runtime.listen({
      host: '127.0.0.1',
      actor: moduleUrl('hand'),
      args: { label: 'deaf' },
      failed,
    } as never);
    const clients = [...(await dial(bad, 2)), ...(await dial(deaf, 1))];
    await until('they see it', () => clients.every((client) => endOf(client) === 'ECONNRESET'));
    await until('it is told', () => errors.length === 3);
    expect(errors.map(({ message }) => message)).toContain('no server today');
    expect(errors.map(({ code }) => code)).toContain('ERR_SANSWITCH_NO_BEHAVIOUR');
    await until('all have left', () => bad.connections + deaf.connections === 0);
    await Promise.all([bad.close(), deaf.close()]);
  });
});

describe('connect', () => {
  it.each([
    [null, INVALID],
    [{ actor, port: 1, nonsense: 1 }, INVALID],
    [{ actor, port: -1 }, 'ERR_SOCKET_BAD_PORT'],
    [{ actor, port: 1, worker: 9 }, INVALID],
    [{ actor: defineActor<never>(() => ({ received() {} })), port: 1, worker: 0 }, INVALID],
    [{ actor, port: 1, host: 'no-such-host.invalid' }, 'ENOTFOUND'],
    [{ actor, port: 1, timeoutMs: 0 }, INVALID],
    [{ actor, port: 1, localPort: 99_999 }, INVALID],
    [{ actor: () => ({ received() {} }), port: 1, mailbox: 0 }, INVALID],
    [{ actor: moduleUrl('no-such'), port: 1 }, 'ERR_SANSWITCH_NO_BEHAVIOUR'],
    [{ actor, port: 1, name: '' }, 'ERR_INVALID_ARG_TYPE'],
  ])('with %o', async (options, code) => {
    await expect(runtime.connect(options as never)).rejects.toMatchObject({ code });
  });

  it("to nobody: the error is the connect's own, from whichever thread", async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    const there = { host: '127.0.0.1', port };
    const shape = { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port, errno: -111 };
    await expect(runtime.connect({ ...there, actor })).rejects.toMatchObject(shape);
    await expect(runtime.connect({ ...there, actor: () => ({ received() {} }) })).rejects.toMatchObject(shape);
    const demanding = await runtimeOf({ workers: 1, providers: ['shm!'] });
    await expect(demanding.connect({ ...there, actor })).rejects.toMatchObject({
      code: 'ERR_SANSWITCH_PROVIDER_REQUIRED',
      decision: { provider: null },
    });
  });

  it('with a name that is taken, or an actor that can not be made: the connection is reset', async () => {
    const listener = await serve(runtime);
    const there = { host: '127.0.0.1', port: portOf(listener) };
    const first = await runtime.connect({ ...there, actor, name: 'the-one' });
    await expect(runtime.connect({ ...there, actor, name: 'the-one' })).rejects.toMatchObject({
      code: 'ERR_SANSWITCH_NAME_TAKEN',
    });
    await expect(runtime.connect({ ...there, actor, args: { fails: true } })).rejects.toThrow('no server today');
    runtime.stop(first);
    await until('all have left', () => listener.connections === 0);
    await listener.close();
  });
});

describe('diagnostics channels', () => {
  it('tell of listeners and connections', async () => {
    const names = ['listener-opened', 'listener-closed', 'connection-placed', 'connection-refused'];
    const heard: string[] = [];
    const hear = (message: unknown, name: string | symbol) => {
      const { reason = '', worker = '' } = message as { reason?: string; worker?: number };
      heard.push(`${String(name)} ${reason}${worker}`.trim());
    };
    for (const name of names) subscribe(`sanswitch.${name}`, hear);
    const listener = await serve(runtime, { maxConnections: 1 });
    const [client] = await dial(listener, 1);
    await threadsOf([client as Socket]);
    const [late] = await dial(listener, 1);
    await until('it is turned away', () => endOf(late as Socket) === 'ECONNRESET');
    client?.end();
    await listener.close();
    for (const name of names) unsubscribe(`sanswitch.${name}`, hear);
    expect(heard).toEqual([
      'sanswitch.listener-opened',
      'sanswitch.connection-placed 0',
      'sanswitch.connection-refused max-connections',
      'sanswitch.listener-closed',
    ]);
  });
});
