import { createSwitch } from 'sanswitch';
import {
  SIO_GET_QOS,
  SIO_SET_QOS,
  SO_DEBUG,
  SO_GROUP_ID,
  SO_KEEPALIVE,
  WSAEACCES,
  WSAENOPROTOOPT,
  WsaError,
} from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { afterwards, listening, makeRig, order } from './helpers.js';

const host = '127.0.0.1';

async function sanSocket(options: Parameters<typeof makeRig>[0] = {}) {
  const rig = await makeRig(options);
  const { port, next } = await listening(rig.sw);
  const socket = await rig.sw.connect({ port, host, keepAlive: true });
  return { ...rig, socket, far: await next(), port };
}

async function tcpSocket() {
  const sw = await createSwitch({ providers: ['tcp'] });
  afterwards(() => sw.close());
  const { port } = await listening(sw, { handlers: { received() {} } });
  return sw.connect({ port, host, keepAlive: true });
}

describe('options', () => {
  it('[WSD-9.1] the switch answers the ordinary ones', async () => {
    for (const socket of [(await sanSocket()).socket, await tcpSocket()]) {
      expect(socket.getOption('noDelay')).toBe(true);
      expect(socket.getOption('keepAlive')).toBe(true);
      socket.setOption('noDelay', false);
      socket.setOption('keepAlive', false);
      expect([socket.getOption('noDelay'), socket.getOption('keepAlive')]).toEqual([false, false]);
      expect(() => socket.setOption('noDelay', 1)).toThrow(/noDelay must be true or false/);
    }
  });

  it('[WSD-2.6] the provider is told to probe an idle connection, and when; of accepted ones too', async () => {
    const { sw, trace } = await makeRig();
    const probing = { keepAlive: true, keepAliveInitialDelayMs: 5_000 };
    const { port, next } = await listening(sw, probing);
    const from = trace.entries.length;
    const socket = await sw.connect({ port, host, ...probing });
    const far = await next();
    const told = () =>
      trace.entries
        .slice(from)
        .filter(
          ({ kind, name, args }) => kind === 'down' && name === 'WSPSetSockOpt' && args[2] === String(SO_KEEPALIVE),
        )
        .map(({ args }) => args[3]);
    expect(told()).toEqual(['{ idleMs: 5000 }', '{ idleMs: 5000 }']);
    for (const one of [socket, far]) {
      expect(one.getOption('keepAlive')).toBe(true);
      one.setOption('keepAlive', false);
      one.setOption('keepAlive', true);
      expect(one.getOption('keepAlive')).toBe(true);
    }
    expect(told().slice(2)).toEqual(['false', '{ idleMs: 5000 }', 'false', '{ idleMs: 5000 }']);
  });

  it('[WSD-9.1] asking for them makes no downcall', async () => {
    const { socket, trace } = await sanSocket();
    const from = trace.entries.length;
    socket.getOption('noDelay');
    expect(order(trace, from)).toEqual([]);
  });

  it('[WSD-9.1] sizes and SO_DEBUG go to the provider', async () => {
    const { socket, trace } = await sanSocket({ loop: { maxMessageBytes: 32_768, rdmaThresholdBytes: 4_096 } });
    const from = trace.entries.length;
    expect(socket.getOption('maxMessageBytes')).toBe(32_768);
    expect(socket.getOption('rdmaThresholdBytes')).toBe(4_096);
    expect(socket.getOption('maxRdmaBytes')).toBe(1_048_576);
    socket.setOption('debug', true);
    expect(socket.getOption('debug')).toBe(true);
    expect(order(trace, from)).toEqual([
      'WSPGetSockOpt',
      'WSPGetSockOpt',
      'WSPGetSockOpt',
      'WSPSetSockOpt',
      'WSPGetSockOpt',
    ]);
    expect(trace.entries.slice(from).find(({ name }) => name === 'WSPSetSockOpt')?.args[2]).toBe(String(SO_DEBUG));
  });

  it('[WSD-9.1] groups and quality of service go to the provider when it supports them', async () => {
    const { socket, script } = await sanSocket();
    const missing = { code: 'ENOPROTOOPT' };
    expect(() => socket.setOption('groupId', 3)).toThrow(expect.objectContaining(missing));
    expect(() => socket.getOption('groupPriority')).toThrow(expect.objectContaining(missing));
    expect(() => socket.setOption('qos', {})).toThrow(expect.objectContaining({ ...missing, syscall: 'setsockopt' }));
    expect(() => socket.getOption('groupQos')).toThrow(expect.objectContaining(missing));
    const seen: unknown[] = [];
    script.WSPSetSockOpt = (_proceed, args) => {
      seen.push([args[2], args[3]]);
      return 0;
    };
    script.WSPIoctl = (_proceed, args) => {
      seen.push([args[1], args[2]]);
      return 'gold';
    };
    socket.setOption('groupId', 3);
    socket.setOption('qos', 'gold');
    expect(socket.getOption('qos')).toBe('gold');
    expect(seen).toEqual([
      [SO_GROUP_ID, 3],
      [SIO_SET_QOS, 'gold'],
      [SIO_GET_QOS, undefined],
    ]);
  });

  it('[WSD-9.1] a provider’s refusal is the application’s error; its fault is counted', async () => {
    const { socket, script, sw } = await sanSocket();
    script.WSPSetSockOpt = () => WSAEACCES;
    expect(() => socket.setOption('debug', true)).toThrow(expect.objectContaining({ code: 'EACCES' }));
    script.WSPSetSockOpt = () => WSAENOPROTOOPT;
    socket.setOption('noDelay', false);
    expect(socket.getOption('noDelay')).toBe(false);
    script.WSPGetSockOpt = () => {
      throw new WsaError(WSAENOPROTOOPT);
    };
    expect(() => socket.getOption('debug')).toThrow(expect.objectContaining({ code: 'ENOPROTOOPT' }));
    script.WSPGetSockOpt = () => {
      throw new TypeError('oops');
    };
    expect(() => socket.getOption('debug')).toThrow();
    expect(sw.stats().providers.san?.faults).toBe(1);
  });

  it('[WSD-9.1] over TCP/IP the provider’s options do not exist', async () => {
    const socket = await tcpSocket();
    expect(() => socket.getOption('maxMessageBytes')).toThrow(
      expect.objectContaining({ code: 'ENOPROTOOPT', syscall: 'getsockopt' }),
    );
    expect(() => socket.setOption('debug', true)).toThrow(
      expect.objectContaining({ code: 'ENOPROTOOPT', syscall: 'setsockopt' }),
    );
  });

  it('[WSD-9.2] addresses come from the switch, also after the end', async () => {
    const { socket, far, trace, port } = await sanSocket();
    const from = trace.entries.length;
    const ends = () => ({
      near: [socket.localAddress, socket.localPort, socket.remoteAddress, socket.remotePort, socket.family],
      far: [far.localAddress, far.localPort, far.remoteAddress, far.remotePort, far.family],
    });
    const before = ends();
    expect(order(trace, from)).toEqual([]);
    expect(before.near).toEqual([host, expect.any(Number), host, port, 'IPv4']);
    expect(before.far).toEqual([host, port, host, socket.localPort, 'IPv4']);
    socket.abort();
    far.abort();
    expect(ends()).toEqual(before);
    const tcp = await tcpSocket();
    const { localPort, remotePort } = tcp;
    expect(localPort).toBeGreaterThan(0);
    await tcp.close();
    expect([tcp.localPort, tcp.remotePort, tcp.remoteAddress]).toEqual([localPort, remotePort, host]);
  });

  it('[WSD-9.3] who wants to know is told the provider, and why', async () => {
    const { sw, socket, far } = await sanSocket();
    expect([socket.provider, far.provider]).toEqual(['san', 'san']);
    expect(socket.decision).toMatchObject({
      operation: 'connect',
      address: host,
      candidates: [{ provider: 'san', outcome: 'chosen', reason: 'served' }],
      provider: 'san',
      localPortKind: 'virtual',
    });
    expect(socket.decision.atMs).toBeGreaterThan(Date.now() - 10_000);
    expect(socket.decision.durationUs).toBeGreaterThan(0);
    expect(far.decision).toMatchObject({ operation: 'accept', provider: 'san' });
    expect(sw.decisions().map(({ operation }) => operation)).toEqual(['listen', 'accept', 'connect']);
    expect(sw.stats().providers.san).toMatchObject({ connects: 1, accepts: 1, open: 2 });
  });

  it('the history of decisions is bounded', async () => {
    const { sw } = await makeRig({ sw: { decisionHistory: 3 } });
    const { port } = await listening(sw);
    for (let i = 0; i < 4; i += 1) await sw.connect({ port, host });
    expect(sw.decisions()).toHaveLength(3);
    expect(sw.decisions().at(-1)?.operation).toBe('connect');
  });
});
