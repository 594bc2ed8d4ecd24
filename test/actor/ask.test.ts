import { describe, expect, it } from 'vitest';
import { defineActor } from '#src/actor/define.js';
import type { ActorRef } from '#src/actor/types.js';
import { ActorWorld } from './world.js';

interface Question {
  readonly text: string;
  readonly replyTo: ActorRef<string>;
}

const echo = defineActor<Question>(
  () =>
    ({ text, replyTo }) =>
      void replyTo.tell(text),
);
const silent = defineActor<Question>(() => () => {});
const about =
  (text: string) =>
  (replyTo: ActorRef<string>): Question => ({ text, replyTo });
const codeOf = (promise: Promise<unknown>) =>
  promise.then(
    () => 'answered',
    (error: { code?: string }) => error.code,
  );

describe('ask', () => {
  it('answers with the first reply, here and across hosts; later ones are dead letters', async () => {
    const world = new ActorWorld(1);
    const [home, away] = [world.host(0), world.host(1)];
    const twice = defineActor<Question>(() => ({ text, replyTo }, context) => {
      const ref = context.ref<string>(replyTo.address);
      ref.tell(text);
      ref.tell('again');
    });
    for (const target of [home.spawn(twice, undefined), home.ref<Question>(away.spawn(twice, undefined).address)]) {
      const reply = target.ask(about('hello'));
      world.run(100);
      expect(await reply).toBe('hello');
    }
    expect(home.stats().pendingAsks).toBe(0);
    expect(home.stats().deadLetters + away.stats().deadLetters).toBe(2);
  });

  it('many at once get each their own reply, and leave nothing behind', async () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const ref = host.spawn(echo, undefined);
    const replies = Array.from({ length: 1_000 }, (_, i) => ref.ask(about(`${i}`)));
    expect(host.stats().pendingAsks).toBe(1_000);
    world.run();
    expect(await Promise.all(replies)).toEqual(Array.from({ length: 1_000 }, (_, i) => `${i}`));
    expect(host.stats().pendingAsks).toBe(0);
    expect(world.pendingTimers).toBe(0);
  });

  it('fails in time, each ask in its own, and the late reply is a dead letter', async () => {
    const world = new ActorWorld(1);
    const host = world.host();
    let late: ActorRef<string> | undefined;
    const ref = host.spawn(
      defineActor<Question>(() => ({ replyTo }) => {
        late = replyTo;
      }),
      undefined,
    );
    const ends: string[] = [];
    for (const timeoutMs of [300, 100, 200, 100]) {
      const note = (code: unknown) => ends.push(`${timeoutMs} ${code}`);
      void codeOf(ref.ask(about('?'), { timeoutMs })).then(note);
      world.run(10);
    }
    void codeOf(ref.ask(about('?'))).then((code) => ends.push(`default ${code}`));
    for (let i = 0; i < 60; i++) {
      world.run(100);
      await Promise.resolve().then(() => {});
    }
    await new Promise(setImmediate);
    const timedOut = 'ERR_SANSWITCH_ASK_TIMEOUT';
    expect(ends).toEqual([
      `100 ${timedOut}`,
      `100 ${timedOut}`,
      `200 ${timedOut}`,
      `300 ${timedOut}`,
      `default ${timedOut}`,
    ]);
    expect(late?.tell('late')).toBe('refused');
    expect(host.stats()).toMatchObject({ pendingAsks: 0, deadLetters: 1 });
  });

  it('ends with its AbortSignal, before or while it waits', async () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const ref = host.spawn(silent, undefined);
    const controller = new AbortController();
    const pending = codeOf(ref.ask(about('?'), { signal: controller.signal, timeoutMs: Number.POSITIVE_INFINITY }));
    world.run(10);
    controller.abort();
    expect(await pending).toBe('ABORT_ERR');
    expect(await codeOf(ref.ask(about('?'), { signal: controller.signal }))).toBe('ABORT_ERR');
    expect(host.stats().pendingAsks).toBe(0);
  });

  it('of an actor that refuses, or on a host that closes, fails at once', async () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const ref = host.spawn(silent, undefined, { mailbox: { capacity: 1 } });
    const first = codeOf(ref.ask(about('1')));
    expect(await codeOf(ref.ask(about('2')))).toBe('ERR_SANSWITCH_ASK_REFUSED');
    const closed = host.close();
    expect(await first).toBe('ERR_SANSWITCH_RUNTIME_CLOSED');
    expect(await codeOf(ref.ask(about('3')))).toBe('ERR_SANSWITCH_RUNTIME_CLOSED');
    world.run();
    await closed;
    expect(host.stats().pendingAsks).toBe(0);
    expect(world.pendingTimers).toBe(0);
  });

  it('rejects what `make` throws, and bad options', async () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const ref = host.spawn(silent, undefined);
    const broken = () => {
      throw new Error('no message');
    };
    await expect(ref.ask(broken)).rejects.toThrow('no message');
    for (const timeoutMs of [0, -1, Number.NaN, '1']) {
      expect(await codeOf(ref.ask(about('?'), { timeoutMs: timeoutMs as number }))).toBe(
        'ERR_SANSWITCH_INVALID_OPTION',
      );
    }
    expect(host.stats().pendingAsks).toBe(0);
  });

  it('forgets the lists of time-outs that nobody uses', () => {
    const world = new ActorWorld(1);
    const host = world.host();
    const ref = host.spawn(echo, undefined);
    for (let timeoutMs = 1; timeoutMs <= 500; timeoutMs++) {
      void ref.ask(about('?'), { timeoutMs });
      world.run();
    }
    expect(world.pendingTimers).toBe(0);
    expect(host.stats().handled).toBe(500);
  });
});
