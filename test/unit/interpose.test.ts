import { NO_ERROR, type SanProvider, WSAENETDOWN, WSAENOBUFS, WsaError } from 'sanswitch/spi';
import { afterEach, expect, it } from 'vitest';
import { Delay } from '#src/providers/interpose/delay.js';
import { Failure } from '#src/providers/interpose/failure.js';
import { LostWake } from '#src/providers/interpose/lost-wake.js';
import { type Concern, interpose } from '#src/providers/interpose/provider.js';
import { Trace } from '#src/providers/interpose/trace.js';
import { LoopFabric } from '#src/providers/loop/fabric.js';
import type { LoopOptions } from '#src/providers/loop/options.js';
import { LoopProvider } from '#src/providers/loop/provider.js';
import type { Operation } from '../conformance/harness.js';
import { Rig } from '../conformance/rig.js';

const rigs: Rig[] = [];

async function rigOver(concerns: readonly Concern[], options: LoopOptions = {}): Promise<Rig> {
  const rig = new Rig({ provider: interpose(new LoopProvider({ fabric: new LoopFabric(), ...options }), ...concerns) });
  rigs.push(rig);
  await rig.start();
  return rig;
}

afterEach(async () => {
  for (const rig of rigs.splice(0)) {
    await rig.stop();
    expect(rig.harness.breaches).toEqual([]);
  }
});

it('[WSD-2.4] trace: WSPSocket, WPUCreateSocketHandle, return, in this order and in brief', async () => {
  const trace = new Trace();
  const rig = await rigOver([trace]);
  trace.entries.length = 0;
  const { socket, handle } = rig.bound();
  expect(trace.names()).toEqual([
    'WSPSocket',
    'WPUCreateSocketHandle',
    'WSPSocket',
    'WSPBind',
    'WSPBind',
    'WSPEventSelect',
    'WSPEventSelect',
  ]);
  expect(trace.toString().split('\n').slice(0, 5)).toEqual([
    '> WSPSocket(2, 1, 6)',
    `< WPUCreateSocketHandle(${socket})`,
    `  = WSPSocket(${socket})`,
    `> WSPBind(${socket}, 127.0.0.1:61000)`,
    '  = WSPBind(NO_ERROR)',
  ]);
  expect(handle).not.toBe(socket);
});

it('trace: extension functions, failures, events, and a limit', async () => {
  const trace = new Trace(40);
  const rig = await rigOver([trace], { maxRegistrations: 0 });
  const { near } = await rig.connected();
  trace.entries.length = 0;
  expect(() => rig.harness.extensions.WSPRegisterMemory!(near.socket, new Uint8Array(7), 1)).toThrow(WsaError);
  expect(trace.toString()).toBe(
    `> WSPRegisterMemory(${near.socket}, 7 bytes, 1)\n  = WSPRegisterMemory(throws WSAENOBUFS: no memory to register 7 bytes)`,
  );
  const heard: string[] = [];
  trace.listener = ({ name }) => heard.push(name);
  for (let i = 0; i < 30; i++) rig.harness.socket();
  expect(trace.entries).toHaveLength(40);
  expect(heard).toHaveLength(90);
  await rig.harness.settle();
});

it('a provider without WSPClaimMessageBuffer has none behind interpose either', () => {
  const provider = new LoopProvider() as SanProvider;
  provider.WSPClaimMessageBuffer = undefined;
  expect(interpose(provider).WSPClaimMessageBuffer).toBeUndefined();
  expect(interpose(new LoopProvider()).WSPClaimMessageBuffer).toBeTypeOf('function');
});

it('delay: completions wait for the scheduler, keep their order, and the last upcall stays the last', async () => {
  let waiting: (() => void)[] | null = null;
  const delay = new Delay((work) => (waiting === null ? void setImmediate(work) : void waiting.push(work)));
  const rig = await rigOver([delay], { poison: true });
  const { harness } = rig;
  const { near, far } = await rig.connected();
  waiting = [];
  const sends = ['a', 'b', 'c'].map((text) => harness.send(near, Buffer.from(text)) as Operation);
  const receives = [harness.receive(far), harness.receive(far), harness.receive(far)];
  await harness.settle();
  expect([...sends, ...receives].map(({ completions }) => completions)).toEqual([0, 0, 0, 0, 0, 0]);
  harness.close(near.socket);
  await harness.settle();
  expect(harness.closedHandles).not.toContain(near.handle);
  // The newest first: within a lane the order stays all the same.
  const order: Operation[] = [];
  while (waiting.length > 0) {
    (waiting as (() => void)[]).pop()!();
    for (const operation of [...sends, ...receives]) {
      if (operation.completions > 0 && !order.includes(operation)) order.push(operation);
    }
    await harness.settle();
  }
  expect(order.filter((operation) => sends.includes(operation))).toEqual(sends);
  expect(order.filter((operation) => receives.includes(operation))).toEqual(receives);
  expect(receives.map(({ data }) => data.toString())).toEqual(['a', 'b', 'c']);
  expect(harness.closedHandles).toContain(near.handle);
  waiting = null;
});

it('lost wake: the n-th event is not signalled, the others are', async () => {
  const lost = new LostWake(2);
  const rig = await rigOver([lost]);
  const { listener, port } = await rig.listening();
  const first = rig.connecting(port);
  await rig.harness.until('FD_ACCEPT', () => listener.acceptable === 1);
  await rig.accepted(listener);
  await rig.harness.settle();
  expect(lost.seen).toBe(2);
  expect(first.connects).toEqual([]); // FD_CONNECT was the second.
  rig.harness.watch(first); // An event that stands already is signalled.
  await rig.harness.until('the connect', () => first.connects.length > 0);
  expect(first.connects).toEqual([NO_ERROR]);
});

it('failure: the n-th call fails in its own shape, without reaching the provider', async () => {
  const status = new Failure({ calls: ['WSPBind'], nth: 2, count: 2, outcome: WSAENETDOWN });
  const value = new Failure({ calls: ['WSPSocket', 'WSPRegisterMemory'], nth: 6, outcome: WSAENOBUFS });
  const thrown = new Failure({ calls: ['WSPListen'], nth: 1, outcome: 'throw' });
  const trace = new Trace();
  const { harness } = await rigOver([status, value, thrown, trace]);
  const sockets = [harness.socket(), harness.socket(), harness.socket(), harness.socket()];
  const codes = sockets.map(({ socket }, i) =>
    harness.spi.WSPBind(socket, { family: 4, address: '127.0.0.1', port: 1 + i }),
  );
  expect(codes).toEqual([NO_ERROR, WSAENETDOWN, WSAENETDOWN, NO_ERROR]);
  expect(trace.names('down').filter((name) => name === 'WSPBind')).toHaveLength(2);
  expect(() => harness.extensions.WSPRegisterMemory!(sockets[0]!.socket, new Uint8Array(1), 1)).toThrow('WSAENOBUFS');
  expect(() => harness.spi.WSPListen(sockets[0]!.socket, 1)).toThrow('injected into WSPListen');
  expect([status.failed, value.failed, thrown.failed]).toEqual([2, 1, 1]);
});

it('concerns compose: the first is nearest to the switch', async () => {
  const near = new Trace();
  const far = new Trace();
  const failure = new Failure({ calls: ['WSPBind'], nth: 1, outcome: WSAENETDOWN });
  const { harness } = await rigOver([near, failure, far]);
  harness.spi.WSPBind(harness.socket().socket, { family: 4, address: '127.0.0.1', port: 1 });
  expect(near.names('down')).toContain('WSPBind');
  expect(far.names('down')).not.toContain('WSPBind');
});
