import {
  AF_INET6,
  IPPROTO_TCP,
  MEM_READ,
  MEM_WRITE,
  NO_ERROR,
  type ServedSubnet,
  SIO_ADDRESS_LIST_QUERY,
  SOCK_STREAM,
  SOL_SOCKET,
  WSA_IO_PENDING,
  WSAEADDRINUSE,
  WSAEADDRNOTAVAIL,
  WSAECONNRESET,
  WSAEFAULT,
  WSAEINVAL,
  WSAENETUNREACH,
  WSAENOBUFS,
  WSAENOPROTOOPT,
  WSAENOTSOCK,
  WSAETIMEDOUT,
  WsaError,
} from 'sanswitch/spi';
import { afterEach, describe, expect, it } from 'vitest';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import { LOOP_DEFAULTS, type LoopOptions } from '#src/providers/loop/options.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import { type Endpoint, type Harness, Operation } from '../conformance/harness.js';
import { Rig } from '../conformance/rig.js';

const rigs: Rig[] = [];

async function rigOf(options: LoopOptions = {}): Promise<{ rig: Rig; harness: Harness; provider: LoopProvider }> {
  const provider = new LoopProvider({ fabric: new LoopFabric(), ...options });
  const rig = new Rig({ provider });
  rigs.push(rig);
  await rig.start();
  return { rig, harness: rig.harness, provider };
}

afterEach(async () => {
  for (const rig of rigs.splice(0)) {
    await rig.stop();
    expect(rig.harness.breaches).toEqual([]);
  }
});

describe('loop options', () => {
  it.each([
    [{ noSuchThing: 1 }, /no option 'noSuchThing'/],
    [{ maxMessageBytes: 63 }, /'maxMessageBytes' must be an integer from 64/],
    [{ maxMessageBytes: 1.5 }, /'maxMessageBytes' must be an integer/],
    [{ lendsReceives: 1 }, /'lendsReceives' must be a boolean/],
    [{ subnets: 'all' }, /'subnets' must be a list/],
    [{ noListener: 'maybe' }, /'timedout' or 'reset'/],
    [{ queueBytes: 64 }, /queueBytes must be at least maxMessageBytes \+ 16/],
  ])('%j is refused, in words', (options, message) => {
    expect(() => new LoopProvider(options as LoopOptions)).toThrow(message);
    const provider = new LoopProvider();
    const none = { name: '', claimsMessageBuffers: false, lendsReceives: false, virtualPorts: false };
    expect(() => provider.WSPStartupEx(1, none, {} as never, options)).toThrow(message);
  });

  it('the configuration overrides the constructor', async () => {
    const provider = new LoopProvider({ maxMessageBytes: 100, rdmaRead: false });
    const rig = new Rig({ provider, options: { maxMessageBytes: 200 } });
    rigs.push(rig);
    await rig.start();
    expect(provider.settings).toEqual({ ...LOOP_DEFAULTS, maxMessageBytes: 200, rdmaRead: false });
  });

  it('another version of the SPI is refused', () => {
    expect(() => new LoopProvider().WSPStartupEx(2, {} as never, {} as never, {})).toThrow(/version 1/);
  });
});

