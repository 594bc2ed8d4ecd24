// What a change of owner keeps and refuses besides the stream itself.
import { createServer as createTlsServer, type TLSSocket, connect as tlsConnect } from 'node:tls';
import { createSwitch, HandOverError, type StreamSocket, type Switch } from 'sanswitch';
import { WSAECONNRESET, WSAEINVAL, WSAEOPNOTSUPP, WsaError } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import { eventually } from '../shm/party.js';
import { afterwards, listening, makeRig, type Script } from './helpers.js';
import { carriers, move, trioOver } from './movers.js';

async function refusal(promise: Promise<unknown>): Promise<HandOverError> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(HandOverError);
    return error as HandOverError;
  }
  throw new Error('it was handed over');
}

describe.each(carriers())('over $name', (carrier) => {
  it('[WSD-8.1] a new owner that pauses hears of the end when it has had all that came before', async () => {
    const { client, third, near, far } = await trioOver(carrier);
    const pieces = 40;
    near.pause();
    for (let i = 0; i < pieces; i++) far.send(Buffer.alloc(1_000, i));
    const moved = await move(near, client, third, { receiveBuffer: new Uint8Array(1_000) });
    far.end();
    let bytes = 0;
    const seen: string[] = [];
    moved.handlers = {
      received(socket, came) {
        bytes += came.length;
        socket.pause();
        setTimeout(() => socket.resume(), 1);
      },
      ended: (socket) => {
        seen.push(`ended at ${bytes}`);
        socket.end();
      },
      closed: (_, error) => void seen.push(`closed at ${bytes}: ${error}`),
    };
    // Both ends have ended, as far as they are concerned.
    moved.end();
    await eventually('both ends', () => seen.length === 2);
    expect(seen).toEqual([`ended at ${pieces * 1_000}`, `closed at ${pieces * 1_000}: null`]);
  });

  it('[WSD-8.1] lent bytes and a receive buffer: what is kept for the next owner is a copy', async () => {
    const buffer = new Uint8Array(7);
    const deliveries = [{ lend: true }, { receiveBuffer: buffer }] as const;
    for (const [i, first] of deliveries.entries()) {
      const trio = await trioOver(carrier, { connect: first });
      let text = '';
      const handlers = {
        received: (_: StreamSocket, bytes: Uint8Array) => {
          text += Buffer.from(bytes).toString();
        },
      };
      trio.near.handlers = handlers;
      trio.far.send(Buffer.from('first, '));
      await eventually('the first', () => text === 'first, ');
      const handed = trio.client.handOver(trio.near, trio.third.owner);
      trio.far.send(Buffer.from('meanwhile, '));
      const next = deliveries[1 - i] as object;
      await trio.third.adopt(structuredClone(await handed), { ...next, handlers } as never);
      trio.far.send(Buffer.from('then'));
      await eventually('the rest', () => text === 'first, meanwhile, then');
    }
  });

  if (carrier.name !== 'tcp') {
    it('[WSD-5.9] urgent data that the application has not had travel along', async () => {
      const trio = await trioOver(carrier);
      trio.far.urgent(Buffer.from('!'));
      trio.far.send(Buffer.from('and more'));
      let seen = '';
      const tell = (_: StreamSocket, bytes: Uint8Array): void => {
        seen += Buffer.from(bytes).toString();
      };
      const moved = await move(trio.near, trio.client, trio.third, { handlers: { received: tell, urgent: tell } });
      await eventually('both', () => seen === '!and more');
      moved.urgent(Buffer.from('?'));
      trio.far.handlers = { received: () => {}, urgent: tell };
      await eventually('the answer', () => seen === '!and more?');
    });
  }

  it("[WSD-8.1] buffers of sends that wait are their senders' again, and what travels is what was sent", async () => {
    const trio = await trioOver(carrier);
    const handed = trio.client.handOver(trio.near, trio.third.owner);
    const buffer = Buffer.from('as it was sent');
    trio.near.send(buffer, () => buffer.fill('x'));
    const connection = await handed;
    await new Promise((resolve) => setImmediate(resolve));
    expect(buffer.toString()).toBe('x'.repeat(14));
    await trio.third.adopt(connection);
    expect(Buffer.from((await trio.far.receive()) as Uint8Array).toString()).toBe('as it was sent');
  });

  it('a switch that is closing ends a move: the caller hears of it', async () => {
    const trio = await trioOver(carrier);
    trio.far.pause();
    trio.near.send(new Uint8Array(24_000_000));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const handed = refusal(trio.client.handOver(trio.near, trio.third.owner));
    await trio.client.close();
    expect((await handed).message).toMatch(/has ended/);
    await expect(trio.client.handOver(trio.near, trio.third.owner)).rejects.toMatchObject({
      code: 'ERR_SANSWITCH_CLOSED',
    });
  });

  it('nonsense for a time-out, an owner or a context is refused', async () => {
    const trio = await trioOver(carrier);
    for (const timeoutMs of [0, -1, 1.5, Number.NaN, 'soon' as never]) {
      await expect(trio.client.handOver(trio.near, trio.third.owner, { timeoutMs })).rejects.toMatchObject({
        code: 'ERR_SANSWITCH_INVALID_OPTION',
      });
    }
    const connection = await trio.client.handOver(trio.near, trio.third.owner);
    for (const context of [null, 7, {}, { fd: -1 }, { fd: 'x' }]) {
      await expect(trio.third.adopt({ ...connection, context })).rejects.toThrow();
    }
    // And the connection itself is none the worse.
    const moved = (await trio.third.adopt(connection)) as unknown as StreamSocket;
    moved.send(Buffer.from('x'));
    expect(Buffer.from((await trio.far.receive()) as Uint8Array).toString()).toBe('x');
  });
});

