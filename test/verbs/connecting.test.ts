/** Connecting, listening, accepting and closing over verbs, where things go wrong at every step. */
import { setTimeout as delay } from 'node:timers/promises';
import { NO_ERROR, WSAEADDRNOTAVAIL, WSAECONNRESET, WSAENOTCONN, WSAETIMEDOUT, WsaError } from 'sanswitch/spi';
import { afterEach, expect, it } from 'vitest';
import { Operation } from '../conformance/harness.js';
import { Rig } from '../conformance/rig.js';
import { verbs } from '../conformance/verbs-subject.js';
import { useFakeVerbs } from '../fixtures/fake-verbs.js';
import { connectOutcome, ProviderRig } from './provider-rig.js';

const fake = await useFakeVerbs();
const text = (value: string) => new TextEncoder().encode(value);
const started: { stop(): Promise<void> }[] = [];

async function rigOf(server: object = {}, client: object = {}): Promise<ProviderRig> {
  const rig = await ProviderRig.start(server, client);
  started.push(rig);
  return rig;
}

afterEach(async () => {
  fake.control('mend');
  for (const stage of ['resolve', 'route', 'request', 'response', 'data']) fake.control(`release ${stage}`);
  fake.control('reset');
  for (const rig of started.splice(0)) await rig.stop();
  for (const kind of ['qp', 'mr', 'mw', 'id', 'cq', 'srq'])
    expect([kind, fake.control(`live ${kind}`)]).toEqual([kind, 0]);
});

it.each(['resolve', 'route', 'request', 'response'])(
  '[WSD-3.8] a connect is cancelled while it waits for its %s',
  async (stage) => {
    const rig = await rigOf();
    const { listener, port } = await rig.server.listening();
    const before = rig.slotsInUse[1];
    fake.control(`hold ${stage}`);
    const near = rig.client.connecting(port);
    if (stage === 'response') await rig.server.accepted(listener);
    else await rig.harness.settle();
    rig.harness.close(near.socket);
    expect(rig.harness.closedHandles).toContain(near.handle);
    expect(rig.slotsInUse[1]).toBe(before);
    fake.control(`release ${stage}`);
    await rig.harness.settle();
    expect(near.connects).toEqual([]);
    // Who was accepted already sees it end.
    const next = rig.client.connecting(port);
    await rig.server.accepted(listener).catch(() => rig.server.accepted(listener));
    await rig.harness.until('the next connect', () => next.connects.length > 0);
  },
);

it('[WSD-3.5] a host that does not answer costs one connect its timeout, and others nothing for a while', async () => {
  fake.control('silent 127.0.0.9');
  const rig = await rigOf({}, { connectTimeoutMs: 200 });
  // It is down, or it is up and has no RDMA.
  for (const [address, reason] of [
    ['127.0.0.9', 'no-route'],
    ['127.0.0.8', 'host-silent'],
  ] as const) {
    if (reason === 'host-silent') fake.control('hold request');
    const first = await connectOutcome(rig.client, address, 80);
    expect(first).toMatchObject({ code: WSAETIMEDOUT, reason: expect.stringContaining(reason) });
    expect(first.tookMs).toBeGreaterThan(150);
    expect(first.tookMs).toBeLessThan(1_000);
    const again = await connectOutcome(rig.client, address, 81);
    expect(again).toMatchObject({ code: WSAETIMEDOUT, reason: `${reason}: met before` });
    expect(again.tookMs).toBeLessThan(100);
  }
});

it('[WSD-3.4] [WSD-3.5] where nobody listens TCP/IP may try at once; the next connect does not even ask', async () => {
  const rig = await rigOf();
  expect(await connectOutcome(rig.client, '127.0.0.1', 9)).toMatchObject({ code: WSAETIMEDOUT, reason: 'no-listener' });
  fake.control('reset');
  expect(await connectOutcome(rig.client, '127.0.0.1', 9)).toMatchObject({
    code: WSAETIMEDOUT,
    reason: 'no-listener: met before',
  });
  expect(fake.control('calls rdma_resolve_addr')).toBe(0);
});

