/** A day in the life of actors that own no sockets: they are spawned, talk, fail, wait in vain, die and end. */
import { type ActorRef, AskTimeoutError, defineActor, type Runtime } from 'sanswitch';
import type Hand from '../fixtures/actors/hand.js';
import type { Order } from '../fixtures/actors/hand.js';
import type Nomad from '../fixtures/actors/nomad.js';
import type { NomadReport } from '../fixtures/actors/nomad.js';
import type { Random } from '../simulation/random.js';
import { until } from './until.js';

const HAND = new URL('../fixtures/actors/hand.js', import.meta.url);
const NOMAD = new URL('../fixtures/actors/nomad.js', import.meta.url);
const HANDS = 24;
const ADDS = 500;
const MOVES = 4;

function spawnHands(runtime: Runtime, day: number): Promise<ActorRef<Order>[]> {
  const spawn = (i: number) =>
    runtime.spawn<typeof Hand>(HAND, { label: `hand ${i}` }, { worker: i % 2, name: `hand ${day}.${i}` });
  return Promise.all(Array.from({ length: HANDS }, (_, i) => spawn(i)));
}

const countOf = (hand: ActorRef<Order>) => hand.ask<number>((replyTo) => ({ do: 'count', replyTo }));

/** Each tells its neighbour, which lives on the other worker. */
async function talk(hands: readonly ActorRef<Order>[]): Promise<void> {
  for (const [i, hand] of hands.entries()) {
    hand.tell({ do: 'forward', to: hands[(i + 1) % hands.length] as ActorRef<Order>, times: ADDS });
  }
  await until('every message has arrived', async () => {
    const counts = await Promise.all(hands.map(countOf));
    return counts.every((count) => count === ADDS);
  });
}

/** One fails and starts afresh, one is asked for what it does not answer, and large things travel. */
async function stumble(hands: readonly ActorRef<Order>[], random: Random): Promise<void> {
  const one = hands[random.below(HANDS)] as ActorRef<Order>;
  one.tell({ do: random.chance(50) ? 'throw' : 'reject' });
  await until('it has started afresh', async () => (await countOf(one)) === 0);
  const unanswered = one.ask(() => ({ do: 'add' }), { timeoutMs: 1 + random.below(20) });
  const failure = await unanswered.catch((error: unknown) => error);
  if (!(failure instanceof AskTimeoutError)) throw new Error(`asked in vain: ${failure}`);
  const value = new Uint8Array(1 + random.below(300_000)).fill(random.below(256));
  const back = await one.ask((replyTo) => ({ do: 'echo', value, replyTo }));
  if (Buffer.compare(back as Uint8Array, value) !== 0) throw new Error('an echo differs');
}

/** Actors of this thread: timers, a router, children that end with their parent. */
async function playAtHome(runtime: Runtime, hands: readonly ActorRef<Order>[]): Promise<void> {
  let ticks = 0;
  let ended = 0;
  const child = defineActor<number, void>(() => () => {});
  const parent = await runtime.spawn(
    defineActor<'tick', void>((_, context) => ({
      started() {
        context.timers.every('tick', 1, 'tick');
        for (let i = 0; i < 10; i++) context.watch(context.spawn(child, undefined));
      },
      receive() {
        ticks++;
      },
    })),
    undefined,
  );
  runtime.watch(parent, () => {
    ended++;
  });
  const before = await countOf(hands[0] as ActorRef<Order>);
  const router = runtime.router('broadcast', hands);
  router.tell({ do: 'add' });
  await until('the timer has run', () => ticks >= 3);
  await until('the router has told', async () => (await countOf(hands[0] as ActorRef<Order>)) === before + 1);
  router.close();
  runtime.stop(parent);
  await until('its end is told', () => ended === 1);
}

/** One goes from worker to worker while it is told things. */
async function wander(runtime: Runtime): Promise<void> {
  const nomad = await runtime.spawn<typeof Nomad>(NOMAD, { label: 'nomad' }, { worker: 0 });
  let number = 0;
  let ended = 0;
  runtime.watch(nomad, () => {
    ended++;
  });
  for (let move = 1; move <= MOVES; move++) {
    const moving = runtime.migrate(nomad, move % 2);
    for (let i = 0; i < 100; i++) nomad.tell({ do: 'number', teller: 'main', number: ++number });
    await moving;
  }
  const { gaps, last } = await nomad.ask<NomadReport>((replyTo) => ({ do: 'report', replyTo }));
  if (gaps.length > 0 || last.get('main') !== number) throw new Error(`a nomad has heard ${last.get('main')}, ${gaps}`);
  runtime.stop(nomad);
  await until('the end of the nomad is told', () => ended === 1);
}

/** All that happens in one day. Leaves nothing behind. @throws Error saying what went wrong */
export async function liveADay(runtime: Runtime, day: number, random: Random): Promise<void> {
  const hands = await spawnHands(runtime, day);
  let ended = 0;
  for (const hand of hands) {
    runtime.watch(hand, () => {
      ended++;
    });
  }
  await talk(hands);
  await stumble(hands, random);
  await playAtHome(runtime, hands);
  await wander(runtime);
  for (const hand of hands) runtime.stop(hand);
  await until('every end is told', () => ended === HANDS);
  if (runtime.lookup(`hand ${day}.0`) !== undefined) throw new Error('a dead actor has kept its name');
}

/** A worker dies with its actors, and comes back. */
export async function dieOnce(runtime: Runtime, worker: number, random: Random): Promise<void> {
  const deathsOf = async () => (await runtime.stats()).workers[worker]?.deaths ?? 0;
  const before = await deathsOf();
  const victim = await runtime.spawn<typeof Hand>(HAND, { label: 'victim' }, { worker });
  let reason = '';
  runtime.watch(victim, (_address, why) => {
    reason = why;
  });
  if (random.chance(50)) victim.tell({ do: 'exit' });
  else runtime.terminateWorker(worker);
  await until('its death is told', () => reason === 'worker-died');
  await until('the worker is back', async () => {
    const { deaths, state } = (await runtime.stats()).workers[worker] ?? {};
    return deaths === before + 1 && state === 'up';
  });
}
