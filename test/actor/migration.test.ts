/** Actors that move between hosts, in virtual time. */
import { describe, expect, it } from 'vitest';
import type { ActorAddress } from '#src/actor/address.js';
import { defineActor } from '#src/actor/define.js';
import type { ActorHost } from '#src/actor/host.js';
import { actorMoves, deadLetters } from '#src/actor/topics.js';
import type { ActorContext, ActorRef } from '#src/actor/types.js';
import { migrate, NOMAD, type Order, type Scene, scene, spawnTeller, WORKERS } from './nomads.js';
import { ActorWorld, Deferred, forSeeds } from './world.js';

const codeOf = (outcome: unknown) => (outcome as { code?: string } | null)?.code;

/** Has it moved so often, from wherever to wherever. @returns what becomes of each move */
function wander({ world, main }: Scene, ref: ActorRef<Order>, times: number): string[] {
  const outcomes: string[] = [];
  const move = ({ address }: ActorRef<Order>) =>
    main.migrate(address, world.random.pick(WORKERS), (home, error) => {
      outcomes.push(home === null ? `${codeOf(error)}` : 'moved');
      if (home === null || outcomes.length === times) return;
      // By the latest address, or by the first one.
      move(world.random.chance(50) ? ref : main.ref(home));
    });
  move(ref);
  return outcomes;
}

const upTo = (count: number) => Array.from({ length: count }, (_, i) => i + 1);

describe('a move', () => {
  it('takes state, arguments and waiting messages along, and calls the hooks in order', () => {
    forSeeds(50, (world) => {
      const all = scene(world);
      const { diary, ref, main } = all;
      for (let number = 1; number <= 10; number++) ref.tell({ teller: 0, number });
      const home = migrate(all, ref, 2) as ActorAddress;
      expect(home.host).toBe(2);
      expect(diary.words).toEqual(['started', 'label']);
      expect(diary.heard.get(0)).toEqual(upTo(10));
      const answers: number[] = [];
      const asker = main.spawn(
        defineActor<number>(() => (value) => void answers.push(value)),
        undefined,
      );
      ref.tell({ ask: asker });
      main.ref<Order>(home).tell({ ask: asker });
      world.run();
      expect(answers).toEqual([10, 10]);
      expect(world.hosts.get(1)?.stats()).toMatchObject({ actors: 0, spawned: 1, departed: 1, stopped: 0 });
      expect(world.hosts.get(2)?.stats()).toMatchObject({ actors: 1, spawned: 0, arrived: 1, stopped: 0 });
    });
  });

  it('is what an actor asks for itself, after the present message; nothing, to where it lives', () => {
    const world = new ActorWorld(1);
    const { diary, ref } = scene(world);
    ref.tell({ migrate: 0 });
    world.run();
    expect(diary.homes).toEqual([]);
    ref.tell({ migrate: 2 });
    ref.tell({ teller: 1, number: 1 });
    world.run();
    expect(diary.homes).toEqual([3]);
    expect(diary.heard.get(1)).toEqual([1]);
  });

  it('loses nothing and changes no order, however often it happens while all hosts tell', () => {
    forSeeds(60, (world) => {
      const all = scene(world);
      const { diary, ref } = all;
      const count = 1_000;
      for (const host of world.hosts.values()) spawnTeller(host, all, host.id, count);
      const moves = wander(all, ref, 30);
      world.run();
      expect(moves).toEqual(new Array(30).fill('moved'));
      for (const host of world.hosts.keys()) expect(diary.heard.get(host)).toEqual(upTo(count));
      for (const host of world.hosts.values()) expect(host.stats().deadLetters).toBe(0);
    });
  });

  it('keeps tellers bound: what a full mailbox refuses waits at the former address', () => {
    forSeeds(30, (world) => {
      const all = scene(world, { mailbox: { capacity: 4, policy: 'back-pressure' } });
      const { diary, ref, main } = all;
      const gate = new Deferred();
      diary.onMigrated = () => gate.promise;
      migrate(all, ref, 2);
      const results: string[] = [];
      const teller = defineActor<'go'>(() => {
        let number = 0;
        const goOn = (context: ActorContext<'go'>) => {
          while (number < 100) {
            const result = context.ref<Order>(ref.address).tell({ teller: 0, number: number + 1 });
            results.push(result);
            if (result !== 'refused') number++;
            if (result !== 'sent') return;
          }
        };
        return { receive: (_, context) => goOn(context), mailboxDrained: (_, context) => goOn(context) };
      });
      main.spawn(teller, undefined).tell('go');
      world.run(100);
      gate.resolve();
      world.run();
      expect(diary.heard.get(0)).toEqual(upTo(100));
      expect(results).toContain('queued');
    });
  });

  it('takes what was set aside along, in front', () => {
    const world = new ActorWorld(2);
    const all = scene(world);
    const { diary, ref } = all;
    ref.tell({ do: 'stash' });
    ref.tell({ teller: 0, number: 1 });
    world.run();
    expect(codeOf(migrate(all, ref, 3))).toBeUndefined();
    ref.tell({ do: 'unstash' });
    world.run();
    // The order to set aside was handled anew, and set aside anew.
    expect(diary.heard.get(0)).toEqual([1]);
  });
});