describe('loop addresses', () => {
  it('[WSD-1.2] [WSD-1.3] serves the loopback addresses, and what it is told to later', async () => {
    const { harness, provider } = await rigOf();
    const subnets = () => harness.spi.WSPIoctl(harness.socket().socket, SIO_ADDRESS_LIST_QUERY) as ServedSubnet[];
    expect(subnets().map(({ address, prefixLength }) => `${address}/${prefixLength}`)).toEqual([
      '127.0.0.0/8',
      '::1/128',
    ]);
    provider.serve([{ family: 4, address: '10.1.0.0', prefixLength: 16 }]);
    expect(subnets()).toEqual([{ family: 4, address: '10.1.0.0', prefixLength: 16 }]);
    const { socket } = harness.socket();
    expect(harness.spi.WSPBind(socket, { family: 4, address: '127.0.0.1', port: 1 })).toBe(WSAEADDRNOTAVAIL);
    expect(harness.spi.WSPBind(socket, { family: 4, address: '10.1.2.3', port: 0 })).toBe(WSAEINVAL);
    expect(harness.spi.WSPBind(socket, { family: 4, address: '10.1.2.3', port: 1 })).toBe(NO_ERROR);
    expect(harness.spi.WSPConnect(socket, { family: 4, address: '10.2.0.1', port: 1 })).toBe(WSAENETUNREACH);
  });

  it('a wildcard listener is found by every address, a dual-stack one by IPv4 too, unless it is for IPv6 only', async () => {
    const { rig, harness } = await rigOf();
    const listen = (family: 4 | 6, address: string, port: number, v6Only = false): Endpoint => {
      const listener = harness.socket(family);
      harness.watch(listener);
      if (v6Only) harness.spi.WSPSetSockOpt(listener.socket, 41, 27, 1);
      expect(harness.spi.WSPBind(listener.socket, { family, address, port })).toBe(NO_ERROR);
      expect(harness.spi.WSPListen(listener.socket, 4)).toBe(NO_ERROR);
      return listener;
    };
    const dual = listen(6, '::', 700);
    listen(6, '::', 701, true);
    const any = listen(4, '0.0.0.0', 702);
    const accepted = async (listener: Endpoint, port: number) => {
      rig.connecting(port);
      return (await rig.accepted(listener)).local;
    };
    expect(await accepted(dual, 700)).toEqual({ family: 4, address: '127.0.0.1', port: 700 });
    expect(await accepted(any, 702)).toEqual({ family: 4, address: '127.0.0.1', port: 702 });
    const refused = rig.connecting(701);
    await harness.until('no listener', () => refused.connects.length > 0);
    expect(refused.connects).toEqual([WSAETIMEDOUT]);
  });

  it('two listeners can not have one address; a closed one is gone', async () => {
    const { rig, harness } = await rigOf({ noListener: 'reset' });
    const { listener, port } = await rig.listening();
    const second = rig.bound(port);
    expect(harness.spi.WSPListen(second.socket, 1)).toBe(WSAEADDRINUSE);
    harness.close(listener.socket);
    const near = rig.connecting(port);
    await harness.until('no listener', () => near.connects.length > 0);
    expect(near.connects).toEqual([WSAECONNRESET]);
    expect(harness.spi.WSPListen(second.socket, 1)).toBe(NO_ERROR);
  });

  it('providers reach each other over one fabric, and not over two', async () => {
    const fabric = new LoopFabric();
    const server = await rigOf({ fabric });
    const client = await rigOf({ fabric, lendsReceives: false });
    const stranger = await rigOf();
    const { listener, port } = await server.rig.listening();
    const near = client.rig.connecting(port);
    await server.rig.accepted(listener);
    await client.harness.until('the connect', () => near.connects.length > 0);
    expect(near.connects).toEqual([NO_ERROR]);
    const lost = stranger.rig.connecting(port);
    await stranger.harness.until('no listener', () => lost.connects.length > 0);
    expect(lost.connects).toEqual([WSAETIMEDOUT]);
  });

  it('IPv6 sockets and socket options', async () => {
    const { harness } = await rigOf();
    const socket = harness.spi.WSPSocket(AF_INET6, SOCK_STREAM, IPPROTO_TCP);
    expect(harness.spi.WSPBind(socket, { family: 6, address: '::1', port: 9 })).toBe(NO_ERROR);
    expect(harness.spi.WSPSetSockOpt(socket, IPPROTO_TCP, 1, true)).toBe(NO_ERROR);
    expect(harness.spi.WSPGetSockOpt(socket, IPPROTO_TCP, 1)).toBe(true);
    expect(harness.spi.WSPSetSockOpt(socket, SOL_SOCKET, 0x7777, 1)).toBe(WSAENOPROTOOPT);
    harness.close(socket);
  });
});

