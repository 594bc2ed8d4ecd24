import { describe, expect, it } from 'vitest';
import { defineActor } from '#src/actor/define.js';
import { deadLetters, highWater } from '#src/actor/topics.js';
import type { ActorRef, MailboxOptions, MailboxPolicy } from '#src/actor/types.js';
import { ActorWorld, Deferred, forSeeds } from './world.js';

/** A host with an actor that notes what it is told. */
function withSink(mailbox: MailboxOptions, world = new ActorWorld(1)) {
  const host = world.host();
  const got: number[] = [];
  const ref = host.spawn(
    defineActor<number>(() => (message) => void got.push(message)),
    undefined,
    { mailbox },
  );
  const dead: { message: unknown; reason: string }[] = [];
  host.events.listen(deadLetters, ({ message, reason }) => dead.push({ message, reason }));
  return { world, host, ref, got, dead };
}

const tellAll = (ref: ActorRef<number>, count: number) => Array.from({ length: count }, (_, i) => ref.tell(i));

describe('a bounded mailbox', () => {
  it('takes messages in order and says `sent` below its mark, `queued` from there on', () => {
    const { world, ref, got } = withSink({ capacity: 4, highWaterMark: 3 });
    expect(tellAll(ref, 4)).toEqual(['sent', 'sent', 'queued', 'queued']);
    world.run();
    expect(got).toEqual([0, 1, 2, 3]);
    expect(ref.tell(9)).toBe('sent');
  });

  it('of capacity 1 holds one message', () => {
    const { world, ref, got } = withSink({ capacity: 1 });
    expect(tellAll(ref, 2)).toEqual(['queued', 'refused']);
    world.run();
    expect(got).toEqual([0]);
  });

  it.each<[MailboxPolicy, number[], string, number[]]>([
    ['refuse', [0, 1, 2], 'full', [3, 4]],
    ['back-pressure', [0, 1, 2], 'full', [3, 4]],
    ['drop-newest', [0, 1, 2], 'dropped', [3, 4]],
    ['drop-oldest', [2, 3, 4], 'dropped', [0, 1]],
  ])('that is full, policy %s', (policy, kept, reason, lost) => {
    const { world, host, ref, got, dead } = withSink({ capacity: 3, policy });
    const results = tellAll(ref, 5).slice(3);
    expect(results).toEqual(Array(2).fill(policy === 'drop-oldest' ? 'queued' : 'refused'));
    world.run();
    expect(got).toEqual(kept);
    expect(dead).toEqual(lost.map((message) => ({ message, reason })));
    expect(host.depths.depth(ref.address.slot)).toBe(0);
    expect(host.stats().deadLetters).toBe(2);
  });

  it('says once that it is high, and again when it has been low', () => {
    const { world, host, ref } = withSink({ capacity: 8, highWaterMark: 4 });
    const depths: number[] = [];
    host.events.listen(highWater, ({ depth }) => depths.push(depth));
    tellAll(ref, 8);
    expect(depths).toEqual([4]);
    world.run();
    tellAll(ref, 4);
    expect(depths).toEqual([4, 4]);
  });

  it('with back-pressure tells every teller that it held up when there is room, wherever it is', () => {
    forSeeds(200, (world) => {
      const home = world.host(0);
      let handled = 0;
      const slow = defineActor<number>(() => () => void handled++);
      const mailbox: MailboxOptions = { capacity: 6, highWaterMark: 4, policy: 'back-pressure' };
      const target = home.spawn(slow, undefined, { mailbox });
      for (const host of [home, world.host(1), world.host(2)]) {
        let left = 50;
        // Goes on only when it is told to: a lost notification is a message that never comes.
        const send = (ref: ActorRef<number>) => {
          while (left > 0) {
            const result = ref.tell(left);
            if (result !== 'refused') left--;
            if (result !== 'sent') return;
          }
        };
        const polite = defineActor<void>((_, context) => ({
          receive: () => send(context.ref(target.address)),
          mailboxDrained: (address) => send(context.ref(address)),
        }));
        host.spawn(polite, undefined).tell();
      }
      world.run();
      expect(handled).toBe(150);
      expect(home.depths.depth(target.address.slot)).toBe(0);
    });
  });

  it('that ends leaves nobody waiting for room', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    let drained = 0;
    const wait = new Deferred();
    const target = host.spawn(
      defineActor<number>(() => () => wait.promise),
      undefined,
      { mailbox: { capacity: 2, policy: 'back-pressure' } },
    );
    const teller = defineActor<number>(() => ({
      receive: () => void tellAll(target, 4),
      mailboxDrained: () => void drained++,
    }));
    host.spawn(teller, undefined).tell(1);
    world.run(10);
    expect(drained).toBe(0);
    host.stop(target);
    world.run();
    expect(drained).toBe(1);
  });

  it('bounds tellers of all hosts together, and gives every place back', () => {
    let refused = 0;
    forSeeds(100, (world) => {
      const home = world.host(0);
      let handled = 0;
      let deepest = 0;
      const sink = defineActor<number>(() => () => {
        handled++;
        deepest = Math.max(deepest, home.depths.depth(target.address.slot) + 1);
      });
      const target = home.spawn(sink, undefined, { mailbox: { capacity: 5 } });
      let accepted = 0;
      for (const id of [0, 1, 2]) {
        const teller = defineActor<number>((_, context) => (left) => {
          const ref = context.ref<number>(target.address);
          for (let i = 0; i < 3; i++) ref.tell(i) === 'refused' ? refused++ : accepted++;
          if (left > 0) context.self.tell(left - 1);
        });
        (id === 0 ? home : world.host(id)).spawn(teller, undefined).tell(20);
      }
      world.run();
      expect(handled).toBe(accepted);
      expect(deepest).toBeLessThanOrEqual(5);
      expect(home.depths.depth(target.address.slot)).toBe(0);
    });
    expect(refused).toBeGreaterThan(0);
  });

  it('gives places back that were reserved with an actor that has ended, even if another has its slot', () => {
    forSeeds(100, (world) => {
      const home = world.host(0);
      const away = world.host(1);
      const sink = defineActor<number>(() => () => {});
      const first = home.spawn(sink, undefined);
      const { slot } = first.address;
      for (let i = 0; i < 10; i++) away.ref<number>(first.address).tell(i);
      home.stop(first);
      world.run();
      const second = home.spawn(sink, undefined);
      expect(second.address.slot).toBe(slot);
      expect(second.address.equals(first.address)).toBe(false);
      expect(away.ref<number>(first.address).tell(1)).toBe('refused');
      expect(home.depths.depth(slot)).toBe(0);
    });
  });
});

