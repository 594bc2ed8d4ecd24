/**
 * What can go wrong with one actor or its worker (throw, reject, exit, out of memory, terminate), at what moment (idle, under
 * load, in a move, before or after it has left), over which provider: who notices, and that nobody else does.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createRuntime, type Runtime, type RuntimeListener } from 'sanswitch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Grief } from '../fixtures/actors/roamer.js';
import { workerOf } from './carriers.js';
import { places } from './places.js';
import { RoamerPeer, type RoamerRef, roamer } from './roamers.js';
import { moduleUrl, until } from './runtimes.js';

/** After this a move has come to where its actor dawdles. */
const MOVING_MS = 200;
/** Small enough that it is full soon. */
const SMALL = { maxOldGenerationSizeMb: 48 };

const TROUBLES = ['throw', 'reject', 'exit', 'out-of-memory', 'terminate'] as const;
const MOMENTS = ['idle', 'under load', 'in a move, here', 'in a move, there'] as const;
const MATRIX = TROUBLES.flatMap((trouble) => MOMENTS.map((moment) => [trouble, moment] as const));
type Trouble = (typeof TROUBLES)[number];
type Moment = (typeof MOMENTS)[number];

describe.each(places)('over $name', (place) => {
  const connections = place.isSlow ? 6 : 10;
  /**
   * How long others' traffic may stand still on a machine that is busy with other things, whose turn it is for up to 200 ms; alone
   * it is 10 ms. Whatever waits for a death in vain waits for seconds.
   */
  const pauseMax_ms = place.isSlow ? 5_000 : 1_000;
  let runtime: Runtime;
  let listener: RuntimeListener;
  let peer: RoamerPeer;

  beforeAll(async () => {
    runtime = await createRuntime({
      workers: 2,
      resourceLimits: SMALL,
      workerRestarts: { max: 100 },
      ...place.options,
    });
    listener = await runtime.listen({ host: place.host, actor: moduleUrl('roamer'), placement: 'round-robin' });
    peer = new RoamerPeer(listener, place);
  });
  afterAll(async () => {
    peer.kill();
    await runtime.close();
  });

  const deaths = async () => (await runtime.stats()).workers.map((worker) => worker.deaths);

  it.each(MATRIX)('%s, %s', { timeout: 60_000 }, async (trouble, moment) => {
    const prefix = `${trouble}-${MOMENTS.indexOf(moment)}`;
    const deathsBefore = await deaths();
    await peer.connect(connections, moment !== 'idle', prefix);
    const refs = Array.from({ length: connections }, (_, i) => roamer(runtime, i, prefix));
    const home = workerOf(refs[0] as RoamerRef);
    const doomed = moment === 'in a move, there' ? 1 - home : home;
    const dies = trouble !== 'throw' && trouble !== 'reject';
    const moving = await strike(runtime, refs[0] as RoamerRef, trouble, moment);

    const lost = dies ? refs.flatMap((ref, number) => (workerOf(ref) === doomed ? [number] : [])) : [];
    await until('all of its peers know', () => peer.ended.size >= lost.length);
    if (moving !== null) expect(await moving.outcome).toMatchObject(reasonOf(trouble, moment));
    // Those that are left are as well as ever, the victim too if its worker lives.
    expect(await peer.ping()).toMatchObject({ answered: connections - lost.length, wrong: 0 });
    expect(peer.ended).toEqual(new Map(lost.map((number) => [number, 'ECONNRESET'])));
    await until('the accounts are right', () => listener.connections === connections - lost.length);
    if (!dies) return expect(await deaths()).toEqual(deathsBefore);
    expect((await peer.ping()).longest_ms).toBeLessThan(pauseMax_ms);
    let tries = 0;
    await until('the worker is back', async () => {
      await peer.connect(2, false, `another-${prefix}-${++tries}`);
      return new Set(peer.threads).size === 2;
    });
    await until('all others have left', () => listener.connections === 2);
  });
});

/** Does it to the victim. @returns what becomes of its move; null: it does not move */
async function strike(
  runtime: Runtime,
  victim: RoamerRef,
  trouble: Trouble,
  moment: Moment,
): Promise<{ outcome: Promise<unknown> } | null> {
  const home = workerOf(victim);
  const grief: Grief = trouble === 'terminate' ? 'dawdle' : trouble;
  const isMove = moment.startsWith('in a move');
  let outcome: Promise<unknown> | null = null;
  if (isMove) {
    victim.tell({ do: 'prepare', grief, where: moment === 'in a move, here' ? 'here' : 'there' });
    outcome = runtime.migrate(victim, 1 - home).then(
      () => null,
      (error: unknown) => error,
    );
    if (trouble === 'terminate') await sleep(MOVING_MS);
  } else if (trouble !== 'terminate') {
    victim.tell({ do: 'fall', grief });
  }
  if (trouble === 'terminate') runtime.terminateWorker(moment === 'in a move, there' ? 1 - home : home);
  return outcome === null ? null : { outcome };
}

/** Why the victim did not move. */
function reasonOf(trouble: string, moment: string): object {
  if (trouble !== 'throw' && trouble !== 'reject') return { code: 'ERR_SANSWITCH_WORKER_DIED' };
  const told = { message: trouble === 'throw' ? 'as told' : 'as told, later' };
  return moment === 'in a move, there' ? told : { code: 'ERR_SANSWITCH_ACTOR_STOPPED', cause: told };
}
