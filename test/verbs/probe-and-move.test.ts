/** A change of owner (rule 8.1) while the peer's device has not answered a keep-alive probe: over the fake libraries. */
import { setTimeout as delay } from 'node:timers/promises';
import { NO_ERROR, type OwnerKey, SO_KEEPALIVE, SOL_SOCKET, WSAETIMEDOUT } from 'sanswitch/spi';
import { describe, expect, it } from 'vitest';
import { ownerKey } from '#src/providers/verbs/move.js';
import type { Endpoint, Harness, Operation } from '../conformance/harness.js';
import { Rig } from '../conformance/rig.js';
import { verbs as subject } from '../conformance/verbs-subject.js';
import { afterwards } from '../switch/helpers.js';
import { fakeLibraries } from './fake-libraries.js';
import { ProviderRig } from './provider-rig.js';

const verbs = await fakeLibraries();
const IDLE_MS = 20;

/** A connection, of which `near` asks whether the peer is there, and somebody who can take it over. */
async function world(): Promise<{ rig: ProviderRig; near: Endpoint; far: Endpoint; third: Harness }> {
  const rig = await ProviderRig.start();
  const third = new Rig(subject());
  await third.start();
  afterwards(async () => {
    await third.stop();
    await rig.stop();
    expect(third.harness.breaches).toEqual([]);
  });
  const { near, far } = await rig.connected();
  const keepAlive = { idleMs: IDLE_MS };
  expect(rig.harness.spi.WSPSetSockOpt(near.socket, SOL_SOCKET, SO_KEEPALIVE, keepAlive)).toBe(NO_ERROR);
  return { rig, near, far, third: third.harness };
}

/** Waits until a probe is under way, and sees that it stays the only one. */
async function probed({ harness }: ProviderRig): Promise<void> {
  const posts = () => verbs.control('calls ibv_post_send');
  const before = posts();
  await harness.until('a probe', () => posts() > before);
  await delay(5 * IDLE_MS);
  expect(posts()).toBe(before + 1);
}

/** The new owner's socket. */
async function move({ harness }: ProviderRig, near: Endpoint, third: Harness): Promise<Endpoint> {
  const context = structuredClone(harness.spi.WSPDuplicateSocket(near.socket, ownerKey() as OwnerKey));
  harness.close(near.socket);
  const taken = third.socket(4, context);
  third.watch(taken);
  await third.until('FD_CONNECT', () => taken.connects.length > 0);
  expect(taken.connects).toEqual([NO_ERROR]);
  return taken;
}

async function arrives(from: Harness, sender: Endpoint, to: Harness, receiver: Endpoint): Promise<void> {
  const received = to.receive(receiver);
  const sent = from.send(sender, new TextEncoder().encode('word')) as Operation;
  await Promise.all([from.done(sent), to.done(received)]);
  expect([sent.error, `${received.data}`]).toEqual([NO_ERROR, 'word']);
}

describe('[WSD-8.1] a connection whose peer has not answered a probe yet', () => {
  it("changes its owner, and the answer, which comes later, is nobody's", async () => {
    const { rig, near, far, third } = await world();
    verbs.control('hold data');
    await probed(rig);
    const taken = await move(rig, near, third);
    verbs.control('release data');
    await arrives(third, taken, rig.server.harness, far);
    await arrives(rig.server.harness, far, third, taken);
    expect([taken.closes, far.closes]).toEqual([[], []]);
  });

  it('changes its owner, who hears of it when there is no answer', async () => {
    const { rig, near, third } = await world();
    verbs.control('cut');
    await probed(rig);
    const taken = await move(rig, near, third);
    const receive = third.receive(taken);
    await third.done(receive);
    expect(receive.error).toBe(WSAETIMEDOUT);
    verbs.control('mend');
  });

  it('closes in time', async () => {
    const { rig, near, far } = await world();
    verbs.control('hold data');
    await probed(rig);
    rig.harness.close(near.socket);
    verbs.control('release data');
    await rig.server.harness.until('FD_CLOSE', () => far.closes.length > 0);
    await rig.harness.until('the end of the linger', () => rig.providers[1].lingering.size === 0);
  });
});
