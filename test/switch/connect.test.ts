import { createSwitch } from 'sanswitch';
import {
  FD_CONNECT,
  NO_ERROR,
  WSAEACCES,
  WSAECONNABORTED,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEHOSTUNREACH,
  WSAENETUNREACH,
  WSAENOBUFS,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
} from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { failure, freePort, listening, makeRig, order, plainServer, until } from './helpers.js';

const host = '127.0.0.1';

describe('connecting', () => {
  it('[WSD-3.1] nobody serves the address: TCP/IP connects', async () => {
    const { sw } = await makeRig({ loop: { subnets: [{ family: 4, address: '10.0.0.0', prefixLength: 8 }] } });
    const { port } = await plainServer();
    const socket = await sw.connect({ port, host });
    expect(socket.provider).toBe('tcp');
    expect(socket.decision.candidates).toEqual([
      { provider: 'san', outcome: 'not-serving', reason: 'no-subnet' },
      { provider: 'tcp', outcome: 'chosen', reason: 'not-served' },
    ]);
  });

  it('[WSD-3.1] a name is looked up, and its addresses are tried in their order', async () => {
    const { sw } = await makeRig();
    const { port } = await listening(sw, { host: 'localhost' });
    const socket = await sw.connect({ port, host: 'localhost' });
    expect(socket.provider).toBe('san');
    expect(['127.0.0.1', '::1']).toContain(socket.remoteAddress);
  });

  it('[WSD-3.1] an IPv4-mapped address is routed as IPv4, and shown as the application wrote it', async () => {
    const { sw } = await makeRig();
    const { port, next } = await listening(sw);
    const socket = await sw.connect({ port, host: '::ffff:127.0.0.1' });
    expect(socket).toMatchObject({
      provider: 'san',
      remoteAddress: '::ffff:127.0.0.1',
      localAddress: '::ffff:127.0.0.1',
      family: 'IPv6',
    });
    expect(await next()).toMatchObject({ remoteAddress: '127.0.0.1', family: 'IPv4' });
  });

  it('[WSD-3.2] the event, then the outcome, outside of the provider’s call', async () => {
    const { sw, trace } = await makeRig();
    const { port } = await listening(sw);
    const from = trace.entries.length;
    await sw.connect({ port, host });
    const entries = trace.entries.slice(from);
    const names = order(trace, from);
    expect(names.indexOf('WSPEventSelect')).toBeLessThan(names.indexOf('WSPConnect'));
    const select = entries.find(({ kind, name }) => kind === 'down' && name === 'WSPEventSelect');
    expect(select?.args[2]).toBe(String(FD_CONNECT));
    const connected = entries.findIndex(
      ({ kind, name, args }) => kind === 'return' && name === 'WSPConnect' && args[0] === 'WSAEWOULDBLOCK',
    );
    const event = entries.findIndex(({ kind }, index) => kind === 'event' && index > connected);
    const asked = entries.findIndex(
      ({ kind, name }, index) => kind === 'down' && name === 'WSPEnumNetworkEvents' && index > event,
    );
    expect([connected, event, asked].every((index) => index >= 0)).toBe(true);
  });

  it('[WSD-3.2] a connect that succeeds at once', async () => {
    const { sw, script, trace } = await makeRig();
    const { port } = await listening(sw);
    script.WSPConnect = (proceed) => (proceed() === WSAEWOULDBLOCK ? NO_ERROR : WSAENOBUFS);
    const from = trace.entries.length;
    await sw.connect({ port, host });
    // The session begins at once: no outcome is asked for. (Loop is not really connected yet, so it does not come to stand.)
    const names = order(trace, from);
    const begun = names.indexOf('WSPConnect') + 1;
    expect(names[begun]).toBe('WSPGetSockOpt');
  });

  it.each([
    ['WSAECONNRESET', WSAECONNRESET, 'ECONNREFUSED'],
    ['WSAECONNREFUSED', WSAECONNREFUSED, 'ECONNREFUSED'],
    ['WSAEHOSTUNREACH', WSAEHOSTUNREACH, 'EHOSTUNREACH'],
  ])('[WSD-3.3] %s is final: TCP/IP is not tried', async (_name, code, expected) => {
    const { sw, script, loop } = await makeRig();
    // TCP/IP would succeed.
    const { port, sockets } = await plainServer();
    script.WSPConnect = () => code;
    const error = await failure(sw.connect({ port, host }));
    expect(error).toMatchObject({ code: expected, syscall: 'connect', address: host, port });
    expect(error.errno).toBeLessThan(0);
    expect(sockets).toHaveLength(0);
    await until(() => loop.counters.openSockets === 1, 'the release of the companion');
    expect(sw.decisions().at(-1)).toMatchObject({
      provider: null,
      candidates: [{ provider: 'san', outcome: 'failed' }],
    });
  });

  it.each([
    ['WSAETIMEDOUT', WSAETIMEDOUT],
    ['WSAENETUNREACH', WSAENETUNREACH],
    ['WSAENOBUFS', WSAENOBUFS],
    ['WSAEACCES', WSAEACCES],
    ['WSAECONNABORTED', WSAECONNABORTED],
  ])('[WSD-3.3] [WSD-3.4] %s falls back to TCP/IP', async (name, code) => {
    const { sw, script, trace, loop } = await makeRig();
    const { port } = await plainServer();
    script.WSPConnect = () => code;
    const from = trace.entries.length;
    const socket = await sw.connect({ port, host });
    expect(socket.provider).toBe('tcp');
    expect(socket.decision.candidates).toEqual([
      { provider: 'san', outcome: 'failed', reason: 'connect-failed', detail: name },
      { provider: 'tcp', outcome: 'chosen', reason: 'fallback' },
    ]);
    expect(order(trace, from)).toContain('WSPCloseSocket');
    await until(() => loop.counters.openSockets === 1);
    expect(sw.stats()).toMatchObject({
      providers: { san: { connectFailures: 1, connects: 0, open: 0 }, tcp: { connects: 1 } },
      decisions: { 'san:failed:connect-failed': 1, 'tcp:chosen:fallback': 1 },
    });
  });

  it.each([
    ['reset' as const, 'ECONNREFUSED', null],
    ['timedout' as const, null, 'tcp'],
  ])(
    '[WSD-3.3] [WSD-3.4] the same for an outcome that comes with the event (%s)',
    async (noListener, code, provider) => {
      const { sw } = await makeRig({ loop: { noListener } });
      const { port } = await plainServer();
      const attempt = sw.connect({ port, host });
      if (code !== null) expect(await failure(attempt)).toMatchObject({ code });
      else expect((await attempt).provider).toBe(provider);
    },
  );

  it('[WSD-3.3] one address that is final does not end the search for another', async () => {
    const { sw, trace } = await makeRig({ loop: { noListener: 'reset' } });
    const { port } = await listening(sw, { host: '127.0.0.1' });
    const from = trace.entries.length;
    const socket = await sw.connect({ port, host: 'localhost' });
    expect(socket.provider).toBe('san');
    expect(socket.remoteAddress).toBe('127.0.0.1');
    expect(order(trace, from).filter((name) => name === 'WSPConnect').length).toBeGreaterThanOrEqual(1);
    const nowhere = await freePort();
    const error = await failure(sw.connect({ port: nowhere, host: 'localhost' }));
    expect(error.code).toBe('ECONNREFUSED');
  });

  it('[WSD-3.3] a second provider for the same address has its turn before TCP/IP', async () => {
    const first = await makeRig();
    const { LoopProvider } = await import('#src/providers/loop/provider.js');
    const { LoopFabric } = await import('#src/providers/loop/fabric.js');
    const fabric = new LoopFabric();
    const sw = await createSwitch({
      providers: [
        {
          name: 'empty',
          provider: new LoopProvider({
            fabric: new LoopFabric(),
            subnets: [{ family: 4, address: '127.0.0.1', prefixLength: 32 }],
          }),
        },
        { name: 'full', provider: new LoopProvider({ fabric }) },
      ],
    });
    const server = await createSwitch({ providers: [{ name: 'full', provider: new LoopProvider({ fabric }) }] });
    const { port } = await listening(server);
    const socket = await sw.connect({ port, host });
    expect(socket.decision.candidates).toMatchObject([
      { provider: 'empty', outcome: 'failed' },
      { provider: 'full', outcome: 'chosen' },
    ]);
    await sw.close();
    await server.close();
    await first.sw.close();
  });

  it('[WSD-3.5] a provider that never says anything costs at most its time limit', async () => {
    const { sw, script } = await makeRig({ sw: { sanConnectTimeoutMs: 40 } });
    const { port } = await plainServer();
    script.WSPConnect = () => WSAEWOULDBLOCK;
    const start = performance.now();
    const socket = await sw.connect({ port, host });
    expect(performance.now() - start).toBeLessThan(1_000);
    expect(socket.decision.candidates).toMatchObject([{ reason: 'connect-timed-out' }, { provider: 'tcp' }]);
  });

  it('[WSD-3.6] the connect completes only when both switches have agreed on a session', async () => {
    const { sw, script, trace } = await makeRig();
    const { port, sockets } = await listening(sw);
    const held: (() => void)[] = [];
    const from = trace.entries.length;
    script.WSPAccept = (proceed) => proceed();
    script.WPUCompleteOverlappedRequest = (proceed) => void held.push(() => proceed());
    let connected = false;
    const connecting = sw.connect({ port, host }).then((socket) => {
      connected = true;
      return socket;
    });
    await until(() => order(trace, from).includes('WSPAccept'));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(connected).toBe(false);
    expect(sockets).toHaveLength(0);
    delete script.WPUCompleteOverlappedRequest;
    for (const go of held.splice(0)) go();
    expect((await connecting).provider).toBe('san');
    await until(() => sockets.length === 1);
    const names = order(trace, from);
    // Receives stand before anything is sent, on both sides.
    expect(names.indexOf('WSPRecv')).toBeLessThan(names.indexOf('WSPSend'));
  });

  it('[WSD-3.6] no session within its time: TCP/IP tries, whatever the code', async () => {
    const { sw, script } = await makeRig({ sw: { negotiationTimeoutMs: 60 } });
    const { port, sockets } = await listening(sw);
    script.WPUCompleteOverlappedRequest = () => {};
    const connecting = sw.connect({ port, host });
    await new Promise((resolve) => setTimeout(resolve, 100));
    delete script.WPUCompleteOverlappedRequest;
    const socket = await connecting;
    expect(socket.provider).toBe('tcp');
    expect(socket.decision.candidates[0]).toMatchObject({ provider: 'san', reason: 'negotiation-failed' });
    await until(() => sockets.length === 1);
    expect(sockets[0]?.provider).toBe('tcp');
  });

  it('[WSD-3.7] a negotiation message that comes early is held', async () => {
    const { sw, script } = await makeRig({ loop: { claimsMessageBuffers: false, lendsReceives: false } });
    const { port, next } = await listening(sw, { handlers: { received: (socket, bytes) => void socket.send(bytes) } });
    // The accepting side gets its turn late: HELLO is there long before its receives are.
    script.WSPAccept = (proceed) => {
      const end = performance.now() + 20;
      while (performance.now() < end);
      return proceed();
    };
    const socket = await sw.connect({ port, host });
    await next();
    socket.send(Buffer.from('early'));
    expect(String(await socket.receive())).toBe('early');
  });

  it('[WSD-3.8] cancelling closes the companion promptly', async () => {
    const { sw, script, trace, loop, fabric } = await makeRig();
    const { port } = await plainServer();
    script.WSPConnect = () => WSAEWOULDBLOCK;
    const controller = new AbortController();
    const attempt = failure(sw.connect({ port, host, signal: controller.signal }));
    await until(() => order(trace).includes('WSPConnect'));
    const from = trace.entries.length;
    controller.abort(new Error('changed my mind'));
    expect(order(trace, from)).toEqual([]);
    const error = await attempt;
    expect(error).toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
    expect((error.cause as Error).message).toBe('changed my mind');
    expect(order(trace, from)).toContain('WSPCloseSocket');
    await until(() => loop.counters.openSockets === 1);
    expect(fabric.faults).toEqual([]);
    expect(sw.decisions().at(-1)?.candidates).toMatchObject([
      { provider: 'san', outcome: 'failed', reason: 'cancelled' },
    ]);
  });

  it('[WSD-3.8] cancelling while the session is negotiated', async () => {
    const { sw, script, trace, loop } = await makeRig();
    const { port } = await listening(sw, { handlers: { received() {} } });
    const held: (() => void)[] = [];
    script.WPUCompleteOverlappedRequest = (proceed) => void held.push(() => proceed());
    const controller = new AbortController();
    const attempt = failure(sw.connect({ port, host, signal: controller.signal }));
    await until(() => order(trace).includes('WSPAccept'));
    await new Promise((resolve) => setTimeout(resolve, 10));
    controller.abort();
    expect(await attempt).toMatchObject({ name: 'AbortError' });
    delete script.WPUCompleteOverlappedRequest;
    for (const go of held.splice(0)) go();
    await until(() => loop.counters.openSockets <= 2, 'the release of both companions');
  });

  it('[WSD-3.8] a signal that has fired already, and a time limit', async () => {
    const { sw, script } = await makeRig();
    script.WSPConnect = () => WSAEWOULDBLOCK;
    expect(await failure(sw.connect({ port: 1, host, signal: AbortSignal.abort() }))).toMatchObject({
      code: 'ABORT_ERR',
    });
    expect(await failure(sw.connect({ port: 1, host, timeoutMs: 30 }))).toMatchObject({
      code: 'ETIMEDOUT',
      syscall: 'connect',
      address: host,
      port: 1,
    });
  });

  it('[WSD-3.8] closing the switch cancels what is under way', async () => {
    const { sw, script, trace } = await makeRig();
    script.WSPConnect = () => WSAEWOULDBLOCK;
    const attempt = failure(sw.connect({ port: 1, host }));
    await until(() => order(trace).includes('WSPConnect'));
    await sw.close();
    expect(await attempt).toMatchObject({ code: 'ERR_SANSWITCH_CLOSED' });
  });

  it('[WSD-3.4] the provider’s own reason stands in the record, if it looks like one', async () => {
    const { sw, script } = await makeRig();
    const { port } = await plainServer();
    let connectReason = '';
    script.WSPEnumNetworkEvents = (proceed) => ({ ...(proceed() as object), connectReason });
    const candidate = async (reason: string) => {
      connectReason = reason;
      return (await sw.connect({ port, host })).decision.candidates[0];
    };
    const failed = { provider: 'san', outcome: 'failed' };
    expect(await candidate('peer-unverifiable')).toEqual({
      ...failed,
      reason: 'peer-unverifiable',
      detail: 'WSAETIMEDOUT',
    });
    expect(await candidate('peer-unverifiable: uid 7: odd')).toEqual({
      ...failed,
      reason: 'peer-unverifiable',
      detail: 'uid 7: odd',
    });
    expect(await candidate('Who knows?')).toEqual({ ...failed, reason: 'connect-failed', detail: 'Who knows?' });
    expect(await candidate('')).toEqual({ ...failed, reason: 'connect-failed', detail: 'WSAETIMEDOUT' });
  });

  it('[WSD-2.5] a wildcard local address is none, one of another family is TCP/IP’s business', async () => {
    const { sw } = await makeRig();
    const { port } = await listening(sw);
    const socket = await sw.connect({ port, host, localAddress: '0.0.0.0' });
    expect(socket).toMatchObject({ provider: 'san', localAddress: host });
    const error = await failure(sw.connect({ port, host, localAddress: '::1' }));
    expect(error).toHaveProperty('code');
    expect(sw.decisions().at(-1)?.candidates[0]).toMatchObject({ provider: 'san', reason: 'source-address' });
  });

  it('port 0 is left to TCP/IP and its error', async () => {
    const { sw, trace } = await makeRig({ strict: true });
    const from = trace.entries.length;
    expect((await failure(sw.connect({ port: 0, host }))).code).toMatch(/^(ECONNREFUSED|EADDRNOTAVAIL)$/);
    expect(order(trace, from)).toEqual([]);
  });

  it('a name that does not exist gives the resolver’s error', async () => {
    const { sw } = await makeRig();
    expect(await failure(sw.connect({ port: 1, host: 'no-such-host.invalid' }))).toMatchObject({
      syscall: 'getaddrinfo',
      hostname: 'no-such-host.invalid',
    });
  });
});