describe('the dispatcher', () => {
  function order(turnMessages: number, turnUs: number, costUs: number): string {
    const world = new ActorWorld(1);
    const host = world.host(0, { turnMessages, turnUs, dispatchUs: 1_000_000 });
    let text = '';
    for (const name of ['a', 'b']) {
      const actor = defineActor<number>(() => () => {
        text += name;
        world.spend(costUs);
      });
      tellAll(host.spawn(actor, undefined), 6);
    }
    world.run();
    return text;
  }

  it('gives the neighbours a turn after so many messages', () => {
    expect(order(2, 1_000_000, 0)).toBe('aabbaabbaabb');
    expect(order(6, 1_000_000, 0)).toBe('aaaaaabbbbbb');
    expect(order(1, 1_000_000, 0)).toBe('abababababab');
  });

  it('gives the neighbours a turn after so many microseconds', () => {
    expect(order(1_000, 200, 150)).toBe('aabbaabbaabb');
    expect(order(1_000, 200, 500)).toBe('abababababab');
  });

  it('notices a slow handler after many quick ones within a few messages, and then at once', () => {
    const world = new ActorWorld(1);
    const host = world.host(0, { turnMessages: 1_000_000, turnUs: 200, dispatchUs: 1_000_000 });
    let handled = 0;
    const turns: number[] = [];
    const busy = host.spawn(
      defineActor<number>(() => (message) => {
        handled++;
        world.spend(message < 100 ? 0 : 100);
      }),
      undefined,
    );
    const neighbour = host.spawn(
      defineActor<number>(() => (_, context) => {
        if (turns.at(-1) !== handled) turns.push(handled);
        if (handled < 1_000) context.self.tell(1);
      }),
      undefined,
      { mailbox: { capacity: 1 } },
    );
    tellAll(busy, 1_000);
    neighbour.tell(1);
    world.run();
    const first = turns.find((count) => count > 0) as number;
    expect(first).toBeLessThan(100 + 16 + 4);
    const later = turns.filter((count) => count > first);
    const longest = Math.max(...later.map((count, i) => count - (later[i - 1] ?? first)));
    expect(longest).toBeLessThanOrEqual(3);
  });

  it('counts turns that were cut short, and lets the event loop in between runs', () => {
    const world = new ActorWorld(1);
    const host = world.host(0, { turnMessages: 10, dispatchUs: 50 });
    const ref = host.spawn(
      defineActor<number>(() => () => world.spend(10)),
      undefined,
    );
    tellAll(ref, 100);
    world.run();
    expect(host.stats()).toMatchObject({ handled: 100, deadLetters: 0 });
    expect(host.stats().preemptions).toBeGreaterThan(5);
    expect(world.steps).toBeGreaterThan(5);
  });

  it('holds back the next message of an actor whose handler has not come to its end, and nobody else', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const got: string[] = [];
    const waits = new Map<number, Deferred>();
    const slow = host.spawn(
      defineActor<number>(() => (message) => {
        got.push(`slow ${message}`);
        const wait = new Deferred();
        waits.set(message, wait);
        return wait.promise;
      }),
      undefined,
    );
    const quick = host.spawn(
      defineActor<number>(() => (message) => void got.push(`quick ${message}`)),
      undefined,
    );
    tellAll(slow, 2);
    tellAll(quick, 2);
    world.run();
    expect(got).toEqual(['slow 0', 'quick 0', 'quick 1']);
    waits.get(0)?.resolve();
    world.run();
    expect(got.at(-1)).toBe('slow 1');
  });
});

