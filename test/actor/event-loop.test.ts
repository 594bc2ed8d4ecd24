import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { defineActor } from '#src/actor/define.js';
import { ActorHost } from '#src/actor/host.js';
import type { ActorRef } from '#src/actor/types.js';

interface Sum {
  readonly numbers: readonly number[];
  readonly replyTo: ActorRef<number>;
}

describe('a host on the event loop of its thread', () => {
  let host = new ActorHost();
  afterEach(async () => {
    await host.close();
    host = new ActorHost();
  });

  it('answers asks, of handlers that wait as well', async () => {
    const adder = defineActor<Sum>(() => async ({ numbers, replyTo }) => {
      let sum = 0;
      for (const number of numbers) sum += await Promise.resolve(number);
      replyTo.tell(sum);
    });
    const ref = host.spawn(adder, undefined);
    const asks = Array.from({ length: 100 }, (_, i) => ref.ask<number>((replyTo) => ({ numbers: [i, 1], replyTo })));
    expect(await Promise.all(asks)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });

  it('keeps time', async () => {
    const got: string[] = [];
    const actor = defineActor<string>((_, { timers }) => {
      timers.once('once', 5, 'once');
      timers.every('tick', 10, 'tick');
      timers.once('never', 10, 'never');
      timers.cancel('never');
      return (message) => void got.push(message);
    });
    const ref = host.spawn(actor, undefined);
    await sleep(100);
    host.stop(ref);
    await sleep(20);
    const count = got.length;
    expect(got[0]).toBe('once');
    expect(got).not.toContain('never');
    expect(count).toBeGreaterThan(3);
    await sleep(30);
    expect(got).toHaveLength(count);
    await expect(ref.ask<string>(() => 'x')).rejects.toMatchObject({ code: 'ERR_SANSWITCH_ASK_REFUSED' });
  });

  it('lets the event loop in while actors keep each other busy', async () => {
    let rounds = 0;
    const pong = defineActor<ActorRef<unknown>>(() => (peer, context) => {
      rounds++;
      peer.tell(context.self);
    });
    const [a, b] = [host.spawn(pong, undefined), host.spawn(pong, undefined)];
    a.tell(b as ActorRef<unknown>);
    const start_ms = performance.now();
    await sleep(20);
    expect(performance.now() - start_ms).toBeLessThan(1_000);
    expect(rounds).toBeGreaterThan(100);
  });

  it('warns of a failure that nobody listens to', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    host
      .spawn(
        defineActor<number>(() => () => Promise.reject(new Error('unheard'))),
        undefined,
      )
      .tell(1);
    await sleep(20);
    expect(warned.mock.calls.map(([text]) => text)).toEqual([expect.stringMatching(/restarted: Error: unheard/)]);
    warned.mockRestore();
  });

  it('describes its actors', async () => {
    const parent = defineActor<number>((_, context) => {
      context.spawn(
        defineActor<number>(() => () => {}),
        undefined,
      );
      return () => {};
    });
    const ref = host.spawn(parent, undefined, { name: 'parent' });
    ref.tell(1);
    await sleep(10);
    ref.tell(2);
    expect(host.actors()).toMatchObject([
      { address: ref.address, name: 'parent', parent: null, depth: 1, handled: 1, restarts: 0 },
      { name: null, parent: ref.address, depth: 0, handled: 0 },
    ]);
  });
});