describe('what does not move', () => {
  it('a connection to a switch without the provider, and by a provider that takes none over', async () => {
    const fabric = new LoopFabric();
    const make = async (provider?: LoopProvider): Promise<Switch> => {
      const sw = await createSwitch({ providers: provider === undefined ? [] : [{ name: 'loop', provider }] });
      afterwards(() => sw.close());
      return sw;
    };
    const sw = await make(new LoopProvider({ fabric }));
    const bare = await make();
    const { port, next } = await listening(sw);
    const [near] = await Promise.all([sw.connect({ port, host: '127.0.0.1' }), next()]);
    expect((await refusal(sw.handOver(near, bare.owner))).message).toBe(
      'the connection stays: loop can not hand it to that owner',
    );
    expect(near.state).toBe('open');
  });

  it.each([
    ['WSAEOPNOTSUPP', WSAEOPNOTSUPP, 0],
    ['WSAEINVAL', WSAEINVAL, 0],
    ['WSAECONNRESET', WSAECONNRESET, 0],
    ['what no provider may throw', null, 1],
  ] as const)('a provider whose WSPDuplicateSocket throws %s: the socket goes on', async (_what, code, faults) => {
    const script: Script = {
      WSPDuplicateSocket: () => {
        throw code === null ? new Error('a bug') : new WsaError(code);
      },
    };
    const { sw } = await makeRig({ script, strict: true });
    const { port, next } = await listening(sw);
    const [near, far] = await Promise.all([sw.connect({ port, host: '127.0.0.1' }), next()]);
    const error = await refusal(sw.handOver(near, sw.owner));
    expect(error.message).toMatch(/^the connection stays: /);
    expect(error.cause).toBeDefined();
    expect(sw.stats().providers.san?.faults).toBe(faults);
    near.send(Buffer.from('as before'));
    expect(Buffer.from((await far.receive()) as Uint8Array).toString()).toBe('as before');
    far.send(Buffer.from('and back'));
    expect(Buffer.from((await near.receive()) as Uint8Array).toString()).toBe('and back');
  });

  it('a connection under TLS', async () => {
    const sw = await createSwitch({ providers: ['tcp!'] });
    afterwards(() => sw.close());
    const ciphers = 'PSK-AES128-GCM-SHA256';
    const psk = Buffer.from('0123456789abcdef');
    const accepted = new Promise<TLSSocket>((resolve) => {
      const server = createTlsServer({ ciphers, maxVersion: 'TLSv1.2', pskCallback: () => psk, allowHalfOpen: true });
      server.on('secureConnection', resolve);
      afterwards(() => server.close());
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as { port: number };
        const pskCallback = () => ({ psk, identity: 'test' });
        const checkServerIdentity = () => undefined;
        const options = { port, host: '127.0.0.1', ciphers, maxVersion: 'TLSv1.2', pskCallback, checkServerIdentity };
        const client = tlsConnect(options as never);
        client.on('error', () => {});
        client.on('data', (bytes) => client.write(bytes));
        afterwards(() => client.destroy());
      });
    });
    const socket = sw.adoptTcp(await accepted, {}) as unknown as StreamSocket;
    const error = await refusal(sw.handOver(socket, sw.owner));
    expect(error.message).toBe("the connection can't move: the state of TLS can not leave its thread");
    socket.send(Buffer.from('as before'));
    expect(Buffer.from((await socket.receive()) as Uint8Array).toString()).toBe('as before');
  });
});