describe('what others know of an actor that moves', () => {
  it('watchers are told once, of the address that they know, when it ends', () => {
    forSeeds(40, (world) => {
      const all = scene(world);
      const { ref, main } = all;
      const ends: string[] = [];
      const note = (address: ActorAddress, reason: string) => void ends.push(`${address} ${reason}`);
      main.watch(ref.address, note);
      const second = migrate(all, ref, 2) as ActorAddress;
      main.watch(second, note);
      const third = migrate(all, ref, 3) as ActorAddress;
      main.watch(third, note);
      main.watch(ref.address, (address, reason) => note(address, reason));
      world.run();
      expect(ends).toEqual([]);
      main.stop(ref);
      world.run();
      expect(ends.sort()).toEqual(
        [`${ref.address} stopped`, `${ref.address} stopped`, `${second} stopped`, `${third} stopped`].sort(),
      );
      // Every slot is free again.
      for (const { slot, generation, host } of [ref.address, second, third]) {
        expect(world.hosts.get(host)?.depths.isAlive(slot, generation)).toBe(false);
      }
      expect(ref.tell({ teller: 0, number: 1 })).toBe('refused');
    });
  });

  it('whom it watches, it watches from there', () => {
    forSeeds(40, (world) => {
      const all = scene(world);
      const { diary, ref, main } = all;
      const victims = [1, 2, 3].map((id) =>
        (world.hosts.get(id) as ActorHost).spawn(
          defineActor<never>(() => () => {}),
          undefined,
        ),
      );
      for (const { address } of victims) ref.tell({ watch: address });
      world.run();
      // One before it moves, one perhaps on the way, one afterwards.
      main.stop(victims[0]?.address as ActorAddress);
      world.run();
      main.migrate(ref.address, 3, () => {});
      world.run(world.random.below(8));
      main.stop(victims[1]?.address as ActorAddress);
      world.run();
      main.stop(victims[2]?.address as ActorAddress);
      world.run();
      expect(diary.words.filter((word) => / (stopped|unknown)$/.test(word)).map((word) => word[0])).toEqual([
        '1',
        '2',
        '3',
      ]);
    });
  });

  it('its names lead to where it lives, on all hosts, and are free when it has ended', () => {
    forSeeds(20, (world) => {
      const all = scene(world, { name: 'nomad' });
      const { ref, main } = all;
      for (const to of [2, 3, 1, 2]) {
        const home = migrate(all, ref, to) as ActorAddress;
        for (const host of world.hosts.values()) {
          expect(host.registry.lookup('nomad')?.address).toEqual(home);
          expect(() => host.registry.check('nomad')).toThrow(
            expect.objectContaining({ code: 'ERR_SANSWITCH_NAME_TAKEN' }),
          );
        }
      }
      expect(world.hosts.get(2)?.actors()[0]).toMatchObject({ name: 'nomad', restarts: 0 });
      main.stop(ref);
      world.run();
      for (const host of world.hosts.values()) expect(host.registry.lookup('nomad')).toBeUndefined();
    });
  });
});