it('[WSD-4.1] it listens only where the configuration says, and says so', async () => {
  for (const [listen, isAllowed] of [
    [[], false],
    [['127.0.0.2'], false],
    [['127.0.0.1'], true],
    ['all', true],
  ] as const) {
    const rig = new Rig(verbs({ listen }));
    await rig.start();
    const { socket } = rig.bound(61_500);
    if (isAllowed) expect(rig.harness.spi.WSPListen(socket, 8)).toBe(NO_ERROR);
    else {
      expect(() => rig.harness.spi.WSPListen(socket, 8)).toThrow(WsaError);
      expect(() => rig.harness.spi.WSPListen(socket, 8)).toThrow(/'listen' names no RDMA address/);
      try {
        rig.harness.spi.WSPListen(socket, 8);
      } catch (error) {
        expect((error as WsaError).wsaCode).toBe(WSAEADDRNOTAVAIL);
      }
    }
    await rig.stop();
  }
});

it('a device that is not among the allowed ones serves nothing', async () => {
  const rig = new Rig(verbs({ devices: ['mlx5_0'] }));
  await expect(rig.start()).rejects.toThrow('no RDMA device may be used: fake0');
});

it('[WSD-1.4] a device that came later and can not read what the first ones can is left to TCP/IP', async () => {
  const rig = await rigOf();
  fake.control('device late0 lo 10.5.0.1/32');
  fake.control('without read late0');
  const outcome = await connectOutcome(rig.client, '10.5.0.1', 7_000, '10.5.0.1');
  expect(outcome).toMatchObject({ code: WSAETIMEDOUT, reason: "device-came-late: late0 can't read remote memory" });
  fake.control('remove late0');
});

it('[WSD-7.2] a message that was sent before the close arrives, though the network is slow; the linger is bounded', async () => {
  const rig = await rigOf();
  const { near, far } = await rig.connected();
  fake.control('hold data');
  const send = rig.harness.send(near, text('last words')) as Operation;
  rig.harness.close(near.socket);
  expect(rig.harness.closedHandles).toContain(near.handle);
  expect(send).toMatchObject({ completions: 1, error: 995 });
  await delay(300);
  fake.control('release data');
  const receive = rig.server.harness.receive(far);
  await rig.server.harness.done(receive);
  expect(receive.data.toString()).toBe('last words');
  const end = rig.server.harness.receive(far);
  await rig.server.harness.done(end);
  expect(end.error).toBe(WSAECONNRESET);
});

it('[WSD-7.2] a peer that takes nothing is waited for two seconds, and one more for its answer', async () => {
  const rig = await rigOf();
  const { near } = await rig.connected();
  fake.control('hold data');
  rig.harness.send(near, text('unheard'));
  rig.harness.close(near.socket);
  const beganMs = performance.now();
  const [, client] = rig.providers;
  await rig.harness.until('the end of the linger', () => client.lingering.size === 0);
  expect(performance.now() - beganMs).toBeLessThan(3_500);
});

it('[WSD-7.3] a path that dies under a send is an error within three seconds, for sends and receives', async () => {
  const rig = await rigOf();
  const { near } = await rig.connected();
  const receive = rig.harness.receive(near);
  fake.control('cut');
  const beganMs = performance.now();
  // What is small is copied as it is sent, and so at its end.
  const copied = rig.harness.send(near, text('into the void')) as Operation;
  const send = rig.harness.send(near, text('into the void'.repeat(100))) as Operation;
  await rig.harness.done(copied, send, receive);
  expect(performance.now() - beganMs).toBeLessThan(3_000);
  expect([copied.error, send.error, receive.error]).toEqual([NO_ERROR, WSAETIMEDOUT, WSAETIMEDOUT]);
  await rig.harness.until('FD_CLOSE', () => near.closes.length > 0);
  expect(rig.harness.send(near, text('x'))).toBe(WSAECONNRESET);
});

it('[WSD-2.6] with SO_KEEPALIVE an idle connection notices that the peer is gone; without it does not', async () => {
  const rig = await rigOf();
  const probed = await rig.connected();
  const silent = await rig.connected();
  const set = (value: unknown) => rig.harness.spi.WSPSetSockOpt(probed.near.socket, 0xffff, 0x0008, value);
  expect(set({ idleMs: 'soon' })).not.toBe(NO_ERROR);
  expect(set({ idleMs: 100 })).toBe(NO_ERROR);
  const receive = rig.harness.receive(probed.near);
  await delay(400);
  // The peer's device answers, and its processor hears nothing of it.
  expect(receive.completions).toBe(0);
  fake.control('cut');
  await rig.harness.done(receive);
  expect(receive.error).toBe(WSAETIMEDOUT);
  await rig.harness.until('FD_CLOSE', () => probed.near.closes.length > 0);
  expect(silent.near.closes).toEqual([]);
  expect(set(false)).toBe(NO_ERROR);
});

