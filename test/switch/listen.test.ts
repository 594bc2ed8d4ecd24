import { type Socket as NetSocket, connect as netConnect } from 'node:net';
import { type Caller, createSwitch, type StreamSocket } from 'sanswitch';
import { CF_REJECT, FD_ACCEPT, SO_TCP_LISTENER, WSAECONNREFUSED, WSAENOPROTOOPT, WsaError } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import { afterwards, failure, listening, makeRig, order, until } from './helpers.js';

const host = '127.0.0.1';

function plainClient(port: number, address = host): Promise<NetSocket> {
  return new Promise((resolve, reject) => {
    const socket = netConnect(port, address, () => resolve(socket));
    socket.on('error', reject);
    afterwards(() => socket.destroy());
  });
}

describe('listening and accepting', () => {
  it('[WSD-4.1] TCP/IP listens first, then a companion on the same address and port', async () => {
    const { sw, trace } = await makeRig();
    const from = trace.entries.length;
    const { listener, port } = await listening(sw);
    expect(order(trace, from)).toEqual([
      'WSPSocket',
      'WPUCreateSocketHandle',
      'WSPBind',
      'WSPSetSockOpt',
      'WSPEventSelect',
      'WSPListen',
    ]);
    const call = (name: string) =>
      trace.entries.slice(from).find((entry) => entry.kind === 'down' && entry.name === name);
    expect(call('WSPBind')?.args[1]).toBe(`127.0.0.1:${port}`);
    expect(call('WSPSetSockOpt')?.args[2]).toBe(String(SO_TCP_LISTENER));
    expect(Number(call('WSPSetSockOpt')?.args[3])).toBeGreaterThan(2);
    expect(call('WSPEventSelect')?.args[2]).toBe(String(FD_ACCEPT));
    expect(listener.decision).toMatchObject({
      operation: 'listen',
      port,
      provider: 'tcp',
      candidates: [
        { provider: 'tcp', outcome: 'chosen', reason: 'owns-the-port' },
        { provider: 'san', outcome: 'chosen', reason: 'listens' },
      ],
    });
  });

  it('[WSD-4.1] no companion on a provider that does not serve the address', async () => {
    const { sw } = await makeRig({ loop: { subnets: [{ family: 4, address: '10.0.0.0', prefixLength: 8 }] } });
    const { listener } = await listening(sw);
    expect(listener.decision.candidates[1]).toEqual({ provider: 'san', outcome: 'not-serving', reason: 'no-subnet' });
  });

  it('[WSD-4.1] a dual-stack wildcard is reached by both families, and callers look as they do over TCP/IP', async () => {
    const { sw } = await makeRig();
    const { port, next } = await listening(sw, { host: '::' });
    expect((await sw.connect({ port, host })).provider).toBe('san');
    expect(await next()).toMatchObject({
      provider: 'san',
      remoteAddress: '::ffff:127.0.0.1',
      localAddress: '::ffff:127.0.0.1',
      family: 'IPv6',
    });
    expect((await sw.connect({ port, host: '::1' })).provider).toBe('san');
    expect(await next()).toMatchObject({ provider: 'san', remoteAddress: '::1', localAddress: '::1', family: 'IPv6' });
  });

  it('[WSD-4.1] an IPv6-only wildcard is not reached by IPv4', async () => {
    const { sw } = await makeRig();
    const { port } = await listening(sw, { host: '::', ipv6Only: true });
    expect((await sw.connect({ port, host: '::1' })).provider).toBe('san');
    expect(await failure(sw.connect({ port, host }))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('[WSD-4.1] a provider of IPv4 alone listens beside a dual-stack wildcard', async () => {
    const { sw, trace } = await makeRig({ loop: { subnets: [{ family: 4, address: '127.0.0.0', prefixLength: 8 }] } });
    const from = trace.entries.length;
    const { port, next } = await listening(sw, { host: '::' });
    expect(trace.entries.slice(from).find(({ name }) => name === 'WSPBind')?.args[1]).toBe(`0.0.0.0:${port}`);
    expect((await sw.connect({ port, host })).provider).toBe('san');
    expect((await next()).remoteAddress).toBe('::ffff:127.0.0.1');
  });

  it('[WSD-4.2] one stream of sockets, from TCP/IP and from the SAN', async () => {
    const { sw } = await makeRig();
    const { port, sockets } = await listening(sw, {
      handlers: { received: (socket, bytes) => void socket.send(bytes) },
    });
    const plain = await plainClient(port);
    const san = await sw.connect({ port, host });
    await until(() => sockets.length === 2);
    expect(sockets.map(({ provider }) => provider).sort()).toEqual(['san', 'tcp']);
    plain.write('by tcp');
    san.send(Buffer.from('by san'));
    const echo = await new Promise((resolve) => plain.once('data', (bytes) => resolve(String(bytes))));
    expect(echo).toBe('by tcp');
    expect(String(await san.receive())).toBe('by san');
    expect(Object.keys(sockets[0] as object)).toEqual(Object.keys(sockets[1] as object));
  });

  it('[WSD-4.3] event, then the events are read, then accept with a condition function', async () => {
    const { sw, trace } = await makeRig();
    const { port, next } = await listening(sw);
    const from = trace.entries.length;
    await sw.connect({ port, host });
    await next();
    const accepting = order(trace, from).filter((name) =>
      ['event', 'WSPEnumNetworkEvents', 'WSPAccept'].includes(name),
    );
    expect(accepting.slice(0, 3)).toEqual(['event', 'WSPEnumNetworkEvents', 'WSPAccept']);
    const accept = trace.entries.slice(from).find(({ name }) => name === 'WSPAccept');
    expect(accept?.args[1]).toBe('function');
  });

  it('[WSD-4.3] [WSD-4.4] the condition function decides, and a rejected caller sees ECONNREFUSED', async () => {
    const { sw } = await makeRig();
    const callers: Caller[] = [];
    const { port, sockets } = await listening(sw, {
      admit: (caller) => {
        callers.push(caller);
        return callers.length > 1;
      },
    });
    const error = await failure(sw.connect({ port, host }));
    expect(error).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: host, port });
    expect(sockets).toHaveLength(0);
    const socket = await sw.connect({ port, host });
    expect(socket.provider).toBe('san');
    expect(callers[1]).toMatchObject({
      provider: 'san',
      remote: { family: 4, address: host, port: socket.localPort },
      local: { family: 4, address: host, port },
    });
    expect(sw.stats().providers.san).toMatchObject({ rejects: 1 });
  });

  it('[WSD-4.3] the condition function passes on what the provider vouches for', async () => {
    const { sw, script } = await makeRig();
    const credentials = { pid: 1, uid: 2, gid: 3 };
    script.WSPAccept = (_proceed, args) => {
      const condition = args[1] as (caller: object) => number;
      const address = { family: 4, address: host, port: 7 };
      expect(condition({ remote: address, local: address, credentials })).toBe(CF_REJECT);
      throw new WsaError(WSAECONNREFUSED);
    };
    const callers: Caller[] = [];
    const { port } = await listening(sw, {
      admit: (caller) => {
        callers.push(caller);
        delete script.WSPAccept;
        return callers.length > 1;
      },
    });
    await sw.connect({ port, host });
    expect(callers[0]).toMatchObject({ credentials });
  });

  it('[WSD-4.3] over TCP/IP a rejected caller sees a reset', async () => {
    const { sw } = await makeRig();
    const { port, sockets } = await listening(sw, { admit: ({ provider }) => provider !== 'tcp' });
    const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
      const plain = netConnect(port, host);
      plain.on('error', resolve);
      plain.on('close', () => resolve(null));
      plain.resume();
    });
    expect(error?.code).toBe('ECONNRESET');
    expect(sockets).toHaveLength(0);
    expect(sw.stats().providers.tcp).toMatchObject({ rejects: 1 });
    expect(sw.decisions().at(-1)?.candidates).toEqual([{ provider: 'tcp', outcome: 'failed', reason: 'not-admitted' }]);
  });

  it('[WSD-4.4] a full SAN queue refuses at once, without waking the switch', async () => {
    const { sw, script, trace } = await makeRig({ sw: { sanBacklog: 2 } });
    const { port } = await listening(sw);
    // The listening switch does not get to look.
    script.WSPEnumNetworkEvents = (proceed, args) =>
      args[0] === 1 ? { events: 0, connectError: 0, closeError: 0 } : proceed();
    const waiting = [failure(sw.connect({ port, host })), failure(sw.connect({ port, host }))];
    await until(() => order(trace).filter((name) => name === 'WSPConnect').length === 2);
    await new Promise((resolve) => setTimeout(resolve, 10));
    const from = trace.entries.length;
    expect(await failure(sw.connect({ port, host }))).toMatchObject({ code: 'ECONNREFUSED' });
    expect(order(trace, from)).not.toContain('WSPAccept');
    await sw.close();
    await Promise.all(waiting);
  });

  it('[WSD-4.4] the SAN queue is longer than 511 unless configured otherwise', async () => {
    const first = await makeRig();
    await listening(first.sw, { backlog: 1 });
    expect(first.trace.entries.find(({ name }) => name === 'WSPListen')?.args[1]).toBe('4096');
    const second = await makeRig({ sw: { sanBacklog: 7 } });
    await listening(second.sw);
    expect(second.trace.entries.find(({ name }) => name === 'WSPListen')?.args[1]).toBe('7');
  });

  it('[WSD-4.5] an accepted socket gets its own handle, made inside WSPAccept', async () => {
    const { sw, trace } = await makeRig();
    const { port, next } = await listening(sw);
    const from = trace.entries.length;
    await sw.connect({ port, host });
    await next();
    const entries = trace.entries.slice(from);
    const accept = entries.findIndex(({ kind, name }) => kind === 'down' && name === 'WSPAccept');
    expect(entries.slice(accept, accept + 3).map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'down WSPAccept',
      'up WPUCreateSocketHandle',
      'return WSPAccept',
    ]);
  });

  it('[WSD-4.6] the accepting side answers only after its own receives stand', async () => {
    const { sw, trace } = await makeRig();
    const { port, next } = await listening(sw);
    const from = trace.entries.length;
    await sw.connect({ port, host });
    await next();
    const accepted = trace.entries
      .slice(from)
      .find(({ kind, name }) => kind === 'up' && name === 'WPUCreateSocketHandle' && true);
    expect(accepted).toBeDefined();
    const sockets = trace.entries
      .slice(from)
      .filter(({ kind, name }) => kind === 'up' && name === 'WPUCreateSocketHandle')
      .map(({ args }) => args[0]);
    for (const socket of sockets) {
      const own = trace.entries
        .slice(from)
        .filter(({ kind, args }) => kind === 'down' && args[0] === socket)
        .map(({ name }) => name);
      expect(own.indexOf('WSPRecv')).toBeGreaterThanOrEqual(0);
      expect(own.indexOf('WSPRecv')).toBeLessThan(own.indexOf('WSPSend'));
    }
  });

  it('[WSD-4.7] closing the listener closes what it has accepted and not handed over', async () => {
    const { sw, script, loop, fabric } = await makeRig();
    const { listener, port, sockets } = await listening(sw);
    const held: (() => void)[] = [];
    script.WPUCompleteOverlappedRequest = (proceed) => void held.push(() => proceed());
    const attempt = sw.connect({ port, host }).catch((error) => error);
    await until(() => loop.counters.openSockets === 4, 'the accept');
    await listener.close();
    delete script.WPUCompleteOverlappedRequest;
    for (const go of held.splice(0)) go();
    const outcome = await attempt;
    expect(outcome).toMatchObject({ code: 'ECONNREFUSED' });
    expect(sockets).toHaveLength(0);
    await until(() => loop.counters.openSockets === 1, 'the release');
    expect(fabric.faults).toEqual([]);
  });

  it('[WSD-4.7] closing the listener leaves the sockets that it handed over', async () => {
    const { sw, loop } = await makeRig();
    const { listener, port, next } = await listening(sw, {
      handlers: { received: (socket, bytes) => void socket.send(bytes) },
    });
    const san = await sw.connect({ port, host });
    const plain = await plainClient(port);
    await next();
    await next();
    await Promise.all([listener.close(), listener.close()]);
    san.send(Buffer.from('still'));
    expect(String(await san.receive())).toBe('still');
    plain.write('there');
    expect(await new Promise((resolve) => plain.once('data', (bytes) => resolve(String(bytes))))).toBe('there');
    expect(loop.counters.openSockets).toBe(3);
    expect(await failure(sw.connect({ port, host }))).toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('[WSD-4.7] a listen that is cancelled leaves nothing behind', async () => {
    const { sw, loop } = await makeRig();
    expect(await failure(sw.listen({ port: 0, host, signal: AbortSignal.abort() }, () => {}))).toMatchObject({
      code: 'ABORT_ERR',
    });
    const controller = new AbortController();
    const attempt = failure(sw.listen({ port: 0, host, signal: controller.signal }, () => {}));
    controller.abort();
    expect(await attempt).toMatchObject({ code: 'ABORT_ERR' });
    expect(loop.counters.openSockets).toBe(1);
    expect(sw.stats().listeners).toBe(0);
  });

  it('a flood of callers does not keep the event loop from its other work', async () => {
    const { sw, script } = await makeRig();
    let accepts = 0;
    // Callers without end, each gone before it is accepted.
    const endless = () => {
      accepts += 1;
      throw Object.assign(new Error('gone'), { wsaCode: WSAECONNREFUSED });
    };
    const { port } = await listening(sw);
    script.WSPAccept = endless;
    void sw.connect({ port, host }).catch(() => {});
    await until(() => accepts > 0);
    let turns = 0;
    const before = accepts;
    while (turns < 20) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    expect(accepts - before).toBeLessThanOrEqual(64 * 30);
    delete script.WSPAccept;
  });

  it('a thousand connections at once', async () => {
    // Without the recording, which would take most of the time.
    const fabric = new LoopFabric();
    const loop = new LoopProvider({ fabric });
    const sw = await createSwitch({ providers: [{ name: 'san', provider: loop }] });
    afterwards(() => sw.close());
    let accepted = 0;
    const listener = await sw.listen(
      { host, handlers: { received: (socket, bytes) => void socket.send(bytes) } },
      () => {
        accepted += 1;
      },
    );
    const { port } = listener.address();
    const sockets: StreamSocket[] = await Promise.all(Array.from({ length: 1_000 }, () => sw.connect({ port, host })));
    expect(new Set(sockets.map(({ provider }) => provider))).toEqual(new Set(['san']));
    expect(new Set(sockets.map(({ localPort }) => localPort)).size).toBe(1_000);
    expect(accepted).toBe(1_000);
    await Promise.all(sockets.map((socket) => socket.close()));
    await until(() => loop.counters.openSockets === 2);
    expect(fabric.faults).toEqual([]);
    expect(sw.stats().providers.san).toMatchObject({ connects: 1_000, accepts: 1_000, faults: 0, open: 0 });
  });

  it('a provider that has no use for the listener’s descriptor is used all the same', async () => {
    const { sw, script } = await makeRig();
    script.WSPSetSockOpt = () => WSAENOPROTOOPT;
    const { port } = await listening(sw);
    expect((await sw.connect({ port, host })).provider).toBe('san');
  });
});
