import { describe, expect, it } from 'vitest';
import { defineActor } from '#src/actor/define.js';
import type { ActorContext, ActorTimers } from '#src/actor/types.js';
import { ActorWorld, Deferred } from './world.js';

/** An actor that does something with its context when it starts, and notes when it gets what. */
function withActor(start: (context: ActorContext<string>) => void, receive?: (message: string) => void) {
  const world = new ActorWorld(1);
  const host = world.host();
  const log: string[] = [];
  const note = (text: string) => log.push(`${Math.round(world.nowUs / 1_000)} ${text}`);
  let kept: ActorContext<string> | undefined;
  const actor = defineActor<string>(() => ({
    receive(message) {
      note(message);
      receive?.(message);
    },
    started(context) {
      kept = context;
      start(context);
    },
    receiveTimeout: () => void note('time-out'),
  }));
  const ref = host.spawn(actor, undefined);
  return { world, host, ref, log, context: () => kept as ActorContext<string> };
}

describe('timers', () => {
  it('tell once or again and again, until they are cancelled', () => {
    const { world, log, context } = withActor(({ timers }) => {
      timers.once('a', 10, 'once');
      timers.every('b', 100, 'tick');
    });
    world.run(350);
    expect(log).toEqual(['10 once', '100 tick', '200 tick', '300 tick']);
    expect([context().timers.has('a'), context().timers.has('b')]).toEqual([false, true]);
    context().timers.cancel('b');
    world.run(1_000);
    expect(log).toHaveLength(4);
    expect(world.pendingTimers).toBe(0);
  });

  it('of the same key replace each other', () => {
    const { world, log } = withActor(({ timers }) => {
      timers.once('a', 10, 'first');
      timers.once('a', 20, 'second');
    });
    world.run(100);
    expect(log).toEqual(['20 second']);
  });

  it('that were cancelled never arrive, even if they have fired', () => {
    const wait = new Deferred();
    const { world, ref, log, context } = withActor(({ timers }) => timers.once('a', 10, 'late'));
    ref.tell('x');
    world.run(5);
    // The handler is held while the timer fires; then it cancels the timer whose message waits.
    context().become(() => {
      wait.then(() => context().timers.cancel('a'));
      return wait.promise;
    });
    ref.tell('hold');
    world.run(50);
    wait.resolve();
    world.run(50);
    expect(log).toEqual(['0 x']);
  });

  it('make no ticks up that the actor had no time for', () => {
    const wait = new Deferred();
    const { world, log, ref, context } = withActor(({ timers }) => timers.every('t', 10, 'tick'));
    world.run(1);
    context().become((message) => (message === 'hold' ? wait.promise : void log.push(message)));
    ref.tell('hold');
    world.run(1_000);
    wait.resolve();
    world.run(1);
    expect(log).toEqual(['tick']);
  });

  it('end with the actor, and with its life', () => {
    let old: ActorTimers<string> | undefined;
    const { world, host, ref, log } = withActor(
      ({ timers }) => {
        old ??= timers;
        if (old === timers) timers.every('t', 10, 'tick');
      },
      () => {
        throw new Error('fail at the first tick');
      },
    );
    world.run(100);
    expect(log).toEqual(['10 tick']);
    expect(() => old?.once('t', 1, 'x')).toThrow(/a life of the actor that is over/);
    host.stop(ref);
    world.run(100);
    expect(world.pendingTimers).toBe(0);
  });

  it.each([-1, Number.NaN, 2 ** 31, '5'])('take no delay of %s', (ms) => {
    const { world, context } = withActor(() => {});
    world.run(1);
    expect(() => context().timers.once('a', ms as number, 'x')).toThrow(/ms must be a number from/);
  });
});

describe('the receive time-out', () => {
  it('comes whenever there was no message for so long', () => {
    const { world, ref, log, context } = withActor((inner) => inner.setReceiveTimeout(100));
    world.run(50);
    ref.tell('hello');
    world.run(320);
    expect(log).toEqual(['50 hello', '150 time-out', '250 time-out', '350 time-out']);
    context().setReceiveTimeout(0);
    world.run(1_000);
    expect(log).toHaveLength(4);
    expect(world.pendingTimers).toBe(0);
  });

  it('ends with the actor', () => {
    const { world, host, ref } = withActor((inner) => inner.setReceiveTimeout(100));
    world.run(10);
    host.stop(ref);
    world.run(10);
    expect(world.pendingTimers).toBe(0);
  });
});
