/** What a provider reads when addresses change must not hold the event loop of a busy server. */
import { type ServedSubnet, SIO_ADDRESS_LIST_QUERY } from 'sanswitch/spi';
import { afterEach, describe, expect, it } from 'vitest';
import { makeTree, networkDevice, rdmaDevice, UNUSED_GID } from '../doctor/sysfs-tree.js';
import { useFakeVerbs } from '../fixtures/fake-verbs.js';
import { ProviderRig } from './provider-rig.js';

await useFakeVerbs();

/** Measured: 1.8 ms, and the whole reading 74 ms, on a machine with other things to do. */
const HELD_MAX_MS = 18;

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Eight cards of two ports with 64 GIDs each, beside a hundred network devices; the first one's is the loopback. */
function bigTree(): string {
  const gids = Object.fromEntries(
    Array.from({ length: 64 }, (_, at) => [
      at,
      [`fe80:0000:0000:0000:0000:0000:0000:${1000 + at}`, 'RoCE v2'] as const,
    ]),
  );
  const cards = Array.from({ length: 8 }, (_, card) =>
    rdmaDevice(`mlx5_${card}`, [{ gids }, { gids: { ...gids, 200: [UNUSED_GID] } }], {
      [`device/net/${card === 0 ? 'lo' : `eth${card}`}/address`]: '',
    }),
  );
  const others = Array.from({ length: 100 }, (_, at) => networkDevice(`eth${at}`, '52:54:00:12:34:56'));
  const { root, remove } = makeTree(Object.assign({}, ...cards, ...others, networkDevice('lo', '00:00:00:00:00:00')));
  cleanUps.push(remove);
  return root;
}

/** How long the event loop stood still at a time, on average, while something was done, and how long that took. */
async function watchLoop(done: Promise<unknown>): Promise<{ heldMs: number; tookMs: number }> {
  let isDone = false;
  done.finally(() => {
    isDone = true;
  });
  const beganMs = performance.now();
  let turns = 0;
  while (!isDone) {
    await new Promise(setImmediate);
    turns += 1;
  }
  const tookMs = performance.now() - beganMs;
  return { heldMs: tookMs / turns, tookMs };
}

describe('[WSD-1.3] the addresses of a host with many cards', () => {
  it('are read while the event loop goes on', async () => {
    process.env.SANSWITCH_SYSFS = bigTree();
    cleanUps.push(() => delete process.env.SANSWITCH_SYSFS);
    const rig = await ProviderRig.start();
    cleanUps.push(() => rig.stop());
    const { spi } = rig.harness;
    const { socket } = rig.harness.socket();
    const ask = () => spi.WSPIoctl(socket, SIO_ADDRESS_LIST_QUERY) as Promise<ServedSubnet[]>;
    // The first answer is what the start has read.
    await ask();
    const tries = [];
    for (let count = 0; count < 5; count++) {
      const answer = ask();
      tries.push(await watchLoop(answer));
      expect((await answer).map(({ address }) => address)).toContain('127.0.0.1');
    }
    // A machine that does something else holds everybody: the best of some tries counts.
    tries.sort((a, b) => a.heldMs - b.heldMs);
    const [best] = tries as [{ heldMs: number; tookMs: number }];
    expect(best.tookMs).toBeGreaterThan(HELD_MAX_MS);
    expect(best.heldMs).toBeLessThan(HELD_MAX_MS);
  });
});
