/** Actors that move between workers, under full traffic, and what becomes of them when one of the workers dies. */
import { type ActorRef, actorFailures, defineActor, type MessageOf, type Runtime } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import type Hand from '../fixtures/actors/hand.js';
import type Nomad from '../fixtures/actors/nomad.js';
import type { NomadArgs, NomadReport } from '../fixtures/actors/nomad.js';
import type Teller from '../fixtures/actors/teller.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

type NomadRef = ActorRef<MessageOf<typeof Nomad>>;

const NOMAD = moduleUrl('nomad');
const TELLER = moduleUrl('teller');

function nomad(runtime: Runtime, worker: number, args: Partial<NomadArgs> = {}, options: object = {}) {
  return runtime.spawn<typeof Nomad>(NOMAD, { label: 'nomad', ...args }, { worker, ...options });
}

const report = (ref: NomadRef) => ref.ask<NomadReport>((replyTo) => ({ do: 'report', replyTo }), { timeoutMs: 20_000 });
const workerOf = ({ address }: NomadRef) => (address.host & 0xff) - 1;

/** Tells numbers from a worker, or from this thread, all at once or a few at a time. */
async function tellers(runtime: Runtime, to: NomadRef, count: number): Promise<() => Promise<void>> {
  const refs = await Promise.all(
    Array.from({ length: runtime.workers }, (_, worker) =>
      runtime.spawn<typeof Teller>(TELLER, { name: `worker ${worker}`, to, count }, { worker }),
    ),
  );
  for (const ref of refs) ref.tell('go');
  return async () => {
    await Promise.all(refs.map((ref) => ref.ask<string>((replyTo) => ({ replyTo }), { timeoutMs: 30_000 })));
  };
}

describe('an actor that moves between workers', () => {
  it.each([-1, -256, 2, 1.5, 'main', undefined])('does not move by itself to the worker %j', async (worker) => {
    const runtime = await runtimeOf();
    const errors: string[] = [];
    runtime.events.listen(actorFailures, ({ error }) => errors.push(String(error)));
    const ref = await nomad(runtime, 0);
    ref.tell({ do: 'migrate', worker: worker as number });
    expect(workerOf(ref)).toBe(0);
    await until('it is told', () => errors.length === 1);
    expect(errors[0]).toMatch(worker === 2 ? /worker 2 is not up/ : /a worker is named by its number/);
    expect(await report(ref)).toMatchObject({ moves: 0, host: ref.address.host });
  });

  it('takes its state, name and arguments along', async () => {
    const runtime = await runtimeOf();
    const ref = await nomad(runtime, 0, { label: 'gypsy' }, { name: 'nomad' });
    ref.tell({ do: 'number', teller: 'main', number: 1 });
    const moved = await runtime.migrate(ref, 1);
    expect([workerOf(ref), workerOf(moved)]).toEqual([0, 1]);
    expect(await report(moved)).toMatchObject({ label: 'gypsy', moves: 1, gaps: [], last: new Map([['main', 1]]) });
    // What one had before goes on reaching it.
    ref.tell({ do: 'number', teller: 'main', number: 2 });
    expect((await report(ref)).last).toEqual(new Map([['main', 2]]));
    expect(runtime.lookup('nomad')?.address.equals(moved.address)).toBe(true);
    // To where it lives is no move.
    expect((await runtime.migrate(moved, 1)).address.equals(moved.address)).toBe(true);
    const { workers } = await runtime.stats();
    expect(workers.map(({ roots, host }) => [roots, host?.actors, host?.arrived])).toEqual([
      [0, 0, 0],
      [1, 1, 1],
    ]);
    // By itself.
    ref.tell({ do: 'migrate', worker: 0 });
    await until('it is back', async () => (await report(ref)).moves === 2);
    expect(workerOf(runtime.lookup('nomad') as NomadRef)).toBe(0);
  });

  it('hears every message of every teller once and in order, through 50 moves', { timeout: 60_000 }, async () => {
    const runtime = await runtimeOf();
    const ref = await nomad(runtime, 0);
    const count = 200_000;
    const finished = await tellers(runtime, ref, count);
    let told = 0;
    const telling = setInterval(() => {
      for (let i = 0; i < 50; i++)
        if (ref.tell({ do: 'number', teller: 'main', number: told + 1 }) !== 'refused') told++;
    }, 1);
    let latest: NomadRef = ref;
    for (let move = 1; move <= 50; move++) latest = await runtime.migrate(move % 3 === 0 ? ref : latest, move % 2);
    clearInterval(telling);
    await finished();
    const last = new Map([['main', told], ...[0, 1].map((worker) => [`worker ${worker}`, count] as const)]);
    const sum = (numbers: ReadonlyMap<string, number>) => [...numbers.values()].reduce((a, b) => a + b, 0);
    await until('all has come', async () => sum((await report(ref)).last) === sum(last));
    expect(await report(ref)).toMatchObject({ gaps: [], moves: 50, last });
  });

  it('answers asks that are in flight', async () => {
    const runtime = await runtimeOf();
    const ref = await nomad(runtime, 0);
    let answers = 0;
    const asks: Promise<void>[] = [];
    for (let move = 1; move <= 10; move++) {
      const moving = runtime.migrate(ref, move % 2);
      for (let i = 0; i < 200; i++) asks.push(report(ref).then(() => void answers++));
      await moving;
    }
    await Promise.all(asks);
    expect(answers).toBe(2_000);
  });

  it('is watched, and watches, as if it had not moved', async () => {
    const runtime = await runtimeOf();
    const [ref, victim] = [await nomad(runtime, 0), await nomad(runtime, 1)];
    const ends: string[] = [];
    runtime.watch(ref, (address, reason) => ends.push(`${address.equals(ref.address)} ${reason}`));
    ref.tell({ do: 'watch', other: victim });
    await report(ref);
    await report(await runtime.migrate(ref, 1));
    runtime.stop(victim);
    await until('it has heard', async () => (await report(ref)).ended.length === 1);
    expect((await report(ref)).ended[0]).toContain('stopped');
    runtime.stop(ref);
    await until('the watcher has heard', () => ends.length > 0);
    expect(ends).toEqual(['true stopped']);
  });
});