describe('what can not move says so, and lives on', () => {
  it.each<[string, (all: Scene) => unknown, string]>([
    [
      'without a module',
      ({ main }) =>
        main.spawn(
          defineActor(() => () => {}),
          undefined,
        ),
      'was not spawned from a module',
    ],
    [
      'with children',
      ({ ref }) => {
        ref.tell({ do: 'spawn' });
        return ref;
      },
      'has children',
    ],
    [
      'an ended one',
      ({ main, ref }) => {
        main.stop(ref);
        return ref;
      },
      'has ended, or is no actor',
    ],
  ])('%s', (_, prepare, words) => {
    forSeeds(10, (world) => {
      const all = scene(world);
      const ref = prepare(all) as ActorRef<Order>;
      world.run();
      const outcome = migrate(all, ref, 2);
      expect(codeOf(outcome)).toBe('ERR_SANSWITCH_NOT_MOVABLE');
      expect((outcome as Error).message).toContain(words);
    });
  });

  it('one that moves already, or is asked to go to nowhere', () => {
    const world = new ActorWorld(1);
    const all = scene(world);
    const outcomes: unknown[] = [];
    for (const to of [2, 3])
      all.main.migrate(all.ref.address, to, (home, error) => outcomes.push(codeOf(error) ?? home?.host));
    world.run();
    expect(outcomes.sort()).toEqual([2, 'ERR_SANSWITCH_NOT_MOVABLE']);
    expect(codeOf(migrate(all, all.ref, 77))).toBe('ERR_SANSWITCH_WORKER_DIED');
    all.ref.tell({ teller: 0, number: 1 });
    world.run();
    expect(all.diary.heard.get(0)).toEqual([1]);
  });
});

/** Something that goes wrong, and what is said about it; the actor lives on, on the host where it was. */
const FAILURES: Readonly<Record<string, [(all: Scene) => void, string | RegExp]>> = {
  'the module is not there': [({ world }) => void world.modules.delete(NOMAD), 'ERR_SANSWITCH_NO_BEHAVIOUR'],
  '`create` throws there': [
    ({ diary }) => {
      diary.onCreate = ({ self }) => {
        if (self.address.host === 2) throw new RangeError('not here');
      };
    },
    /not here/,
  ],
  '`migrated` throws': [
    ({ diary }) => {
      diary.onMigrated = () => {
        throw new RangeError('not like this');
      };
    },
    /not like this/,
  ],
  '`migrated` rejects': [
    ({ diary }) => {
      diary.onMigrated = () => {
        const wait = new Deferred();
        wait.reject(new RangeError('not like that'));
        return wait.promise;
      };
    },
    /not like that/,
  ],
  '`migrated` never returns': [
    ({ diary }) => {
      diary.onMigrated = () => new Deferred().promise;
    },
    'ERR_SANSWITCH_NOT_MOVABLE',
  ],
  '`migrating` never returns': [
    ({ diary }) => {
      diary.onMigrating = () => new Deferred();
    },
    'ERR_SANSWITCH_NOT_MOVABLE',
  ],
  'the present handler never returns': [({ ref }) => void ref.tell({ do: 'dawdle' }), 'ERR_SANSWITCH_NOT_MOVABLE'],
  'it stops there': [
    ({ diary }) => {
      diary.onMigrated = (context) => context.stop();
    },
    'ERR_SANSWITCH_ACTOR_STOPPED',
  ],
};

describe('a move that fails', () => {
  it.each(Object.keys(FAILURES))('because %s', (name) => {
    const [arrange, expected] = FAILURES[name] as (typeof FAILURES)[string];
    forSeeds(20, (world) => {
      const all = scene(world, { name: 'nomad' });
      const { ref, diary, main } = all;
      const moves: unknown[] = [];
      (world.hosts.get(1) as ActorHost).events.listen(actorMoves, ({ to, error }) => moves.push([to, error]));
      arrange(all);
      world.run();
      const outcome = migrate(all, ref, 2) as Error;
      if (typeof expected === 'string') expect(codeOf(outcome)).toBe(expected);
      else expect(outcome.message).toMatch(expected);
      expect(moves).toEqual([[null, expect.anything()]]);
      expect(world.hosts.get(1)?.stats().actors).toBe(1);
      expect(world.hosts.get(2)?.stats()).toMatchObject({ actors: 0 });
      expect(main.registry.lookup('nomad')?.address).toEqual(ref.address);
      if (name.includes('handler')) return;
      ref.tell({ teller: 0, number: 1 });
      world.run();
      expect(diary.heard.get(0)).toEqual([1]);
    });
  });

  it('a throw in `migrating` is a failure of the actor, which its supervision decides on', () => {
    forSeeds(20, (world) => {
      const all = scene(world);
      const { diary, ref } = all;
      diary.onMigrating = () => {
        throw new Error('no state');
      };
      const outcome = migrate(all, ref, 2) as Error;
      expect(codeOf(outcome)).toBe('ERR_SANSWITCH_ACTOR_STOPPED');
      expect((outcome.cause as Error).message).toBe('no state');
      ref.tell({ teller: 0, number: 1 });
      world.run();
      expect(diary.words).toEqual(['started', 'started']);
      expect(diary.heard.get(0)).toEqual([1]);
    });
  });

  it('a stop overtakes it, wherever it has got to', () => {
    forSeeds(100, (world) => {
      const all = scene(world);
      const { ref, main } = all;
      const ends: string[] = [];
      main.watch(ref.address, (_, reason) => void ends.push(reason));
      let settled = 0;
      main.migrate(ref.address, 2, () => settled++);
      for (let steps = world.random.below(30); steps > 0; steps--) world.run(0.5);
      main.stop(ref);
      world.run();
      expect(ends).toEqual(['stopped']);
      expect(settled).toBe(1);
      for (const host of world.hosts.values()) expect(host.stats().actors).toBe(0);
    });
  });
});