it('[WSD-2.6] a keep-alive that is taken back probes no more', async () => {
  const rig = await rigOf();
  const { near } = await rig.connected();
  rig.harness.spi.WSPSetSockOpt(near.socket, 0xffff, 0x0008, { idleMs: 50 });
  rig.harness.spi.WSPSetSockOpt(near.socket, 0xffff, 0x0008, false);
  fake.control('cut');
  await delay(300);
  expect(near.closes).toEqual([]);
});

it('[WSD-3.4] no memory to lock: the connect fails before anything stands, and works when there is some', async () => {
  const rig = await rigOf();
  const { listener, port } = await rig.server.listening();
  fake.control('memlock 0');
  expect(await connectOutcome(rig.client, '127.0.0.1', port)).toMatchObject({
    code: WSAETIMEDOUT,
    reason: "out-of-resources: memory for messages can't be registered (ENOMEM)",
  });
  fake.control('memlock -1');
  const near = rig.client.connecting(port);
  await rig.server.accepted(listener);
  await rig.harness.until('the connect', () => near.connects.length > 0);
  expect(near.connects).toEqual([NO_ERROR]);
});

it('[WSD-5.5] a burst of sends in one turn has few completions, and each send is told once', async () => {
  const rig = await rigOf();
  const { near, far } = await rig.connected();
  const { native } = rig.providers[1].engine;
  const before = native.stats();
  const sends = Array.from({ length: 30 }, (_, i) => rig.harness.send(near, text(`message ${i}`)) as Operation);
  await rig.harness.done(...sends);
  expect(sends.every(({ error, completions }) => error === NO_ERROR && completions === 1)).toBe(true);
  const { completions, posted } = native.stats();
  expect(posted - before.posted).toBe(30);
  // The first goes at once, the rest together; at least every sixteenth.
  expect(completions - before.completions).toBeLessThanOrEqual(4);
  for (let i = 0; i < 30; i++) {
    const receive = rig.server.harness.receive(far);
    await rig.server.harness.done(receive);
    expect(receive.data.toString()).toBe(`message ${i}`);
  }
});

it('[WSD-5.8] messages for which there is no slot wait for one, in order', async () => {
  const rig = await rigOf();
  const { near, far } = await rig.connected();
  const { engine } = rig.providers[1];
  const taken: number[] = [];
  while (engine.arena.free > 0) taken.push(engine.arena.take());
  const sends = Array.from({ length: 5 }, (_, i) => rig.harness.send(near, text(`message ${i}`)) as Operation);
  expect(sends.every((send) => send instanceof Operation)).toBe(true);
  await rig.harness.settle();
  expect(sends.map(({ completions }) => completions)).toEqual([0, 0, 0, 0, 0]);
  engine.arena.give(taken.pop() as number);
  // Whatever happens next.
  engine.runLater({ runDue() {} });
  for (let i = 0; i < 5; i++) {
    const receive = rig.server.harness.receive(far);
    await rig.server.harness.done(receive);
    expect(receive.data.toString()).toBe(`message ${i}`);
  }
  await rig.harness.done(...sends);
  for (const slot of taken) engine.arena.give(slot);
});

it('200 connections one after the other leave no slot, queue pair or region behind', async () => {
  const rig = await rigOf();
  const { listener, port } = await rig.server.listening();
  const baseline = rig.slotsInUse;
  for (let i = 0; i < 200; i++) {
    const near = rig.client.connecting(port);
    const far = await rig.server.accepted(listener);
    await rig.harness.until('the connect', () => near.connects.length > 0);
    rig.harness.send(near, text('x'));
    rig.harness.close(near.socket);
    rig.server.harness.close(far.socket);
  }
  const [server, client] = rig.providers;
  await rig.harness.until('the last words', () => server.lingering.size + client.lingering.size === 0);
  expect(rig.slotsInUse).toEqual(baseline);
  expect(fake.control('live qp')).toBe(0);
});

it('a socket that is not connected can do nothing', async () => {
  const rig = await rigOf();
  const { socket } = rig.harness.socket();
  const { spi } = rig.harness;
  expect(spi.WSPRecv(socket, [], 0, new Operation(rig.harness))).toBe(WSAENOTCONN);
  expect(spi.WSPSend(socket, [{ bytes: text('x'), offset: 0, length: 1 }], 1, new Operation(rig.harness))).toBe(
    WSAENOTCONN,
  );
});
