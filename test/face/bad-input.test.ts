import { createServer, connect as netConnect } from 'node:net';
import { createSwitch, type SwitchOptions } from 'sanswitch';
import { NullProvider } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { afterwards, failure, listening, until } from '../switch/helpers.js';
import { pairIn, worlds } from './worlds.js';

const host = '127.0.0.1';

async function plainSwitch() {
  const sw = await createSwitch({ providers: ['tcp'] });
  afterwards(() => sw.close());
  return sw;
}

/** What `node:net` throws for the same mistake. */
function nodeError(
  mistake: () => { destroy?(): unknown; close?(): unknown; on(name: 'error', listener: () => void): unknown },
) {
  try {
    const made = mistake();
    made.on('error', () => {});
    made.destroy?.();
    made.close?.();
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  throw new Error('node:net takes it');
}

const badConnects: [string, object][] = [
  ['no port', {}],
  ['a port above the range', { port: 65_536 }],
  ['a port below the range', { port: -1 }],
  ['a port that is no integer', { port: 1.5 }],
  ['a port that is not a number', { port: Number.NaN }],
  ['a port that is a word', { port: 'http' }],
  ['a port of another type', { port: true }],
  ['a null port', { port: null }],
  ['a host of another type', { port: 1, host: 7 }],
  ['a local address that is none', { port: 1, localAddress: 'here' }],
  ['a local port of another type', { port: 1, localPort: 'x' }],
];

const badListens: [string, object][] = [
  ['a port above the range', { port: 65_536 }],
  ['a port below the range', { port: -1 }],
  ['a port that is no integer', { port: 0.5 }],
  ['a port that is a word', { port: 'http' }],
];

const oneProvider = {};

const badConfigurations: [string, unknown, RegExp | string][] = [
  [
    'one provider under two names',
    {
      providers: [
        { name: 'one', provider: oneProvider },
        { name: 'two', provider: oneProvider },
      ],
    },
    'ERR_SANSWITCH_INVALID_OPTION',
  ],
  ['null', null, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['an unknown option', { provider: ['shm'] }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['providers that are no list', { providers: 'shm' }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['an unknown provider', { providers: ['rdma'] }, 'ERR_SANSWITCH_UNKNOWN_PROVIDER'],
  ['an unknown demanded provider', { providers: ['rdma!'] }, 'ERR_SANSWITCH_UNKNOWN_PROVIDER'],
  ['a provider twice', { providers: ['loop', 'loop!'] }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['a provider without a name', { providers: [{}] }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['a name that is none', { providers: ['Shared Memory'] }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['an empty name', { providers: ['!'] }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['a number for a provider', { providers: [7] }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['an entry with an unknown key', { providers: [{ name: 'loop', demanded: true }] }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['`required` that is no flag', { providers: [{ name: 'loop', required: 1 }] }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['a provider that is no object', { providers: [{ name: 'x', provider: 'y' }] }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['another tcp', { providers: [{ name: 'tcp', provider: {} }] }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['a negative high-water mark', { highWaterMarkBytes: -1 }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['a high-water mark of zero', { highWaterMarkBytes: 0 }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['an absurd high-water mark', { highWaterMarkBytes: 2 ** 60 }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['a fraction', { closeTimeoutMs: 0.5 }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['a number as text', { sanBacklog: '10' }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['a poller that there is not', { poller: 'thread' as never }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['a strategy that there is not', { idleStrategy: 'lazy' as never }, 'ERR_SANSWITCH_INVALID_OPTION'],
  ['an absurd spin budget', { spinBudgetUs: 1e9 }, 'ERR_SANSWITCH_INVALID_OPTION'],
];

describe('bad input', () => {
  it.each(badConnects)('connect with %s: the error of net.connect', async (_what, options) => {
    const expected = nodeError(() => netConnect({ host, ...options } as never));
    const error = await failure((await plainSwitch()).connect(options as never));
    expect(error.code).toBe(expected.code);
    expect(error.name).toBe(expected.name);
    if (!('port' in options)) return;
    expect(error.message).toBe(expected.message);
  });

  it.each(badListens)('listen with %s: the error of net.Server.listen', async (_what, options) => {
    const expected = nodeError(() => createServer().listen(options));
    const error = await failure((await plainSwitch()).listen(options as never, () => {}));
    expect([error.code, error.name, error.message]).toEqual([expected.code, expected.name, expected.message]);
  });

  it.each([
    ['connect without options', 'ERR_INVALID_ARG_TYPE', undefined],
    ['an unknown option', 'ERR_SANSWITCH_INVALID_OPTION', { port: 1, hots: 'x' }],
    ['a family that is none', 'ERR_INVALID_ARG_TYPE', { port: 1, family: 5 }],
    ['a local port out of range', 'ERR_SANSWITCH_INVALID_OPTION', { port: 1, localPort: 70_000 }],
    ['a negative high-water mark', 'ERR_SANSWITCH_INVALID_OPTION', { port: 1, highWaterMarkBytes: -5 }],
    ['a negative time limit', 'ERR_SANSWITCH_INVALID_OPTION', { port: 1, timeoutMs: -1 }],
    ['an absurd time limit', 'ERR_SANSWITCH_INVALID_OPTION', { port: 1, timeoutMs: 2 ** 40 }],
    ['something that is no signal', 'ERR_INVALID_ARG_TYPE', { port: 1, signal: {} }],
    ['handlers that are none', 'ERR_INVALID_ARG_TYPE', { port: 1, handlers: 'x' }],
    ['a handler that is no function', 'ERR_INVALID_ARG_TYPE', { port: 1, handlers: { received: 1 } }],
    ['a handler of an event that there is not', 'ERR_SANSWITCH_INVALID_OPTION', { port: 1, handlers: { data() {} } }],
    ['a flag that is none', 'ERR_INVALID_ARG_TYPE', { port: 1, lend: 'yes' }],
    ['a receive buffer that is none', 'ERR_INVALID_ARG_TYPE', { port: 1, receiveBuffer: 4096 }],
    ['an empty receive buffer', 'ERR_SANSWITCH_INVALID_OPTION', { port: 1, receiveBuffer: new Uint8Array(0) }],
    [
      'a receive buffer and lent bytes',
      'ERR_SANSWITCH_INVALID_OPTION',
      { port: 1, receiveBuffer: new Uint8Array(1), lend: true },
    ],
  ])('connect with %s', async (_what, code, options) => {
    expect(await failure((await plainSwitch()).connect(options as never))).toMatchObject({ code });
  });

  it.each([
    ['a host of another type', 'ERR_INVALID_ARG_TYPE', { host: 7 }],
    ['a negative backlog', 'ERR_SANSWITCH_INVALID_OPTION', { backlog: -1 }],
    ['an admit that is no function', 'ERR_INVALID_ARG_TYPE', { admit: true }],
    ['an unknown option', 'ERR_SANSWITCH_INVALID_OPTION', { exclusive: true }],
  ])('listen with %s', async (_what, code, options) => {
    expect(await failure((await plainSwitch()).listen(options as never, () => {}))).toMatchObject({ code });
  });

  it('listen without a callback, and on a host that does not exist', async () => {
    const sw = await plainSwitch();
    expect(await failure(sw.listen({ port: 0 }, undefined as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(await failure(sw.listen({ port: 0, host: 'no-such-host.invalid' }, () => {}))).toMatchObject({
      syscall: 'getaddrinfo',
    });
    expect(sw.stats().listeners).toBe(0);
  });

  it('malformed addresses are names that do not exist', async () => {
    const sw = await plainSwitch();
    for (const bad of ['300.1.1.1', '::g', '[::1]']) {
      const error = await failure(sw.connect({ port: 9, host: bad, timeoutMs: 5_000 }));
      expect(error.code, bad).toMatch(/^(ENOTFOUND|EAI_\w+)$/);
    }
  });

  it.each(badConfigurations)('a configuration with %s', async (_what, options, code) => {
    expect(await failure(createSwitch(options as SwitchOptions))).toMatchObject({ code });
  });

  it('an unknown name is told together with those that there are', async () => {
    const error = await failure(createSwitch({ providers: ['rdma'] }));
    expect(error.message).toMatch(/no provider `rdma`.*tcp, shm, verbs, loop/);
  });

  it('options that a provider does not take leave it out, and are read in the reason', async () => {
    const sw = await createSwitch({ providers: [{ name: 'loop', options: { speed: 'fast' } }] });
    afterwards(() => sw.close());
    expect(sw.providers()[1]).toMatchObject({ state: 'left-out', detail: expect.stringContaining('speed') });
  });

  it('a closed switch', async () => {
    const sw = await createSwitch({ providers: ['tcp'] });
    await sw.close();
    expect(await failure(sw.connect({ port: 1 }))).toMatchObject({ code: 'ERR_SANSWITCH_CLOSED' });
    expect(await failure(sw.listen({ port: 0 }, () => {}))).toMatchObject({ code: 'ERR_SANSWITCH_CLOSED' });
    expect(sw.stats().listeners).toBe(0);
    expect(sw.providers()).toHaveLength(1);
  });

  it('a stranger’s null provider starts, serves nothing, and does no harm', async () => {
    class Nothing extends NullProvider {
      protected readonly info = {
        name: 'nothing',
        claimsMessageBuffers: false,
        lendsReceives: false,
        virtualPorts: true,
      };
    }
    const sw = await createSwitch({ providers: [{ name: 'nothing', provider: new Nothing() }] });
    afterwards(() => sw.close());
    expect(sw.providers()[1]).toMatchObject({ state: 'left-out', reason: 'socket-failed' });
    const { port } = await listening(sw);
    expect((await sw.connect({ port, host })).provider).toBe('tcp');
  });
});

describe.each(worlds)('misuse of a socket over $name', (world) => {
  it('sends of something that is no bytes', async () => {
    const { near } = await pairIn(world);
    for (const bad of ['text', 7, null, undefined, {}, [1, 2], new ArrayBuffer(4), new Uint16Array(2)]) {
      expect(() => near.send(bad as never)).toThrow(
        expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE', name: 'TypeError' }),
      );
      expect(await failure(near.sendAsync(bad as never))).toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
      expect(() => near.urgent(bad as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    }
    expect(near.state).toBe('open');
    expect(near.send(new Uint8Array(0))).toBe(true);
    await near.sendAsync(new Uint8Array(0));
    expect(near.bytesSent).toBe(0);
  });

  it('sends after the end', async () => {
    const { near } = await pairIn(world);
    near.end();
    const late = { code: 'ERR_STREAM_WRITE_AFTER_END' };
    expect(() => near.send(Buffer.from('x'))).toThrow(expect.objectContaining(late));
    expect(await failure(near.sendAsync(Buffer.from('x')))).toMatchObject(late);
    expect(() => near.urgent(Buffer.from('x'))).toThrow(expect.objectContaining(late));
  });

  it('sends on a socket that the application has closed', async () => {
    const { near, far } = await pairIn(world);
    far.handlers = { received() {} };
    const closed = { code: 'ERR_STREAM_DESTROYED' };
    const closing = near.close();
    expect(() => near.send(Buffer.from('x'))).toThrow(expect.objectContaining(closed));
    await closing;
    expect(() => near.send(Buffer.from('x'))).toThrow(expect.objectContaining(closed));
    expect(await failure(near.sendAsync(Buffer.from('x')))).toMatchObject(closed);
    near.end();
    near.pause();
    near.resume();
    near.abort();
    near.handlers = {};
    expect(await near.receive()).toBeNull();
  });

  it('sends on a socket that the peer has reset take nothing and throw nothing', async () => {
    const { near, far } = await pairIn(world);
    near.handlers = { received() {} };
    far.abort();
    await until(() => near.state === 'closed');
    expect(near.send(Buffer.from('x'))).toBe(false);
    expect(await failure(near.sendAsync(Buffer.from('x')))).toMatchObject({
      code: 'ERR_STREAM_DESTROYED',
      cause: { code: 'ECONNRESET' },
    });
  });

  it('receive() beside a handler, and nonsense for handlers', async () => {
    const { near } = await pairIn(world);
    near.handlers = { received() {} };
    expect(await failure(near.receive())).toMatchObject({ code: 'ERR_SANSWITCH_INVALID_OPTION' });
    for (const bad of [null, 7, 'x', { received: 7 }, { close() {} }]) {
      expect(() => {
        near.handlers = bad as never;
      }).toThrow();
    }
    expect(near.state).toBe('open');
  });

  it('[WSD-5.9] urgent data: over TCP/IP an error, elsewhere it arrives', async () => {
    const { near, far } = await pairIn(world);
    if (world.name === 'tcp') {
      expect(() => near.urgent(Buffer.from('!'))).toThrow(
        expect.objectContaining({ code: 'ERR_SANSWITCH_URGENT_UNSUPPORTED' }),
      );
      return;
    }
    const got: string[] = [];
    far.handlers = {
      received: (_socket, bytes) => got.push(String(Buffer.from(bytes))),
      urgent: (_socket, bytes) => got.push(`urgent ${Buffer.from(bytes)}`),
    };
    near.urgent(Buffer.from('!'));
    near.send(Buffer.from('data'));
    await until(() => got.length === 2);
    expect(got).toContain('urgent !');
  });
});