describe('bad input', () => {
  it.each<[string, (runtime: Runtime, ref: NomadRef) => Promise<unknown>, string]>([
    ['no such worker', (runtime, ref) => runtime.migrate(ref, 2), 'ERR_SANSWITCH_INVALID_OPTION'],
    [
      'a name for a worker',
      (runtime, ref) => runtime.migrate(ref, 'least-loaded' as never),
      'ERR_SANSWITCH_INVALID_OPTION',
    ],
    [
      'a closure',
      async (runtime) => runtime.migrate(await runtime.spawn(() => () => {}, undefined), 1),
      'ERR_SANSWITCH_NOT_MOVABLE',
    ],
    [
      'an ended one',
      async (runtime, ref) => {
        runtime.stop(ref);
        await new Promise((resolve) => runtime.watch(ref, resolve));
        return runtime.migrate(ref, 1);
      },
      'ERR_SANSWITCH_NOT_MOVABLE',
    ],
    [
      'a closed runtime',
      async (runtime, ref) => {
        await runtime.close();
        return runtime.migrate(ref, 1);
      },
      'ERR_SANSWITCH_RUNTIME_CLOSED',
    ],
  ])('%s is one clear error', async (_, act, code) => {
    const runtime = await runtimeOf();
    const ref = await nomad(runtime, 0);
    await expect(act(runtime, ref)).rejects.toMatchObject({ code });
  });

  it('state that can not be sent keeps the actor where it is', async () => {
    const runtime = await runtimeOf();
    const ref = await runtime.spawn<typeof Hand>(moduleUrl('stateful'), { label: 'stateful' }, { worker: 0 });
    await expect(runtime.migrate(ref, 1)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_NOT_SERIALIZABLE' });
    expect(await ref.ask<number>((replyTo) => ({ do: 'count', replyTo }))).toBe(7);
  });
});

describe('a worker that dies', () => {
  it.each(['throw', 'reject', 'throw-there', 'reject-there'] as const)(
    'no worker dies, and the actor lives on, when its hook fails: %s',
    async (trouble) => {
      const runtime = await runtimeOf();
      const ref = await nomad(runtime, 0, { trouble });
      await expect(runtime.migrate(ref, 1)).rejects.toThrow('as told');
      ref.tell({ do: 'number', teller: 'main', number: 1 });
      expect(await report(ref)).toMatchObject({ moves: 0, last: new Map([['main', 1]]) });
      expect((await runtime.stats()).workers.map(({ deaths }) => deaths)).toEqual([0, 0]);
    },
  );

  it('the one it was to move to: it lives on where it is', async () => {
    const runtime = await runtimeOf();
    const ref = await nomad(runtime, 0, { trouble: 'exit-there' }, { name: 'nomad' });
    ref.tell({ do: 'number', teller: 'main', number: 1 });
    await expect(runtime.migrate(ref, 1)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_WORKER_DIED' });
    ref.tell({ do: 'number', teller: 'main', number: 2 });
    expect(await report(ref)).toMatchObject({ moves: 0, gaps: [], last: new Map([['main', 2]]) });
    expect(runtime.lookup('nomad')?.address.equals(ref.address)).toBe(true);
  });

  it.each(['exit', 'out-of-memory'] as const)('the one it comes from, in the move: %s', async (trouble) => {
    const limits = { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 8 };
    const runtime = await runtimeOf({ resourceLimits: limits });
    const options = { name: 'nomad', supervision: { maxRestarts: 3 } };
    const ref = await nomad(runtime, 0, { trouble }, options);
    const ends: string[] = [];
    runtime.watch(ref, (_, reason) => ends.push(reason));
    await expect(runtime.migrate(ref, 1)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_WORKER_DIED' });
    await until('the watcher has heard', () => ends.length === 1);
    expect(ends).toEqual(['worker-died']);
    await until('it is back', () => {
      const found = runtime.lookup('nomad');
      return found !== undefined && !found.address.equals(ref.address);
    });
    expect(await report(runtime.lookup('nomad') as NomadRef)).toMatchObject({ moves: 0 });
    expect((await runtime.stats()).workers.map(({ host }) => host?.actors)).toEqual([1, 0]);
  });

  it('after a move: what is supervised starts again where it had moved to', async () => {
    const runtime = await runtimeOf();
    const ref = await nomad(runtime, 0, {}, { name: 'nomad', supervision: { maxRestarts: 3 } });
    const moved = await runtime.migrate(ref, 1);
    const ends: string[] = [];
    for (const one of [ref, moved]) runtime.watch(one, (_, reason) => ends.push(reason));
    ref.tell({ do: 'exit' });
    await until('the watchers have heard', () => ends.length === 2);
    expect(ends).toEqual(['worker-died', 'worker-died']);
    await until('it is back', () => {
      const found = runtime.lookup('nomad') as NomadRef | undefined;
      return found !== undefined && !found.address.equals(moved.address) && workerOf(found) === 1;
    });
    expect(ref.tell({ do: 'number', teller: 'main', number: 1 })).toBe('refused');
    expect((await runtime.stats()).workers.map(({ roots }) => roots)).toEqual([0, 1]);
  });

  it('the one that it has left: it lives on, and is found by its name', async () => {
    const runtime = await runtimeOf();
    const ref = await nomad(runtime, 0, {}, { name: 'nomad' });
    await runtime.migrate(ref, 1);
    runtime.terminateWorker(0);
    await until(
      'the former address is dead',
      () => ref.tell({ do: 'number', teller: 'main', number: 1 }) === 'refused',
    );
    expect(await report(runtime.lookup('nomad') as NomadRef)).toMatchObject({ moves: 1 });
  });

  it('the runtime closes in the middle of moves', async () => {
    const runtime = await runtimeOf();
    const refs = await Promise.all(Array.from({ length: 50 }, () => nomad(runtime, 0)));
    const moves = Promise.allSettled(refs.map((ref) => runtime.migrate(ref, 1)));
    const begin_ms = performance.now();
    await runtime.close();
    expect(performance.now() - begin_ms).toBeLessThan(5_000);
    await moves;
  });
});

it('an actor of the calling thread that tells a nomad slows down when it does', async () => {
  const runtime = await runtimeOf();
  const ref = await nomad(runtime, 0, {}, { mailbox: { capacity: 64, policy: 'back-pressure' } });
  await runtime.migrate(ref, 1);
  const count = 20_000;
  const pusher = await runtime.spawn(
    defineActor<ActorRef<number>, void>(() => {
      let told = 0;
      let replyTo: ActorRef<number> | null = null;
      const goOn = () => {
        while (told < count) {
          const result = ref.tell({ do: 'number', teller: 'pusher', number: told + 1 });
          if (result !== 'refused') told++;
          if (result !== 'sent') return;
        }
        replyTo?.tell(told);
      };
      return {
        receive(given) {
          replyTo = given;
          goOn();
        },
        mailboxDrained: goOn,
      };
    }),
    undefined,
  );
  expect(await pusher.ask<number>((replyTo) => replyTo, { timeoutMs: 20_000 })).toBe(count);
  expect(await report(ref)).toMatchObject({ gaps: [], last: new Map([['pusher', count]]) });
});
