/** Small messages, which the device copies as they are posted: at their end at once, with hardly a completion. */
import { AF_INET, NO_ERROR, SIO_OWNER_KEY, WSAETIMEDOUT } from 'sanswitch/spi';
import { afterEach, expect, it } from 'vitest';
import { type Endpoint, type Harness, Operation } from '../conformance/harness.js';
import { useFakeVerbs } from '../fixtures/fake-verbs.js';
import { ProviderRig } from './provider-rig.js';

const fake = await useFakeVerbs();
const started: ProviderRig[] = [];

async function rigOf(): Promise<ProviderRig> {
  const rig = await ProviderRig.start();
  started.push(rig);
  return rig;
}

afterEach(async () => {
  fake.control('mend');
  fake.control('release data');
  fake.control('reset');
  for (const rig of started.splice(0)) await rig.stop();
  for (const kind of ['qp', 'mr', 'id', 'cq']) expect([kind, fake.control(`live ${kind}`)]).toEqual([kind, 0]);
});

function send(harness: Harness, endpoint: Endpoint, bytes: number): Operation {
  const operation = harness.send(endpoint, new Uint8Array(bytes).fill(bytes));
  expect(operation).toBeInstanceOf(Operation);
  return operation as Operation;
}

/** Sends one message after the other, each when the one before has arrived. */
async function sendOneByOne(rig: ProviderRig, from: Endpoint, to: Endpoint, count: number): Promise<Operation[]> {
  const sends: Operation[] = [];
  for (let i = 1; i <= count; i++) {
    const receive = rig.server.harness.receive(to);
    sends.push(send(rig.harness, from, i));
    await rig.server.harness.done(receive);
    expect(receive.data.length).toBe(i);
  }
  return sends;
}

it('[WSD-5.5] of messages sent one by one every sixteenth has a completion; each send is told once, and its slot is free', async () => {
  const rig = await rigOf();
  const { near, far } = await rig.connected();
  const { native } = rig.providers[1].engine;
  const before = { slots: rig.slotsInUse, completions: native.stats().completions };
  const sends = await sendOneByOne(rig, near, far, 48);
  await rig.harness.done(...sends);
  expect(sends.map(({ error, completions, bytesMoved }) => [error, completions, bytesMoved])).toEqual(
    sends.map((_, i) => [NO_ERROR, 1, i + 1]),
  );
  expect(rig.slotsInUse).toEqual(before.slots);
  expect(native.stats().completions - before.completions).toBe(3);
});

it('[WSD-5.5] a message that the device does not copy is at its end when the peer has it', async () => {
  const rig = await rigOf();
  const { near, far } = await rig.connected();
  fake.control('hold data');
  const [small, large] = [send(rig.harness, near, 220), send(rig.harness, near, 221)];
  await rig.harness.done(small);
  await rig.harness.settle();
  expect([small.completions, large.completions]).toEqual([1, 0]);
  fake.control('release data');
  for (const bytes of [220, 221]) {
    const receive = rig.server.harness.receive(far);
    await rig.server.harness.done(receive);
    expect(receive.data.length).toBe(bytes);
  }
  await rig.harness.done(large);
});

it('[WSD-7.2] who closes at once after such a message waits until it has arrived', async () => {
  const rig = await rigOf();
  const { near, far } = await rig.connected();
  const receive = rig.server.harness.receive(far);
  fake.control('hold data');
  const sent = send(rig.harness, near, 10);
  await rig.harness.done(sent);
  rig.harness.close(near.socket);
  await rig.harness.settle();
  expect(rig.providers[1].lingering.size).toBe(1);
  fake.control('release data');
  await rig.server.harness.done(receive);
  expect(receive.data.length).toBe(10);
  await rig.harness.until('the last word', () => rig.providers[1].lingering.size === 0);
});

it('[WSD-8.1] a message that is lost on the way ends the connection, though another owner has it by then', async () => {
  const rig = await rigOf();
  const { near } = await rig.connected();
  const { spi } = rig.harness;
  const asking = spi.WSPSocket(AF_INET, 1, 6);
  const key = spi.WSPIoctl(asking, SIO_OWNER_KEY);
  spi.WSPCloseSocket(asking);
  fake.control('hold data');
  await rig.harness.done(send(rig.harness, near, 10));
  const context = structuredClone(spi.WSPDuplicateSocket(near.socket, key as never));
  rig.harness.close(near.socket);
  const next = rig.harness.socket(4, context);
  rig.harness.watch(next);
  await rig.harness.until('the new owner', () => next.connects.length > 0);
  const receive = rig.harness.receive(next);
  fake.control('cut');
  fake.control('release data');
  await rig.harness.done(receive);
  expect(receive.error).toBe(WSAETIMEDOUT);
  await rig.harness.until('FD_CLOSE', () => next.closes.length > 0);
});
