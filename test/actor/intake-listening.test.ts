import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type ListenOptions, type Server, type Socket } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { IntakeListener, IntakeOptions } from '#src/actor/intake/listener.js';
import { echoes, Rig } from './intake-rig.js';

const hasIPv6 = Object.values(networkInterfaces()).some((list) => list?.some(({ address }) => address === '::1'));
let rig: Rig;
const servers: Server[] = [];

beforeEach(() => {
  rig = new Rig();
});
afterEach(async () => {
  await rig.end();
  for (const server of servers.splice(0)) server.close();
});

/** The error that node:net has for it, thrown or emitted; null: it listens. */
async function nodeError(options: ListenOptions): Promise<unknown> {
  const server = createServer();
  try {
    server.listen(options);
    servers.push(server);
    await once(server, 'listening');
    return null;
  } catch (error) {
    return error;
  }
}

async function ourError(options: IntakeOptions): Promise<unknown> {
  try {
    await rig.listen({ host: undefined as never, ...options });
    return null;
  } catch (error) {
    return error;
  }
}

const shape = (error: unknown) => {
  const { name, message, code, errno, syscall, address, port, hostname } = error as Record<string, unknown>;
  return { name, message, code, errno, syscall, address, port, hostname };
};

async function expectSame(options: ListenOptions): Promise<void> {
  const theirs = await nodeError(options);
  expect(theirs).not.toBeNull();
  expect(shape(await ourError(options as IntakeOptions))).toEqual(shape(theirs));
}

/** node:net listens there, and stays. */
async function occupy(options: ListenOptions): Promise<number> {
  expect(await nodeError({ port: 0, ...options })).toBeNull();
  return ((servers.at(-1) as Server).address() as AddressInfo).port;
}

describe('what node:net refuses is refused in the same words', () => {
  it.each([-1, 65_536, 1.5, Number.NaN, 'http', '', ' '])('port %s', async (port) => {
    await expectSame({ port: port as number, host: '127.0.0.1' });
  });

  it.each(['192.0.2.1', '2001:db8::1', 'no-such-host.invalid'])('host %s', async (host) => {
    await expectSame({ port: 0, host });
    await expectSame({ port: 4_711, host });
  });

  it('a port that is taken: EADDRINUSE', async () => {
    await expectSame({ port: await occupy({ host: '127.0.0.1' }), host: '127.0.0.1' });
    await expectSame({ port: await occupy({}) });
    await expectSame({ port: await occupy({ host: '0.0.0.0' }), host: '127.0.0.1' });
  });

  it('a port that is not ours to take: EACCES', async ({ skip }) => {
    const user = process.geteuid?.() as number;
    // Any but the superuser.
    process.seteuid?.(user || 65_534);
    try {
      if ((await nodeError({ port: 1, host: '127.0.0.1' })) === null) skip('every user may, here');
      await expectSame({ port: 1, host: '127.0.0.1' });
      await expectSame({ port: 1 });
    } finally {
      process.seteuid?.(user);
    }
  });

  it('options of wrong types', async () => {
    for (const port of [true, {}, 5n]) {
      const { code } = (await nodeError({ port: port as never })) as { code: string };
      expect(await ourError({ port: port as never })).toMatchObject({ code });
    }
    expect(await ourError({ backlog: '5' as never })).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(await ourError({ backlog: -1 })).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    expect(await ourError({ maxConnections: 1.5 })).toMatchObject({ code: 'ERR_OUT_OF_RANGE' });
    expect(await ourError({ host: 5 as never })).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(await ourError({ placement: 'best' as never })).toMatchObject({ code: 'ERR_SANSWITCH_INVALID_OPTION' });
  });
});

describe('where it listens', () => {
  const greeting = async (listener: IntakeListener, host: string) => {
    const client = connect({ port: listener.address()?.port as number, host });
    await echoes(client, `to ${host}`);
    client.destroy();
  };

  it('a port as text, an address, a name', async () => {
    await rig.start(1);
    const listener = await rig.listen({ port: '0', host: 'localhost' });
    expect(listener.address()).toMatchObject({ family: expect.stringMatching(/^IPv[46]$/), port: expect.any(Number) });
    await greeting(listener, listener.address()?.address as string);
  });

  it('everywhere, by IPv6 and IPv4, as node:net writes the addresses', async ({ skip }) => {
    if (!hasIPv6) skip('no IPv6 here');
    const peers: string[] = [];
    await rig.start(1);
    const listener = await rig.listen({
      host: '',
      placement: ({ remote, local }, [worker]) => {
        peers.push(`${remote.family} ${remote.address} ${local.address}`);
        return worker?.worker as number;
      },
    });
    expect(listener.address()).toMatchObject({ address: '::', family: 'IPv6' });
    await greeting(listener, '127.0.0.1');
    await greeting(listener, '::1');
    expect(peers).toEqual(['6 ::ffff:127.0.0.1 ::ffff:127.0.0.1', '6 ::1 ::1']);
  });

  it('by IPv6 only', async ({ skip }) => {
    if (!hasIPv6) skip('no IPv6 here');
    await rig.start(1);
    const listener = await rig.listen({ host: '::', ipv6Only: true });
    await greeting(listener, '::1');
    await expect(greeting(listener, '127.0.0.1')).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('on a port whose last connection is in TIME_WAIT', async () => {
    await rig.start(1);
    const first = await rig.listen();
    const port = first.address()?.port as number;
    const worker = rig.workers.get(1);
    const [client] = (await rig.connect(first, 1)) as [Socket];
    await echoes(client, 'it is open');
    // The side that ends first keeps the connection in TIME_WAIT: here the server's.
    await worker?.terminate();
    if (!client.closed) await once(client.resume(), 'close');
    await first.close();
    expect((await rig.listen({ port })).address()?.port).toBe(port);
  });
});

describe('a failing placement', () => {
  it('costs the connection, is told, and the listener goes on', async () => {
    let calls = 0;
    await rig.start(1);
    const listener = await rig.listen({
      placement: () => {
        calls += 1;
        if (calls === 1) throw new Error('undecided');
        return calls === 2 ? 9 : 1;
      },
    });
    const [first, second, third] = await rig.connect(listener, 3);
    await echoes(third as never, 'third');
    expect([first?.closed, second?.closed]).not.toContain(undefined);
    expect(rig.errors.map(({ message }) => message)).toEqual([
      'undecided',
      expect.stringContaining('placement returned 9'),
    ]);
    expect(listener.counters.unplaced).toBe(2);
  });
});