describe('loop notices what no switch may do', () => {
  it('[WSD-7.4] uses of a descriptor after its close, even when its slot is in use again', async () => {
    const { harness, provider } = await rigOf();
    const first = harness.socket();
    harness.close(first.socket);
    const second = harness.socket();
    expect(second.socket % 65_536).toBe(first.socket % 65_536);
    expect(second.socket).not.toBe(first.socket);
    expect(harness.spi.WSPListen(first.socket, 1)).toBe(WSAENOTSOCK);
    expect(() => harness.spi.WSPEnumNetworkEvents(first.socket)).toThrow(WsaError);
    expect(provider.fabric.faultCount).toBe(2);
  });

  it('[WSD-5.4] more messages than are held: an overrun, counted, and the connection breaks', async () => {
    const { rig, harness, provider } = await rigOf({
      claimsMessageBuffers: false,
      lendsReceives: false,
      heldMessages: 2,
    });
    const { near, far } = await rig.connected();
    for (let i = 0; i < 3; i++) harness.send(near, new Uint8Array([i]));
    await harness.until('FD_CLOSE', () => near.closes.length + far.closes.length === 2);
    expect(provider.counters.overruns).toBe(1);
    expect(provider.fabric.faults[0]).toMatch(/overrun/);
  });

  it('more bytes than were claimed, and a send that is not for the claim', async () => {
    const { rig, harness, provider } = await rigOf();
    const { near } = await rig.connected();
    const claim = () => {
      const out = { bytes: new Uint8Array(0), offset: 0, length: 0 };
      expect(harness.spi.WSPClaimMessageBuffer!(near.socket, 10, 10, out)).toBe(NO_ERROR);
      return out;
    };
    const send = (bytes: Uint8Array, offset: number, length: number) => {
      const operation = new Operation(harness);
      return harness.begin(near, operation, () =>
        harness.spi.WSPSend(near.socket, [{ bytes, offset, length }], 1, operation),
      );
    };
    const over = claim();
    expect(send(over.bytes, over.offset, 11)).toBe(WSAEFAULT);
    const guard = claim();
    guard.bytes[guard.offset + 10] = 0;
    expect(send(guard.bytes, guard.offset, 10)).toBe(WSAEFAULT);
    claim();
    expect(send(new Uint8Array(5), 0, 5)).toBe(WSAEINVAL);
    const right = claim();
    expect(send(right.bytes, right.offset, 10)).toBe(WSA_IO_PENDING);
    expect(provider.fabric.faultCount).toBe(3);
  });

  it('[WSD-6.3] local memory that goes while a transfer runs in it', async () => {
    const { rig, harness, provider } = await rigOf({ maxRdmaBytes: 1000 });
    const { near, far } = await rig.connected();
    const { descriptor } = harness.extensions.WSPRegisterRdmaMemory!(far.socket, new Uint8Array(100), MEM_WRITE);
    const bytes = new Uint8Array(100);
    const handle = harness.extensions.WSPRegisterMemory!(near.socket, bytes, MEM_READ);
    const write = new Operation(harness);
    const local = { bytes, offset: 0, length: 100, handle };
    harness.begin(near, write, () => harness.extensions.WSPRdmaWrite!(near.socket, local, descriptor, 0, write));
    harness.extensions.WSPDeregisterMemory!(near.socket, handle);
    expect(provider.fabric.faults[0]).toMatch(/deregistered under a running transfer/);
    await harness.done(write);
    const unregistered = new Operation(harness);
    const code = harness.begin(near, unregistered, () =>
      harness.extensions.WSPRdmaWrite!(near.socket, local, descriptor, 0, unregistered),
    );
    expect(code).toBe(WSAEFAULT);
  });
});

describe('loop memory', () => {
  it('[WSD-5.8] registers up to its limits, then WSAENOBUFS; what is given back can be had again', async () => {
    const { harness, provider } = await rigOf({ maxRegistrations: 2, maxRegisteredBytes: 1_000 });
    const { socket } = harness.socket();
    const register = (bytes: number) => {
      try {
        return harness.extensions.WSPRegisterMemory!(socket, new Uint8Array(bytes), MEM_READ);
      } catch (error) {
        return -(error as WsaError).wsaCode;
      }
    };
    const first = register(600);
    expect(register(600)).toBe(-WSAENOBUFS);
    expect(register(400)).toBeGreaterThan(0);
    expect(register(0)).toBe(-WSAENOBUFS);
    expect(harness.extensions.WSPDeregisterMemory!(socket, first)).toBe(NO_ERROR);
    expect(harness.extensions.WSPDeregisterMemory!(socket, first)).toBe(WSAEINVAL);
    expect(register(600)).toBeGreaterThan(0);
    provider.memory.refusing = true;
    harness.close(socket);
    expect(provider.counters).toMatchObject({ registrations: 0, registeredBytes: 0, registrationsReleasedAtClose: 2 });
    expect(() => harness.extensions.WSPRegisterMemory!(harness.socket().socket, new Uint8Array(1), MEM_READ)).toThrow(
      'WSAENOBUFS',
    );
  });
});
