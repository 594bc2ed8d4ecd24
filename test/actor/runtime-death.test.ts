/** A worker that dies, whatever of, takes its own actors down and nobody else's; it comes back. */
import { execFile } from 'node:child_process';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { promisify } from 'node:util';
import type { ActorRef, MessageOf, Runtime } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import { Reactor } from '#src/reactor/reactor.js';
import type Hand from '../fixtures/actors/hand.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

const HAND = moduleUrl('hand');
type HandRef = ActorRef<MessageOf<typeof Hand>>;

function hand(runtime: Runtime, worker: number, name?: string, supervision?: object): Promise<HandRef> {
  return runtime.spawn<typeof Hand>(HAND, { label: 'hand' }, { worker, name, supervision });
}

const count = (ref: HandRef) => ref.ask<number>((replyTo) => ({ do: 'count', replyTo }));

/** What a hand has counted when nothing comes any more. */
async function settled(ref: HandRef): Promise<number> {
  for (let last = Number.NaN; ; ) {
    const now = await count(ref);
    if (now === last) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Hands that tell each other, until told to stop. @returns stops them, and says how often they were told */
function traffic(from: HandRef, to: HandRef): () => Promise<void> {
  let isOver = false;
  const running = (async () => {
    while (!isOver) {
      from.tell({ do: 'forward', to, times: 100 });
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  return () => {
    isOver = true;
    return running;
  };
}

/** Small enough that it is full soon. */
const SMALL = { resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 } };

const WAYS: Readonly<Record<string, (runtime: Runtime, victim: HandRef) => void>> = {
  'process.exit in an actor': (_, victim) => victim.tell({ do: 'exit' }),
  'an uncaught exception': (_, victim) => victim.tell({ do: 'uncaught' }),
  'out of memory': (_, victim) => victim.tell({ do: 'out-of-memory' }),
  terminate: (runtime) => runtime.terminateWorker(1),
};

describe.each(Object.keys(WAYS))('%s', (way) => {
  it.each(['idle', 'under load'])(
    '%s',
    async (load) => {
      const runtime = await runtimeOf({ workers: 3, ...(way === 'out of memory' ? SMALL : {}) });
      const [watcher, victim, neighbour] = await Promise.all([hand(runtime, 0), hand(runtime, 1), hand(runtime, 2)]);
      await hand(runtime, 1, 'phoenix', { maxRestarts: 3 });
      const first = runtime.lookup('phoenix') as HandRef;
      const heard: string[] = [];
      const report = await runtime.spawn<string, undefined>(() => (text) => void heard.push(text), undefined);
      watcher.tell({ do: 'watch', other: victim, report });
      await until('it watches', () => heard.length === 1);
      const stops =
        load === 'idle' ? [] : [traffic(watcher, victim), traffic(neighbour, watcher), traffic(victim, watcher)];

      WAYS[way]?.(runtime, victim);

      await until('the watcher has heard', () => heard.length === 2);
      expect(heard[1]).toBe('terminated worker-died');
      await until('the worker is back', async () => (await runtime.stats()).workers[1]?.state === 'up');
      await until('the supervised actor is back', () => {
        const phoenix = runtime.lookup<never>('phoenix');
        return phoenix !== undefined && !phoenix.address.equals(first.address);
      });
      await Promise.all(stops.map((stop) => stop()));

      expect(victim.tell({ do: 'add' })).toBe('refused');
      expect(first.tell({ do: 'add' })).toBe('refused');
      expect(await count(runtime.lookup('phoenix') as HandRef)).toBe(0);
      // Those on other workers are as they were.
      // It has sent on whatever it was told to before it answers.
      await count(neighbour);
      const before = await settled(watcher);
      neighbour.tell({ do: 'forward', to: watcher, times: 10 });
      await until('told by a neighbour', async () => (await count(watcher)) === before + 10);
      // And the worker that has come back is joined with all others.
      const reborn = await hand(runtime, 1);
      reborn.tell({ do: 'forward', to: watcher, times: 10 });
      watcher.tell({ do: 'forward', to: reborn, times: 10 });
      await until('told by the reborn', async () => (await count(watcher)) === before + 20);
      await until('the reborn is told', async () => (await count(reborn)) === 10);
      expect((await runtime.stats()).workers.map(({ deaths }) => deaths)).toEqual([0, 1, 0]);
    },
    30_000,
  );
});

it('an ask to a worker that dies fails, and one that is spawned there fails too', async () => {
  const runtime = await runtimeOf();
  const victim = await hand(runtime, 1);
  victim.tell({ do: 'block', ms: 10_000 });
  const asked = victim.ask((replyTo) => ({ do: 'count', replyTo }), { timeoutMs: 15_000 });
  await until('it is blocked', async () => (await runtime.stats()).workers[1]?.host === null);
  const spawned = hand(runtime, 1);
  runtime.terminateWorker(1);
  await expect(spawned).rejects.toMatchObject({ code: 'ERR_SANSWITCH_WORKER_DIED' });
  await expect(asked).rejects.toMatchObject({ code: 'ERR_SANSWITCH_WORKER_DIED' });
});

// The machine itself may take a processor away for as long: a figure that others spoil is taken anew.
it('what other workers do does not pause while one dies and comes back', { retry: 5 }, async () => {
  const runtime = await runtimeOf();
  const [victim, other] = await Promise.all([hand(runtime, 1), hand(runtime, 0)]);
  victim.tell({ do: 'exit' });
  let worst_ms = 0;
  const end_ms = performance.now() + 300;
  while (performance.now() < end_ms) {
    const begin_ms = performance.now();
    await count(other);
    worst_ms = Math.max(worst_ms, performance.now() - begin_ms);
  }
  // A restart that held everybody up would take longer.
  expect(worst_ms).toBeLessThan(100);
});

it('a supervised actor that kills its worker again and again is given up', async () => {
  const runtime = await runtimeOf();
  await hand(runtime, 1, 'killer', { maxRestarts: 2 });
  const addresses = new Set<string>();
  await until('it is given up', async () => {
    const killer = runtime.lookup('killer') as HandRef | undefined;
    if (killer !== undefined && !addresses.has(killer.address.toString())) {
      if (killer.tell({ do: 'exit' }) !== 'refused') addresses.add(killer.address.toString());
    }
    return addresses.size === 3 && killer === undefined;
  });
  await until('its worker is up', async () => (await runtime.stats()).workers[1]?.state === 'up');
  expect(runtime.lookup('killer')).toBeUndefined();
});

it('a worker that dies too often is given up, and says so', async () => {
  const events: string[] = [];
  const note = (_message: unknown, name: string | symbol) => void events.push(String(name));
  const names = ['started', 'died', 'given-up'].map((what) => `sanswitch.worker-${what}`);
  for (const name of names) subscribe(name, note);
  const runtime = await runtimeOf({ workerRestarts: { max: 1 } });
  for (let death = 1; death <= 2; death++) {
    await until('it is up', async () => (await runtime.stats()).workers[1]?.state === 'up');
    runtime.terminateWorker(1);
    await until('it has died', async () => (await runtime.stats()).workers[1]?.deaths === death);
  }
  expect((await runtime.stats()).workers[1]).toMatchObject({ state: 'given-up', deaths: 2, roots: 0, host: null });
  await expect(hand(runtime, 1)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_WORKER_DIED' });
  expect(() => runtime.terminateWorker(1)).toThrow(/given-up/);
  // The others go on.
  expect(await count(await runtime.spawn<typeof Hand>(HAND, { label: 'any' }))).toBe(0);
  for (const name of names) unsubscribe(name, note);
  const [started, died, givenUp] = names;
  expect(events).toEqual([started, started, died, started, died, givenUp]);
});

it('a worker that can not be joined, for want of descriptors, comes back when there are some', async () => {
  const file = new URL('../../build/test/fixtures/actor-no-descriptors.js', import.meta.url).pathname;
  const command = `ulimit -n 200; exec "${process.execPath}" "${file}"`;
  const { stdout } = await promisify(execFile)('sh', ['-c', command]);
  expect(JSON.parse(stdout)).toEqual({ wasUp: false, hasDiedAgain: true, count: 0 });
});

it('the reactor of a thread whose links have all ended keeps its settings', async () => {
  const runtime = await runtimeOf({ workers: 1, spinBudgetUs: 7, workerRestarts: { max: 0 } });
  runtime.terminateWorker(0);
  await until('it is given up, and its link gone', async () => {
    const { main, workers } = await runtime.stats();
    return workers[0]?.state === 'given-up' && main.mail.length === 0;
  });
  expect(Reactor.current().spinBudgetUs).toBe(7);
  expect((await runtime.stats()).main.reactor.polls).toBeGreaterThan(0);
});
