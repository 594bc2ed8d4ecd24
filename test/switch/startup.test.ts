import { createSwitch, type SwitchOptions } from 'sanswitch';
import { NullProvider, type ProtocolInfo, type SanProvider, SPI_VERSION, WSAENOBUFS, WsaError } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import { afterwards, failure, listening, makeRig, order, plainServer } from './helpers.js';

class Bare extends NullProvider {
  protected readonly info: ProtocolInfo = {
    name: 'bare',
    claimsMessageBuffers: false,
    lendsReceives: false,
    virtualPorts: true,
  };
}

async function started(provider: SanProvider, options: SwitchOptions = {}) {
  const sw = await createSwitch({ ...options, providers: [{ name: 'san', provider }] });
  afterwards(() => sw.close());
  return { sw, status: sw.providers()[1] };
}

describe('start-up and routing', () => {
  it('[WSD-1.1] starts a provider with the upcall table and TCP/IP’s protocol information', async () => {
    const seen: unknown[][] = [];
    const options = { colour: 'blue' };
    class Curious extends LoopProvider {
      override WSPStartupEx(...args: Parameters<LoopProvider['WSPStartupEx']>) {
        seen.push(args);
        return super.WSPStartupEx(args[0], args[1], args[2], {});
      }
    }
    const provider = new Curious({ fabric: new LoopFabric() });
    const sw = await createSwitch({ providers: [{ name: 'san', provider, options }] });
    afterwards(() => sw.close());
    const [version, tcp, upcalls, given] = seen[0] as [number, ProtocolInfo, object, object];
    expect(version).toBe(SPI_VERSION);
    expect(tcp.name).toBe('tcp');
    expect(Object.keys(upcalls).sort()).toEqual([
      'WPUCloseSocketHandle',
      'WPUCompleteOverlappedRequest',
      'WPUCreateSocketHandle',
      'WPUQuerySocketHandleContext',
    ]);
    expect(given).toEqual(options);
    expect(sw.providers().map(({ name, state }) => `${name} ${state}`)).toEqual(['tcp started', 'san started']);
  });

  it.each([
    [
      'throws',
      () => {
        throw new Error('no hardware');
      },
      'cannot-start',
      'no hardware',
    ],
    [
      'throws a WsaError',
      () => {
        throw new WsaError(WSAENOBUFS, 'no memory');
      },
      'cannot-start',
      'WSAENOBUFS: no memory',
    ],
    ['rejects', () => Promise.reject(new Error('later')), 'cannot-start', 'later'],
    ['hangs', () => new Promise<ProtocolInfo>(() => {}), 'start-timed-out', 'it had not started after 50 ms'],
    [
      'answers nonsense',
      () => 7 as never,
      'bad-protocol-info',
      'WSPStartupEx answered without a valid claimsMessageBuffers',
    ],
  ])('[WSD-1.1] leaves out a provider that %s, with a reason, and goes on', async (_what, start, reason, detail) => {
    class Broken extends Bare {
      override WSPStartupEx(): ProtocolInfo | Promise<ProtocolInfo> {
        return start();
      }
    }
    const { sw, status } = await started(new Broken(), { startupTimeoutMs: 50 });
    expect(status).toMatchObject({ name: 'san', state: 'left-out', reason, detail });
    const { port } = await plainServer();
    const socket = await sw.connect({ port, host: '127.0.0.1' });
    expect(socket.provider).toBe('tcp');
    expect(socket.decision.candidates[0]).toMatchObject({ provider: 'san', outcome: 'left-out', reason, detail });
  });

  it('[WSD-1.1] leaves out a provider that lacks a downcall', async () => {
    const { status } = await started({ WSPStartupEx: () => ({}) } as unknown as SanProvider);
    expect(status).toMatchObject({ state: 'left-out', reason: 'incomplete' });
    expect(status?.detail).toContain('WSPSocket');
  });

  it('[WSD-1.1] starts the other providers when one can’t start', async () => {
    class Broken extends Bare {
      override WSPStartupEx(): never {
        throw new Error('no');
      }
    }
    const sw = await createSwitch({
      providers: [
        { name: 'first', provider: new Broken() },
        { name: 'second', provider: new LoopProvider({ fabric: new LoopFabric() }) },
      ],
    });
    afterwards(() => sw.close());
    expect(sw.providers().map(({ state }) => state)).toEqual(['started', 'left-out', 'started']);
    const { port } = await listening(sw);
    const socket = await sw.connect({ port, host: '127.0.0.1' });
    expect(socket.provider).toBe('second');
  });

  it('[WSD-1.2] asks for the addresses through a socket on the provider', async () => {
    const { sw, trace } = await makeRig();
    const calls = order(trace);
    expect(calls.slice(0, 3)).toEqual(['WSPStartupEx', 'WSPSocket', 'WPUCreateSocketHandle']);
    expect(calls.slice(3)).toEqual(new Array(calls.length - 3).fill('WSPIoctl'));
    expect(sw.providers()[1]?.subnets).toEqual(['127.0.0.0/8', '::1/128']);
  });

  it('[WSD-1.2] leaves out a provider that has no socket for that, or gives nonsense, and cleans it up', async () => {
    let cleanedUp = 0;
    class NoSocket extends Bare {
      override WSPCleanup(): void {
        cleanedUp += 1;
      }
    }
    expect((await started(new NoSocket())).status).toMatchObject({ state: 'left-out', reason: 'socket-failed' });
    expect(cleanedUp).toBe(1);
    class BadSubnet extends LoopProvider {
      protected override servedSubnets(): never[] {
        return [{ family: 4, address: '10.0.0.0', prefixLength: 33 }] as never[];
      }
    }
    const { status } = await started(new BadSubnet({ fabric: new LoopFabric() }));
    expect(status).toMatchObject({ state: 'left-out', reason: 'bad-address-list' });
  });

  it.each([
    'WSPRegisterMemory',
    'WSPDeregisterMemory',
    'WSPRegisterRdmaMemory',
    'WSPDeregisterRdmaMemory',
    'WSPRdmaWrite',
  ])('[WSD-1.4] leaves out a provider without %s', async (missing) => {
    class Lacking extends LoopProvider {
      protected override extensions() {
        const { [missing as 'WSPRdmaWrite']: _gone, ...rest } = super.extensions();
        return rest;
      }
    }
    const { status } = await started(new Lacking({ fabric: new LoopFabric() }));
    expect(status).toMatchObject({ state: 'left-out', reason: 'lacks-extension', detail: `it has no ${missing}` });
  });

  it('[WSD-1.4] does without RDMA read and the cache callback', async () => {
    const { sw } = await makeRig({ loop: { rdmaRead: false, cacheCallback: false } });
    const { port, next } = await listening(sw, { handlers: { received: (socket, bytes) => void socket.send(bytes) } });
    const socket = await sw.connect({ port, host: '127.0.0.1' });
    await next();
    expect(socket.provider).toBe('san');
    socket.send(Buffer.from('without'));
    expect(String(await socket.receive())).toBe('without');
  });

  it('[WSD-1.5] closes every socket, then cleans up, once', async () => {
    const { sw, trace, loop, fabric } = await makeRig();
    const { port } = await listening(sw);
    const errors: (Error | null)[] = [];
    const socket = await sw.connect({ port, host: '127.0.0.1' });
    socket.handlers = { closed: (_socket, error) => errors.push(error) };
    await Promise.all([sw.close(), sw.close()]);
    await sw.close();
    const calls = order(trace);
    expect(calls.filter((name) => name === 'WSPCleanup')).toHaveLength(1);
    expect(calls.at(-1)).toBe('WSPCleanup');
    expect(loop.counters.openSockets).toBe(0);
    expect(fabric.faults).toEqual([]);
    expect(errors).toEqual([null]);
    expect(socket.state).toBe('closed');
    expect(sw.stats().providers.san).toMatchObject({ open: 0, faults: 0 });
    expect(await failure(sw.connect({ port }))).toMatchObject({ code: 'ERR_SANSWITCH_CLOSED' });
  });

  it('[WSD-1.5] does not wait for ever for a provider that keeps its sockets', async () => {
    const { sw, script } = await makeRig({ script: { WPUCloseSocketHandle: () => 0 } });
    await sw.close();
    expect(sw.stats().providers.san?.faults).toBe(1);
    expect(sw.providers()[1]?.lastFault).toContain('1 handles are still open');
    script.WPUCloseSocketHandle = (proceed) => proceed();
  });

  it('[WSD-1.5] [WSD-7.2] tells the application itself when a provider never gives its sockets back', async () => {
    const { sw, script } = await makeRig();
    const { port } = await listening(sw);
    const socket = await sw.connect({ port, host: '127.0.0.1' });
    let closed = 0;
    socket.handlers = { closed: () => closed++ };
    script.WPUCloseSocketHandle = () => 0;
    await sw.close();
    expect(closed).toBe(1);
    expect(socket.state).toBe('closed');
    expect(sw.stats().providers.san).toMatchObject({ open: 0 });
    delete script.WPUCloseSocketHandle;
  });

  it('the addon’s absence leaves shm out, with a reason, and everything works over TCP/IP', async () => {
    const { execFileSync } = await import('node:child_process');
    const program = `
      import { createSwitch } from 'sanswitch';
      const sw = await createSwitch();
      const listener = await sw.listen({ host: '127.0.0.1' }, (socket) => {
        socket.handlers = { received: (s, bytes) => s.send(bytes) };
      });
      const socket = await sw.connect({ host: '127.0.0.1', port: listener.address().port });
      socket.send(Buffer.from('ping'));
      const echo = String(await socket.receive());
      console.log(JSON.stringify({ echo, provider: socket.provider, shm: sw.providers()[1], candidates: socket.decision.candidates }));
      await sw.close();`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, SANSWITCH_NO_NATIVE: '1' },
      encoding: 'utf8',
    });
    const { echo, provider, shm, candidates } = JSON.parse(output);
    expect(echo).toBe('ping');
    expect(provider).toBe('tcp');
    expect(shm).toMatchObject({ name: 'shm', state: 'left-out', reason: 'native-unavailable' });
    expect(shm.detail).toContain('SANSWITCH_NO_NATIVE');
    expect(candidates).toMatchObject([
      { provider: 'shm', outcome: 'left-out' },
      { provider: 'tcp', reason: 'no-san-provider' },
    ]);
  });
});