describe('stash and become', () => {
  type Message = number | 'open' | 'close';

  it('sets messages aside and takes them back in front, in order', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const got: Message[] = [];
    const door = defineActor<Message>(() => (message, context) => {
      if (message !== 'open') return context.stash();
      context.become((next, inner) => {
        if (next === 'close') inner.unbecome();
        else got.push(next);
      });
      context.unstashAll();
    });
    const ref = host.spawn(door, undefined, { mailbox: { capacity: 8 } });
    for (const message of [1, 2, 'open', 3, 'close', 4, 'open', 5] as Message[]) ref.tell(message);
    world.run();
    expect(got).toEqual([1, 2, 3, 4, 5]);
    expect(host.depths.depth(ref.address.slot)).toBe(0);
  });

  it('a full stash is an error of the handler; there is nothing to stash outside of one', () => {
    const world = new ActorWorld(1);
    const host = world.host(0, { stashCapacity: 2 });
    const errors: unknown[] = [];
    const decide = (error: unknown) => {
      errors.push((error as { code?: string }).code);
      return 'stop' as const;
    };
    const hoard = defineActor<number>(() => (_, context) => context.stash());
    tellAll(host.spawn(hoard, undefined, { supervision: { decide } }), 3);
    const early = defineActor<number>(() => ({ receive: () => {}, started: (context) => context.stash() }));
    host.spawn(early, undefined, { supervision: { decide } });
    world.run();
    expect(errors.sort()).toEqual(['ERR_SANSWITCH_INVALID_OPTION', 'ERR_SANSWITCH_STASH_FULL']);
    // The two that were set aside are dead letters now.
    expect(host.stats().deadLetters).toBe(2);
  });

  it('a restart begins with what was set aside', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const got: number[] = [];
    let lives = 0;
    const actor = defineActor<number>(() => {
      const life = ++lives;
      return (message, context) => {
        if (message === 3 && life === 1) throw new Error('x');
        if (life === 1) context.stash();
        else got.push(message);
      };
    });
    const ref = host.spawn(actor, undefined);
    for (const message of [1, 2, 3, 4]) ref.tell(message);
    world.run();
    expect(got).toEqual([1, 2, 4]);
    expect(host.depths.depth(ref.address.slot)).toBe(0);
  });

  it('a handler that waits may set its message aside when it goes on', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const got: number[] = [];
    const wait = new Deferred();
    const ref = host.spawn(
      defineActor<number>(() => (message, context) => {
        if (message !== 0 || got.length > 0) return void got.push(message);
        wait.then(() => context.stash());
        return wait.promise;
      }),
      undefined,
    );
    const release = host.spawn(
      defineActor<number>(() => () => wait.resolve()),
      undefined,
    );
    tellAll(ref, 2);
    release.tell(0);
    world.run();
    expect(got).toEqual([1]);
  });
});
