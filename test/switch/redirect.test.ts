// Companions beside somebody else's listener, and the adoption of their connections, over a scripted provider: what the
// provider does wrong, and what the caller of this API does.
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { NO_SOCKET, SIO_OWNER_KEY, WSAECONNREFUSED, WSAENOBUFS, WSAEOPNOTSUPP, WsaError } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import type { SwitchSocket } from '#src/socket/socket.js';
import type { SocketHandOver } from '#src/switch/owner.js';
import type { BesideOptions, Companions } from '#src/switch/requests.js';
import { afterwards, failure, makeRig, type Rig, until } from './helpers.js';

interface Beside {
  readonly companions: Companions;
  readonly port: number;
  readonly connected: { socket: SwitchSocket; tag: string | null }[];
  readonly handedOver: { connection: SocketHandOver; tag: string }[];
  readonly withdrawn: string[];
  readonly failed: Error[];
}

async function tcpListener(): Promise<{ server: Server; address: AddressInfo; descriptor: number }> {
  const server = createServer((socket) => socket.destroy()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  afterwards(() => server.close());
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  return { server, address: server.address() as AddressInfo, descriptor: fd };
}

async function listenBeside(
  rig: Rig,
  place: BesideOptions<string>['place'],
  more: Partial<BesideOptions<string>> = {},
): Promise<Beside> {
  const { address, descriptor } = await tcpListener();
  const seen = {
    connected: [] as Beside['connected'],
    handedOver: [] as Beside['handedOver'],
    withdrawn: [] as string[],
    failed: [] as Error[],
  };
  const companions = rig.sw.listenBeside<string>({
    address,
    descriptor,
    place,
    connected: (socket, tag) => seen.connected.push({ socket, tag }),
    handedOver: (connection, tag) => seen.handedOver.push({ connection, tag }),
    withdrawn: (tag) => seen.withdrawn.push(tag),
    failed: (error) => seen.failed.push(error),
    ...more,
  });
  return { ...seen, companions, port: address.port };
}

/** Two switches on one fabric: a listener's, and one that takes over. */
async function pair(): Promise<{ rig: Rig; other: Rig }> {
  const fabric = new LoopFabric();
  const rig = await makeRig({ strict: true, loop: { fabric } });
  const other = await makeRig({ strict: true, loop: { fabric } });
  return { rig, other };
}

function faults({ sw }: Rig): number | undefined {
  return sw.stats().providers.san?.faults;
}

describe('a connection that is handed over', () => {
  it('[WSD-4.3] [WSD-8.1] is adopted, with the options of its listener', async () => {
    const { rig, other } = await pair();
    const beside = await listenBeside(rig, () => ({ owner: structuredClone(other.sw.owner), tag: 'mine' }), {
      noDelay: false,
    });
    expect(beside.companions).toMatchObject({ decision: { operation: 'listen', provider: 'tcp' } });
    expect(rig.sw.takesTcp).toBe(false);
    const connecting = rig.sw.connect({ port: beside.port, host: '127.0.0.1' });
    await until(() => beside.handedOver.length > 0, 'the hand-over');
    const [{ connection, tag }] = beside.handedOver as [Beside['handedOver'][0]];
    expect(tag).toBe('mine');
    const closes: (Error | null)[] = [];
    const socket = await other.sw.adopt(structuredClone(connection), {
      handlers: {
        received: (to, bytes) => void to.send(bytes as Uint8Array),
        closed: (_, error) => closes.push(error),
      },
      highWaterMarkBytes: 4_711,
    });
    expect(socket).toMatchObject({ provider: 'san', highWaterMarkBytes: 4_711, localPort: beside.port });
    expect(socket.getOption('noDelay')).toBe(false);
    expect(socket.decision.candidates).toEqual([{ provider: 'san', outcome: 'chosen', reason: 'redirected' }]);
    const client = await connecting;
    client.send(Buffer.from('echo'));
    expect(Buffer.from((await client.receive()) as Uint8Array).toString()).toBe('echo');
    await client.close();
    await until(() => closes.length > 0);
    expect(closes).toEqual([null]);
    expect(other.sw.stats().providers.san).toMatchObject({ accepts: 1, open: 0, bytesReceived: 4, faults: 0 });
    expect(rig.sw.stats().decisions).toMatchObject({ 'san:chosen:redirected': 1 });
  });

  it('[WSD-2.7] is not told to a provider that hands nothing over: it is served here', async () => {
    const { rig, other } = await pair();
    rig.script.WSPIoctl = (proceed, [, control]) => {
      if (control === SIO_OWNER_KEY) throw new WsaError(WSAEOPNOTSUPP);
      return proceed();
    };
    expect(rig.sw.owner).toEqual({ keys: {} });
    const beside = await listenBeside(rig, () => ({ owner: other.sw.owner, tag: 'kept' }));
    await rig.sw.connect({ port: beside.port, host: '127.0.0.1' });
    await until(() => beside.connected.length > 0);
    expect(beside.connected.map(({ tag }) => tag)).toEqual(['kept']);
    expect(faults(rig)).toBe(0);
  });

  it('[WSD-3.6] whose session can not be agreed on is withdrawn', async () => {
    const { rig } = await pair();
    const beside = await listenBeside(rig, () => ({ owner: rig.sw.owner, tag: 'gone' }));
    rig.script.WSPRecv = () => WSAENOBUFS;
    await failure(rig.sw.connect({ port: beside.port, host: '127.0.0.1' }));
    await until(() => beside.withdrawn.length > 0);
    expect(beside).toMatchObject({ withdrawn: ['gone'], connected: [], handedOver: [] });
  });
});

describe('a provider that breaks the SPI', () => {
  it('and one that is short of something is asked for its key again', async () => {
    const { rig } = await pair();
    let isShort = true;
    rig.script.WSPIoctl = (proceed, [, control]) => {
      if (control === SIO_OWNER_KEY && isShort) throw new WsaError(WSAENOBUFS);
      return proceed();
    };
    expect(rig.sw.owner).toEqual({ keys: {} });
    isShort = false;
    expect(rig.sw.owner.keys).toHaveProperty('san');
    expect(rig.sw.owner).toBe(rig.sw.owner);
    expect(faults(rig)).toBe(0);
  });

  it('does not say who it is: nothing is handed to it, and it is counted', async () => {
    const { rig } = await pair();
    rig.script.WSPIoctl = (proceed, [, control]) => {
      if (control === SIO_OWNER_KEY) throw new TypeError('who?');
      return proceed();
    };
    expect(rig.sw.owner).toEqual({ keys: {} });
    expect(faults(rig)).toBe(1);
  });

  it('answers an accept without a socket, though nobody else was named', async () => {
    const { rig } = await pair();
    const beside = await listenBeside(rig, () => null);
    rig.script.WSPAccept = (_, [, condition]) => {
      const remote = { family: 4, address: '127.0.0.1', port: 1 } as const;
      (condition as (caller: unknown) => unknown)({ remote, local: remote });
      return { socket: NO_SOCKET, context: 1, remote, local: remote };
    };
    rig.sw.connect({ port: beside.port, host: '127.0.0.1', timeoutMs: 500 }).catch(() => {});
    await until(() => (faults(rig) as number) > 0);
    expect(beside).toMatchObject({ connected: [], handedOver: [], withdrawn: [] });
  });

  it('has no socket for a caller that stays here: withdrawn, once', async () => {
    const { rig } = await pair();
    const beside = await listenBeside(rig, () => ({ owner: rig.sw.owner, tag: 'lost' }));
    rig.script.WSPAccept = (_, [, condition]) => {
      rig.script.WSPAccept = () => {
        throw new WsaError(WSAENOBUFS);
      };
      const remote = { family: 4, address: '127.0.0.1', port: 1 } as const;
      (condition as (caller: unknown) => unknown)({ remote, local: remote });
      return { socket: NO_SOCKET, context: 1, remote, local: remote };
    };
    for (let i = 0; i < 2; i++) {
      rig.sw.connect({ port: beside.port, host: '127.0.0.1', timeoutMs: 200 }).catch(() => {});
      await until(() => (rig.sw.stats().providers.san?.acceptFailures as number) > i);
    }
    expect(faults(rig)).toBeGreaterThan(0);
    expect(beside).toMatchObject({ withdrawn: ['lost'], connected: [], handedOver: [] });
  });

  it('fails an accept after the caller was placed: withdrawn, and the next one is served', async () => {
    const { rig, other } = await pair();
    const beside = await listenBeside(rig, () => ({ owner: other.sw.owner, tag: 'lost' }));
    rig.script.WSPAccept = (proceed) => {
      delete rig.script.WSPAccept;
      proceed();
      throw new WsaError(WSAECONNREFUSED);
    };
    rig.sw.connect({ port: beside.port, host: '127.0.0.1', timeoutMs: 500 }).catch(() => {});
    await until(() => beside.withdrawn.length > 0);
    expect(beside).toMatchObject({ withdrawn: ['lost'], handedOver: [] });
    rig.sw.connect({ port: beside.port, host: '127.0.0.1', timeoutMs: 500 }).catch(() => {});
    await until(() => beside.handedOver.length > 0);
  });

  it('makes no socket out of a context', async () => {
    const { rig } = await pair();
    const connection = await handedOver();
    rig.script.WSPSocket = () => 7;
    const error = await failure(rig.sw.adopt(connection));
    expect(error).toMatchObject({ code: 'ECONNABORTED', syscall: 'accept' });
    expect(faults(rig)).toBeGreaterThan(0);
  });

  it('never says whether it connects: ETIMEDOUT after 3 s, and the socket is closed', async () => {
    const { rig } = await pair();
    const connection = await handedOver();
    rig.script.WSPSocket = (proceed, args) => {
      // An ordinary socket, which nobody connects.
      (args as unknown[]).length = 3;
      return proceed();
    };
    const beganMs = performance.now();
    expect(await failure(rig.sw.adopt(connection))).toMatchObject({ code: 'ETIMEDOUT' });
    expect(performance.now() - beganMs).toBeGreaterThan(2_500);
    expect(rig.trace.entries.filter(({ name }) => name === 'WSPCloseSocket').length).toBeGreaterThan(0);
    expect(rig.sw.stats().providers.san).toMatchObject({ acceptFailures: 1, open: 0 });
  });
});

/** A connection of `loop` that has been handed over to nobody that exists. */
async function handedOver(): Promise<SocketHandOver> {
  const { rig, other } = await pair();
  const beside = await listenBeside(rig, () => ({ owner: other.sw.owner, tag: 'x' }));
  rig.sw.connect({ port: beside.port, host: '127.0.0.1', timeoutMs: 100 }).catch(() => {});
  await until(() => beside.handedOver.length > 0);
  return (beside.handedOver[0] as Beside['handedOver'][0]).connection;
}

describe('bad input', () => {
  it('listenBeside: unknown and wrong options, a closed switch, a demanded provider that does not listen', async () => {
    const { rig } = await pair();
    await expect(listenBeside(rig, () => null, { port: 1 } as object)).rejects.toMatchObject({
      code: 'ERR_SANSWITCH_INVALID_OPTION',
    });
    await expect(listenBeside(rig, () => null, { ipv6Only: 1 } as object)).rejects.toMatchObject({
      code: 'ERR_INVALID_ARG_TYPE',
    });
    await expect(listenBeside(rig, 'nowhere' as never)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    rig.script.WSPListen = () => WSAENOBUFS;
    await expect(listenBeside(rig, () => null)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_PROVIDER_REQUIRED' });
    delete rig.script.WSPListen;
    const beside = await listenBeside(rig, () => null);
    beside.companions.close();
    beside.companions.close();
    expect(rig.sw.stats().listeners).toBe(0);
    await rig.sw.close();
    await expect(listenBeside(rig, () => null)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_CLOSED' });
    expect(() => rig.sw.owner).toThrow(expect.objectContaining({ code: 'ERR_SANSWITCH_CLOSED' }));
  });
});
