import type { SanProvider, UpcallTable } from 'sanswitch/spi';
import { NO_ERROR, Overlapped, WSA_IO_PENDING, WSAENOTSOCK } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { failure, listening, makeRig, plainServer, type Rig, until } from './helpers.js';

const host = '127.0.0.1';

const explode = () => {
  throw new TypeError('a bug');
};

/** The process goes on and the switch still serves by TCP/IP. */
async function stillServes({ sw }: Rig): Promise<void> {
  const { port } = await plainServer();
  const socket = await sw.connect({ port, host });
  socket.send(Buffer.from('alive'));
  expect(String(await socket.receive())).toBe('alive');
  await socket.close();
}

describe('a provider that breaks the SPI', () => {
  const onConnect: (keyof SanProvider)[] = [
    'WSPSocket',
    'WSPBind',
    'WSPSetSockOpt',
    'WSPEventSelect',
    'WSPConnect',
    'WSPEnumNetworkEvents',
    'WSPGetSockOpt',
    'WSPRecv',
    'WSPClaimMessageBuffer',
    'WSPSend',
  ];

  it.each(onConnect)('[WSD-2.7] throws in %s while connecting: TCP/IP carries on', async (call) => {
    const rig = await makeRig({ sw: { negotiationTimeoutMs: 200 } });
    const { sw, script } = rig;
    // The listener of another switch on the same wire, so that there is somebody to reach.
    const server = await makeRig({ loop: { fabric: rig.fabric } });
    const { port, sockets } = await listening(server.sw, {
      handlers: { received: (socket, bytes) => void socket.send(bytes) },
    });
    script[call] = explode;
    const socket = await sw.connect({ port, host, keepAlive: false });
    expect(socket.provider).toBe('tcp');
    expect(socket.decision.candidates[0]).toMatchObject({ provider: 'san', outcome: 'failed' });
    delete script[call];
    socket.send(Buffer.from('x'));
    expect(String(await socket.receive())).toBe('x');
    await until(() => sockets.some(({ provider }) => provider === 'tcp'));
    const faults = sw.stats().providers.san?.faults ?? 0;
    // What a session finds while it negotiates is the reason of its failure.
    if (!['WSPRecv', 'WSPClaimMessageBuffer', 'WSPSend'].includes(call)) expect(faults).toBeGreaterThanOrEqual(1);
    await stillServes(rig);
  });

  it.each(['WSPSocket', 'WSPBind', 'WSPEventSelect', 'WSPListen'] as const)(
    '[WSD-2.7] throws in %s while listening: TCP/IP listens alone',
    async (call) => {
      const rig = await makeRig();
      rig.script[call] = explode;
      const { listener, port } = await listening(rig.sw);
      expect(listener.decision.candidates[1]).toMatchObject({ outcome: 'failed', reason: 'provider-fault' });
      expect(rig.sw.stats().providers.san?.faults).toBe(1);
      expect((await rig.sw.connect({ port, host })).provider).toBe('tcp');
    },
  );

  it('throws in WSPAccept: that caller is lost, the next one is not', async () => {
    const rig = await makeRig({ sw: { sanConnectTimeoutMs: 50 } });
    const { port } = await listening(rig.sw);
    rig.script.WSPAccept = explode;
    const first = await rig.sw.connect({ port, host });
    expect(first.provider).toBe('tcp');
    delete rig.script.WSPAccept;
    expect((await rig.sw.connect({ port, host })).provider).toBe('san');
    expect(rig.sw.stats().providers.san).toMatchObject({ faults: 1, acceptFailures: 1 });
  });

  it('throws in WSPEnumNetworkEvents of a listener: it ends, TCP/IP goes on, the application is told', async () => {
    const rig = await makeRig({ sw: { sanConnectTimeoutMs: 50 } });
    const errors: Error[] = [];
    const { port } = await listening(rig.sw, { failed: (error) => errors.push(error) });
    rig.script.WSPEnumNetworkEvents = explode;
    const socket = await rig.sw.connect({ port, host });
    expect(socket.provider).toBe('tcp');
    await until(() => errors.length > 0);
    expect(errors[0]).toMatchObject({ code: 'ERR_SANSWITCH_PROVIDER_FAULT' });
    expect(rig.loop.counters.openSockets).toBeLessThanOrEqual(2);
  });

  it.each(['WSPSend', 'WSPRecv', 'WSPClaimMessageBuffer'] as const)(
    'throws in %s on a connection: it ends with one error',
    async (call) => {
      const rig = await makeRig();
      const { port, next } = await listening(rig.sw);
      const near = await rig.sw.connect({ port, host });
      const far = await next();
      far.handlers = { received() {} };
      const closed = new Promise<Error | null>((resolve) => {
        near.handlers = { received() {}, closed: (_socket, error) => resolve(error) };
      });
      if (call === 'WSPRecv') far.send(Buffer.from('something to receive'));
      rig.script[call] = explode;
      if (call !== 'WSPRecv') near.send(Buffer.from('something to send'));
      // Either side may be the one that meets the fault first.
      if (call !== 'WSPRecv') expect(await closed).toMatchObject({ code: 'ERR_SANSWITCH_PROVIDER_FAULT' });
      else expect(await closed).toBeInstanceOf(Error);
      delete rig.script[call];
      await until(() => rig.sw.stats().providers.san?.open === 0);
      expect(rig.sw.stats().providers.san?.faults).toBeGreaterThanOrEqual(1);
      await stillServes(rig);
    },
  );

  it('[WSD-7.2] throws in WSPCloseSocket: the socket is closed all the same, and nothing leaks', async () => {
    const rig = await makeRig();
    const { port } = await plainServer();
    rig.script.WSPConnect = () => 10_055;
    rig.script.WSPCloseSocket = explode;
    const socket = await rig.sw.connect({ port, host });
    expect(socket.provider).toBe('tcp');
    expect(rig.sw.stats().providers.san?.faults).toBe(1);
    delete rig.script.WSPCloseSocket;
  });

  it('returns something that is no code', async () => {
    const rig = await makeRig();
    const { port } = await plainServer();
    rig.script.WSPConnect = () => undefined;
    const socket = await rig.sw.connect({ port, host });
    expect(socket.decision.candidates[0]).toMatchObject({ reason: 'provider-fault' });
    expect(socket.decision.candidates[0]?.detail).toContain('WSPConnect returned undefined');
  });

  it.each([
    ['no handle', () => 77],
    ['another socket than the handle is for', (proceed: () => unknown) => (proceed() as number) + 1],
    [
      'no descriptor',
      (proceed: () => unknown) => {
        proceed();
        return undefined;
      },
    ],
  ])('[WSD-2.4] returns a socket with %s', async (_what, returns) => {
    const rig = await makeRig();
    const { port } = await plainServer();
    rig.script.WSPSocket = returns;
    const socket = await rig.sw.connect({ port, host });
    expect(socket.decision.candidates[0]).toMatchObject({
      provider: 'san',
      outcome: 'failed',
      reason: 'provider-fault',
    });
    expect(rig.sw.stats().providers.san?.faults).toBeGreaterThanOrEqual(1);
  });

  it('[WSD-2.4] makes handles that nobody asked for', async () => {
    const rig = await makeRig();
    const handle = rig.upcalls.WPUCreateSocketHandle(1_234);
    expect(rig.upcalls.WPUQuerySocketHandleContext(handle)).toBe(1_234);
    expect(rig.sw.stats().providers.san?.faults).toBe(1);
    expect(rig.upcalls.WPUCloseSocketHandle(handle)).toBe(NO_ERROR);
  });

  it('[WSD-7.2] closes a handle twice, or one that never was', async () => {
    const rig = await makeRig();
    expect(rig.upcalls.WPUCloseSocketHandle(999)).toBe(WSAENOTSOCK);
    expect(rig.upcalls.WPUCloseSocketHandle(-1)).toBe(WSAENOTSOCK);
    expect(rig.sw.stats().providers.san?.faults).toBe(2);
  });

  async function connection() {
    const rig = await makeRig();
    const { port, next } = await listening(rig.sw);
    let handles: number[] = [];
    rig.script.WPUCreateSocketHandle = (proceed) => {
      const handle = proceed() as number;
      handles = [...handles, handle];
      return handle;
    };
    const near = await rig.sw.connect({ port, host });
    const far = await next();
    far.handlers = { received() {} };
    const closed = new Promise<Error | null>((resolve) => {
      near.handlers = { received() {}, closed: (_socket, error) => resolve(error) };
    });
    return { rig, near, far, closed, handle: handles[0] as number };
  }

  const misuses: [what: string, misuse: (upcalls: UpcallTable, handle: number) => void][] = [
    [
      'completes an operation twice',
      (upcalls, handle) => {
        const done = new Overlapped({ completed() {} });
        upcalls.WPUCompleteOverlappedRequest(handle, done, 0, 0);
      },
    ],
    [
      'completes an operation that the switch polls',
      (upcalls, handle) => {
        const polled = new Overlapped({ completed() {} });
        polled.internal = WSA_IO_PENDING;
        polled.hEvent = 1;
        upcalls.WPUCompleteOverlappedRequest(handle, polled, 0, 0);
      },
    ],
    ['completes nonsense', (upcalls, handle) => upcalls.WPUCompleteOverlappedRequest(handle, null as never, 0, 0)],
    ['closes the handle of a living socket', (upcalls, handle) => void upcalls.WPUCloseSocketHandle(handle)],
  ];

  it.each(misuses)('[WSD-5.2] %s: the connection ends with ERR_SANSWITCH_PROVIDER_FAULT', async (_what, misuse) => {
    const { rig, closed, handle } = await connection();
    misuse(rig.upcalls, handle);
    expect(await closed).toMatchObject({ code: 'ERR_SANSWITCH_PROVIDER_FAULT' });
    expect(rig.sw.stats().providers.san?.faults).toBeGreaterThanOrEqual(1);
    await stillServes(rig);
  });

  it('[WSD-5.2] completes for a handle that is not open: counted, and the operation’s connection ends', async () => {
    const { rig } = await connection();
    let aborted: Error | null = null;
    const sink = {
      completed() {},
      abort(error: Error) {
        aborted = error;
      },
    };
    const pending = new Overlapped(sink);
    pending.internal = WSA_IO_PENDING;
    rig.upcalls.WPUCompleteOverlappedRequest(54_321, pending, 0, 0);
    expect(aborted).toMatchObject({ code: 'ERR_SANSWITCH_PROVIDER_FAULT' });
    expect(rig.sw.stats().providers.san?.faults).toBe(1);
    expect(rig.sw.providers()[1]?.lastFault).toContain('54321');
  });

  it('an admit that throws rejects the caller, and is an uncaught exception', async () => {
    const rig = await makeRig();
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      const { port, sockets } = await listening(rig.sw, {
        admit: () => {
          throw new Error('in admit');
        },
      });
      expect(await failure(rig.sw.connect({ port, host }))).toMatchObject({ code: 'ECONNREFUSED' });
      await until(() => uncaught.length === 1);
      expect(uncaught[0]).toMatchObject({ message: 'in admit' });
      expect(sockets).toHaveLength(0);
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
  });
});