describe('a host that dies while an actor moves', () => {
  it.each([
    ['the one it goes to', 2],
    ['the one it comes from', 1],
  ])('%s', (_, victim) => {
    const fates = new Set<string>();
    forSeeds(300, (world) => {
      const all = scene(world, { name: 'nomad' });
      const { ref, diary, main } = all;
      const ends: string[] = [];
      main.watch(ref.address, (_address, reason) => void ends.push(reason));
      const outcomes: string[] = [];
      main.migrate(ref.address, 2, (home, error) => {
        outcomes.push(home === null ? `${codeOf(error)}` : 'moved');
      });
      for (let number = 1; number <= 20; number++) ref.tell({ teller: 0, number });
      const untilStep = world.random.below(60);
      for (let step = 0; step < untilStep; step++) world.runOnce();
      world.kill(victim);
      world.run();
      expect(outcomes.length).toBe(1);
      const living = [...world.hosts.values()].filter((host) => host.stats().actors > 0).map(({ id }) => id);
      const isAlive = living.length === 1;
      fates.add(`${outcomes[0]} ${isAlive ? 'alive' : 'dead'}`);
      expect(living.length).toBeLessThanOrEqual(1);
      // The address that it had on a dead host ends with that, though it lives on where it went.
      if (isAlive && victim === 2) expect(ends).toEqual([]);
      else expect(ends).toEqual(['worker-died']);
      const numbers = diary.heard.get(0) ?? [];
      expect(numbers).toEqual(upTo(numbers.length));
      if (victim === 2 && isAlive) expect(numbers).toEqual(upTo(20));
      const named = main.registry.lookup('nomad');
      if (isAlive) expect(named?.address.host).toBe(living[0]);
    });
    expect([...fates].sort()).toEqual(
      victim === 2
        ? ['ERR_SANSWITCH_WORKER_DIED alive', 'moved dead']
        : ['ERR_SANSWITCH_WORKER_DIED dead', 'moved alive'],
    );
  });
});

it.each([
  ['that an actor has been on', WORKERS],
  ['that it has never been on', [4]],
])('a host that dies, one %s, holds nobody up', (_, victims) => {
  forSeeds(400, (world) => {
    const all = scene(world);
    const { diary, ref, main } = all;
    world.host(4);
    for (const host of world.hosts.values()) spawnTeller(host, all, host.id, 500);
    wander(all, ref, 30);
    for (let step = world.random.below(6_000); step > 0; step--) world.runOnce();
    world.kill(world.random.pick(victims));
    world.run();
    for (const numbers of diary.heard.values()) {
      expect(new Set(numbers).size).toBe(numbers.length);
      // What a host has sent on before its death may be overtaken by what goes another way then.
      if (victims !== WORKERS) expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    }
    for (const host of world.hosts.values()) expect(host.countPending()).toBe(0);
    // Where it lives still, and where it began, it is reached.
    const told = main.ref<Order>(ref.address).tell({ teller: -1, number: 1 });
    world.run();
    expect(diary.heard.has(-1)).toBe(told !== 'refused');
  });
});

it('what is told to a dead nomad, or waits for it, is a dead letter', () => {
  forSeeds(20, (world) => {
    const all = scene(world);
    const { ref, main, diary } = all;
    let dead = 0;
    for (const host of world.hosts.values()) host.events.listen(deadLetters, () => dead++);
    migrate(all, ref, 2);
    diary.onMigrated = () => undefined;
    main.migrate(ref.address, 3, () => {});
    for (let number = 1; number <= 50; number++) ref.tell({ teller: 0, number });
    main.stop(ref);
    world.run();
    expect((diary.heard.get(0)?.length ?? 0) + dead).toBe(50);
    for (const host of world.hosts.values()) {
      for (let slot = 0; slot < 16; slot++) expect(host.depths.depth(slot)).toBe(0);
    }
  });
});
