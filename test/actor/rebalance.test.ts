/** Socket actors that are moved from a busy worker to an idle one. */
import { expect, it } from 'vitest';
import { choose } from '#src/actor/runtime/rebalancer.js';
import { tcpPlace } from './places.js';
import { RoamerPeer } from './roamers.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

it('chooses the busiest that fit, and nobody whose load alone would turn the scales', () => {
  const actors = [5, 60, 20, 10, 5, 0].map((bytes, i) => ({ address: `${i}`, bytes }));
  expect(choose(actors, 0.5)).toEqual(['2', '3', '0', '4']);
  expect(choose(actors, 0.25)).toEqual(['2', '0']);
  expect(choose(actors, 0.7)).toEqual(['1', '3']);
  expect(choose(actors, 0.01)).toEqual([]);
  expect(choose([{ address: 'a', bytes: 0 }], 0.5)).toEqual([]);
  expect(choose([], 0.5)).toEqual([]);
  const many = Array.from({ length: 100 }, (_, i) => ({ address: `${i}`, bytes: 1 }));
  expect(choose(many, 0.5)).toHaveLength(8);
});

/** What one request costs: enough that a worker with all of them has no rest. */
const WORK = { effort_ms: 0.3 };
const ROUND = { everyMs: 200, ratio: 0.2 };
/** No difference of a busy machine's making. */
const HALF = { everyMs: 200, ratio: 0.5 };

it('moves actors of a busy worker to an idle one, a few at a time, and then rests', { timeout: 60_000 }, async () => {
  const runtime = await runtimeOf({ providers: ['tcp'], rebalance: ROUND });
  const listener = await runtime.listen({
    host: '127.0.0.1',
    actor: moduleUrl('roamer'),
    args: WORK,
    placement: () => 0,
  });
  const peer = await RoamerPeer.start(listener, tcpPlace, 12, true);
  expect(new Set(peer.threads).size).toBe(1);
  const actorsOf = async () => (await runtime.stats()).workers.map(({ host }) => host?.actors ?? 0);
  await until('some have moved', async () => ((await actorsOf())[1] ?? 0) >= 3, 30_000);
  expect((await actorsOf())[0]).toBeGreaterThan(0);
  expect(await peer.ping()).toMatchObject({ answered: 12, wrong: 0 });
  expect(peer.ended.size).toBe(0);
  const { rebalance } = await runtime.stats();
  expect(rebalance).toMatchObject({ failures: 0 });
  expect(rebalance?.moves).toBeGreaterThanOrEqual(3);
  expect(rebalance?.moves).toBeLessThan(40);
});

it('moves nobody where both have the same to do, nor where it was not asked to', { timeout: 30_000 }, async () => {
  for (const rebalance of [HALF, undefined]) {
    const runtime = await runtimeOf({ providers: ['tcp'], rebalance });
    const listener = await runtime.listen({
      host: '127.0.0.1',
      actor: moduleUrl('roamer'),
      args: WORK,
      placement: rebalance === undefined ? () => 0 : 'round-robin',
    });
    await RoamerPeer.start(listener, tcpPlace, 8, true, `peer-${rebalance === undefined}`);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const stats = await runtime.stats();
    expect(stats.workers.map(({ host }) => host?.departed)).toEqual([0, 0]);
    expect(stats.rebalance?.moves ?? null).toBe(rebalance === undefined ? null : 0);
    await runtime.close();
  }
});
