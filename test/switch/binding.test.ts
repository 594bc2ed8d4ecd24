import { connect as netConnect } from 'node:net';
import {
  IPPROTO_TCP,
  SO_DEBUG,
  SO_KEEPALIVE,
  SOL_SOCKET,
  WSAEACCES,
  WSAECONNREFUSED,
  WSAENOBUFS,
  WSAENOPROTOOPT,
  WsaError,
} from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { boundSockets, boundSocketsKnown } from '#src/native/os.js';
import { failure, freePort, listening, makeRig, order, plainServer, type Script, until } from './helpers.js';

/** What the trace shows of one attempt, from `WSPSocket` on. */
const ATTEMPT = ['WSPSocket', 'WPUCreateSocketHandle', 'WSPBind', 'WSPEventSelect', 'WSPConnect'];

describe('creating and binding', () => {
  it('[WSD-2.0] gives the application TCP/IP’s errors for its bind', async () => {
    const { sw } = await makeRig();
    const { port } = await plainServer();
    expect(await failure(sw.listen({ port, host: '127.0.0.1' }, () => {}))).toMatchObject({
      code: 'EADDRINUSE',
      syscall: 'listen',
      port,
    });
    expect(await failure(sw.listen({ port: 0, host: '203.0.113.7' }, () => {}))).toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
    expect(await failure(sw.connect({ port, host: '127.0.0.1', localAddress: '203.0.113.7' }))).toMatchObject({
      code: 'EADDRNOTAVAIL',
    });
  });

  it('[WSD-2.1] the TCP listener stands before any companion, and the companion is never visible', async () => {
    const { sw, script } = await makeRig();
    let reached = false;
    script.WSPSocket = (proceed) => {
      reached = true;
      return proceed();
    };
    const { port } = await plainServer();
    await failure(sw.listen({ port, host: '127.0.0.1' }, () => {}));
    expect(reached).toBe(false);
    const { listener } = await listening(sw);
    expect(reached).toBe(true);
    const visible = await new Promise<boolean>((resolve) => {
      const probe = netConnect(listener.address().port, '127.0.0.1', () => {
        probe.destroy();
        resolve(true);
      });
      probe.on('error', () => resolve(false));
    });
    expect(visible).toBe(true);
  });

  it('[WSD-2.3] makes no companion before the application listens or connects', async () => {
    const { trace, sw } = await makeRig();
    const from = trace.entries.length;
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(order(trace, from)).toEqual([]);
    await listening(sw);
    expect(order(trace, from)).not.toEqual([]);
  });

  it('[WSD-2.2] a host that no subnet covers never sees a companion', async () => {
    const { trace, sw } = await makeRig({ loop: { subnets: [{ family: 4, address: '10.9.0.0', prefixLength: 16 }] } });
    const from = trace.entries.length;
    const { port } = await listening(sw);
    await sw.connect({ port, host: '127.0.0.1' });
    expect(order(trace, from)).toEqual([]);
  });

  it('[WSD-2.4] [WSD-2.5] [WSD-2.6] [WSD-2.9] connecting: socket, handle, bind, options, events, connect, in that order', async () => {
    const { sw, trace } = await makeRig();
    const { port } = await listening(sw);
    const from = trace.entries.length;
    const socket = await sw.connect({ port, host: '127.0.0.1', noDelay: false, keepAlive: true, debug: true });
    expect(order(trace, from).slice(0, 9)).toEqual([
      'WSPSocket',
      'WPUCreateSocketHandle',
      'WSPBind',
      'WSPSetSockOpt',
      'WSPSetSockOpt',
      'WSPSetSockOpt',
      'WSPEventSelect',
      'WSPConnect',
      'event',
    ]);
    const call = (name: string) =>
      trace.entries.slice(from).filter((entry) => entry.kind === 'down' && entry.name === name);
    // Downcalls carry what WSPSocket returned, upcalls what WPUCreateSocketHandle did.
    const [made] = trace.entries.slice(from).filter((entry) => entry.kind === 'return' && entry.name === 'WSPSocket');
    const descriptor = made?.args[0] as string;
    expect(trace.entries.slice(from).find(({ name }) => name === 'WPUCreateSocketHandle')?.args[0]).toBe(descriptor);
    expect(call('WSPBind')[0]?.args).toEqual([descriptor, `127.0.0.1:${socket.localPort}`]);
    expect(call('WSPSetSockOpt').map(({ args }) => args.slice(1))).toEqual([
      [String(IPPROTO_TCP), '1', 'false'],
      [String(SOL_SOCKET), String(SO_KEEPALIVE), 'true'],
      [String(SOL_SOCKET), String(SO_DEBUG), 'true'],
    ]);
    expect(call('WSPConnect')[0]?.args).toEqual([descriptor, `127.0.0.1:${port}`]);
  });

  it('[WSD-2.4] the handle leads back to the provider’s descriptor, until it is closed', async () => {
    const rig = await makeRig();
    const made: [handle: number, context: number][] = [];
    rig.script.WPUCreateSocketHandle = (proceed, args) => {
      const handle = proceed() as number;
      made.push([handle, args[0] as number]);
      return handle;
    };
    const { port, next } = await listening(rig.sw);
    const socket = await rig.sw.connect({ port, host: '127.0.0.1' });
    const peer = await next();
    for (const [handle, context] of made) expect(rig.upcalls.WPUQuerySocketHandleContext(handle)).toBe(context);
    await Promise.all([socket.close(), peer.close()]);
    const [, [handle] = []] = made;
    expect(() => rig.upcalls.WPUQuerySocketHandleContext(handle as number)).toThrow(WsaError);
  });

  it('[WSD-2.5] a virtual port, outside of the ephemeral range, unless the application asked for a port', async () => {
    const { sw } = await makeRig();
    const { port, next } = await listening(sw);
    const first = await sw.connect({ port, host: '127.0.0.1' });
    const second = await sw.connect({ port, host: '127.0.0.1' });
    expect(first.decision.localPortKind).toBe('virtual');
    expect(first.localPort).toBeGreaterThan(0);
    expect(first.localPort).not.toBe(second.localPort);
    const peer = await next();
    expect(peer.remotePort).toBe(first.localPort);
    expect(peer.remoteAddress).toBe(first.localAddress);
  });

  it('[WSD-2.5] a real port, held while the companion lives, where one is asked for', async () => {
    const { sw } = await makeRig();
    const { port, next } = await listening(sw);
    const localPort = await freePort();
    const socket = await sw.connect({ port, host: '127.0.0.1', localPort });
    expect(socket.provider).toBe('san');
    expect(socket.localPort).toBe(localPort);
    expect(socket.decision.localPortKind).toBe('real');
    const held = () => boundSockets(localPort).length;
    if (boundSocketsKnown()) expect(held()).toBe(1);
    const peer = await next();
    await Promise.all([socket.close(), peer.close()]);
    expect(held()).toBe(0);
  });

  it('[WSD-2.5] falls back with the port that was bound', async () => {
    const { sw, script } = await makeRig();
    const { port, sockets } = await plainServer();
    script.WSPConnect = () => WSAENOBUFS;
    const localPort = await freePort();
    const socket = await sw.connect({ port, host: '127.0.0.1', localPort });
    expect(socket.provider).toBe('tcp');
    expect(socket.localPort).toBe(localPort);
    await until(() => sockets.length === 1);
    expect(sockets[0]?.remotePort).toBe(localPort);
    socket.send(Buffer.from('echo'));
    expect(String(await socket.receive())).toBe('echo');
    await socket.close();
  });

  describe('a provider that needs the host’s ports', () => {
    const needsPorts: Script = {
      WSPStartupEx: (proceed) => ({ ...(proceed() as object), virtualPorts: false }),
    };

    it('[WSD-2.5] is bound to the source address and an ephemeral port of a TCP socket', async () => {
      const { sw } = await makeRig({ script: { ...needsPorts } });
      const { port, next } = await listening(sw);
      const socket = await sw.connect({ port, host: '127.0.0.1' });
      expect(socket).toMatchObject({ provider: 'san', localAddress: '127.0.0.1', decision: { localPortKind: 'real' } });
      if (boundSocketsKnown()) expect(boundSockets(socket.localPort)).toHaveLength(1);
      const peer = await next();
      expect(peer.remotePort).toBe(socket.localPort);
      await Promise.all([socket.close(), peer.close()]);
      expect(boundSockets(socket.localPort)).toHaveLength(0);
    });

    it('[WSD-2.5] falls back with the same descriptor', async () => {
      const { sw, script } = await makeRig({ script: { ...needsPorts } });
      const { port, sockets } = await plainServer();
      let bound = 0;
      script.WSPBind = (proceed, args) => {
        bound = (args[1] as { port: number }).port;
        return proceed();
      };
      script.WSPConnect = () => WSAENOBUFS;
      const socket = await sw.connect({ port, host: '127.0.0.1' });
      expect(socket.provider).toBe('tcp');
      expect(socket.localPort).toBe(bound);
      await until(() => sockets.length === 1);
      expect(sockets[0]?.remotePort).toBe(bound);
      socket.send(Buffer.from('echo'));
      expect(String(await socket.receive())).toBe('echo');
    });

    it('[WSD-2.5] [WSD-3.3] releases the port when TCP/IP is not tried', async () => {
      const { sw, script } = await makeRig({ script: { ...needsPorts } });
      let bound = 0;
      script.WSPBind = (proceed, args) => {
        bound = (args[1] as { port: number }).port;
        return proceed();
      };
      script.WSPConnect = () => WSAECONNREFUSED;
      expect(await failure(sw.connect({ port: 9, host: '127.0.0.1' }))).toMatchObject({ code: 'ECONNREFUSED' });
      expect(bound).toBeGreaterThan(0);
      expect(boundSockets(bound)).toHaveLength(0);
    });
  });

  it('[WSD-2.5] a listener on every interface passes the wildcard address', async () => {
    const { sw, trace } = await makeRig();
    const from = trace.entries.length;
    const four = await sw.listen({ port: 0, host: '0.0.0.0' }, () => {});
    const six = await sw.listen({ port: 0, host: '::' }, () => {});
    const binds = trace.entries.slice(from).filter(({ kind, name }) => kind === 'down' && name === 'WSPBind');
    expect(binds.map(({ args }) => args[1])).toEqual([`0.0.0.0:${four.address().port}`, `:::${six.address().port}`]);
  });

  it('[WSD-2.6] an option that the provider does not support is left out', async () => {
    const { sw, script } = await makeRig();
    script.WSPSetSockOpt = (proceed, args) => (args[2] === SO_DEBUG ? WSAENOPROTOOPT : proceed());
    const { port } = await listening(sw);
    expect((await sw.connect({ port, host: '127.0.0.1', debug: true, noDelay: true })).provider).toBe('san');
  });

  it.each([
    [
      'WSPSocket',
      () => {
        throw new WsaError(WSAENOBUFS);
      },
      'socket-failed',
      [],
    ],
    [
      'WSPBind',
      () => WSAEACCES,
      'bind-failed',
      ['WSPSocket', 'WPUCreateSocketHandle', 'WSPBind', 'WSPCloseSocket', 'WPUCloseSocketHandle'],
    ],
    [
      'WSPSetSockOpt',
      () => WSAEACCES,
      'option-failed',
      ['WSPSocket', 'WPUCreateSocketHandle', 'WSPBind', 'WSPSetSockOpt', 'WSPCloseSocket', 'WPUCloseSocketHandle'],
    ],
  ])('[WSD-2.7] %s fails: the companion is closed and TCP/IP carries on', async (call, fails, reason, expected) => {
    const { sw, script, trace, loop, fabric } = await makeRig();
    const { port } = await plainServer();
    script[call] = fails;
    const from = trace.entries.length;
    const socket = await sw.connect({ port, host: '127.0.0.1', noDelay: true });
    expect(socket.provider).toBe('tcp');
    expect(socket.decision.candidates).toMatchObject([
      { provider: 'san', outcome: 'failed', reason },
      { provider: 'tcp', outcome: 'chosen', reason: 'fallback' },
    ]);
    await until(() => loop.counters.openSockets === 1, 'the release of the companion');
    if (expected.length > 0) expect(order(trace, from)).toEqual(expected);
    expect(fabric.faults).toEqual([]);
    socket.send(Buffer.from('x'));
    expect(String(await socket.receive())).toBe('x');
  });

  it('[WSD-2.7] the same for a listener', async () => {
    for (const call of ['WSPSocket', 'WSPBind', 'WSPSetSockOpt', 'WSPEventSelect', 'WSPListen']) {
      const { sw, script, loop } = await makeRig();
      script[call] =
        call === 'WSPSocket'
          ? () => {
              throw new WsaError(WSAEACCES);
            }
          : () => WSAEACCES;
      const { listener, port } = await listening(sw);
      expect(listener.decision.candidates[1]).toMatchObject({ provider: 'san', outcome: 'failed' });
      const socket = await sw.connect({ port, host: '127.0.0.1' });
      expect(socket.provider).toBe('tcp');
      if (call === 'WSPListen') await until(() => loop.counters.openSockets === 1);
      await sw.close();
    }
  });

  it('[WSD-2.8] a connection that stands does not go back to TCP/IP: a failure is the application’s error', async () => {
    const { sw, script, trace } = await makeRig();
    const { port } = await listening(sw, { handlers: { received() {} } });
    const socket = await sw.connect({ port, host: '127.0.0.1' });
    const closed = new Promise<Error | null>((resolve) => {
      socket.handlers = { closed: (_socket, error) => resolve(error) };
    });
    script.WSPSend = () => WSAENOBUFS;
    script.WSPClaimMessageBuffer = () => {
      throw new WsaError(WSAENOBUFS);
    };
    const from = trace.entries.length;
    socket.send(Buffer.alloc(100));
    expect(await closed).toBeInstanceOf(Error);
    expect(socket.provider).toBe('san');
    expect(socket.state).toBe('closed');
    expect(order(trace, from)).not.toContain('WSPConnect');
  });

  it('[WSD-2.9] the whole attempt is made in one go', async () => {
    const { sw, trace, script } = await makeRig();
    const { port } = await plainServer();
    const from = trace.entries.length;
    script.WSPConnect = () => WSAENOBUFS;
    await sw.connect({ port, host: '127.0.0.1' });
    expect(order(trace, from).slice(0, 6)).toEqual([...ATTEMPT, 'WSPCloseSocket']);
  });
});
