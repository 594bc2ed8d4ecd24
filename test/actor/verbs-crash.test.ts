/**
 * The crash matrix over verbs with the peers in this process, where the fake libraries are. Where there is a device,
 * crash-matrix.test.ts has it between processes.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSwitch } from 'sanswitch';
import { expect, it } from 'vitest';
import type { Grief } from '../fixtures/actors/roamer.js';
import { fakeVerbs, verbsEntry, verbsHost } from '../fixtures/verbs-place.js';
import { afterwards } from '../switch/helpers.js';
import { workerOf } from './carriers.js';
import { Echo } from './echoes.js';
import type { RoamerRef } from './roamers.js';
import { portOf } from './runtime-clients.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

const CONNECTIONS = 6;
/** After this a move has come to where its actor dawdles. */
const MOVING_MS = 200;
const TROUBLES = ['throw', 'exit', 'terminate'] as const;
const MOMENTS = ['idle', 'under load', 'in a move, here', 'in a move, there'] as const;
const MATRIX = TROUBLES.flatMap((trouble) => MOMENTS.map((moment) => [trouble, moment] as const));

/** Keeps requests under way until the connection ends or it is told to stop. */
function press(echo: Echo): () => void {
  const timer = setInterval(() => echo.ended === undefined && echo.send(randomBytes(20_000).fill(64)), 2);
  return () => clearInterval(timer);
}

it.each(MATRIX)('%s, %s, over verbs', { timeout: 60_000 }, async (trouble, moment) => {
  const runtime = await runtimeOf({ providers: [verbsEntry] });
  const listener = await runtime.listen({ host: verbsHost, actor: moduleUrl('roamer'), placement: 'round-robin' });
  const sw = await createSwitch({ providers: [verbsEntry] });
  afterwards(() => sw.close());
  const connect = async () => new Echo(await sw.connect({ port: portOf(listener), host: verbsHost }));
  const echoes: Echo[] = [];
  const refs: RoamerRef[] = [];
  for (let i = 0; i < CONNECTIONS; i++) {
    const echo = await connect();
    await echo.name(`crash-${i}`);
    echoes.push(echo);
    refs.push(runtime.lookup(`crash-${i}`) as RoamerRef);
  }
  const stops = moment === 'idle' ? [] : echoes.map(press);
  const victim = refs[0] as RoamerRef;
  const home = workerOf(victim);
  const grief: Grief = trouble === 'terminate' ? 'dawdle' : trouble;
  const isMove = moment.startsWith('in a move');
  const doomed = moment === 'in a move, there' ? 1 - home : home;
  const dies = trouble !== 'throw';

  let moving: Promise<unknown> | null = null;
  if (isMove) {
    victim.tell({ do: 'prepare', grief, where: moment === 'in a move, here' ? 'here' : 'there' });
    moving = runtime.migrate(victim, 1 - home).catch((error: unknown) => error);
    if (trouble === 'terminate') await sleep(MOVING_MS);
  } else if (trouble !== 'terminate') victim.tell({ do: 'fall', grief });
  if (trouble === 'terminate') runtime.terminateWorker(doomed);

  const lost = dies ? echoes.filter((_, i) => workerOf(refs[i] as RoamerRef) === doomed) : [];
  await until('all of its peers know', () => lost.every(({ ended }) => ended !== undefined));
  for (const { ended } of lost) expect(ended?.code).toBe('ECONNRESET');
  if (moving !== null) expect(await moving).toBeInstanceOf(Error);
  for (const stop of stops) stop();
  const living = echoes.filter((echo) => !lost.includes(echo));
  for (const echo of living) echo.send(randomBytes(300_000).fill(64));
  await Promise.all(living.map((echo) => echo.answered()));
  await until('the accounts are right', () => listener.connections === living.length);
  if (dies) await until('the worker is back', async () => (await runtime.stats()).workers[doomed]?.state === 'up');
  const another = await connect();
  await another.name('another');
  for (const { socket } of [another, ...living]) await socket.close();
  await until('all have left', () => listener.connections === 0);
  if (fakeVerbs !== null) await until('no queue pair is left', () => fakeVerbs?.control('live qp') === 0);
});
