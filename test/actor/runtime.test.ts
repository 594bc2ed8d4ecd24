/** Actors on workers: spawned, told, asked, watched, named, counted. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { readdirSync, readFileSync } from 'node:fs';
import { type ActorRef, defineActor, type Runtime } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import type Fields from '../fixtures/actors/fields.js';
import type Hand from '../fixtures/actors/hand.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

const HAND = moduleUrl('hand');

function hand(runtime: Runtime, worker: number, name?: string) {
  return runtime.spawn<typeof Hand>(HAND, { label: 'hand' }, { worker, name });
}

describe('messages', () => {
  it('an ask reaches an actor on a worker, and its answer comes back', async () => {
    const runtime = await runtimeOf();
    const ref = await hand(runtime, 1);
    const value = { text: 'what', list: [1, 2n, null], when: new Date(5), bytes: new Uint8Array([1, 2]) };
    expect(await ref.ask((replyTo) => ({ do: 'echo', value, replyTo }))).toEqual(value);
  });

  it('messages of one teller arrive in order, and all of them', async () => {
    const runtime = await runtimeOf();
    const [one, other] = await Promise.all([hand(runtime, 0), hand(runtime, 1)]);
    expect(one.tell({ do: 'forward', to: other, times: 50_000 })).toBe('sent');
    const count = () => other.ask<number>((replyTo) => ({ do: 'count', replyTo }));
    await until('all have arrived', async () => (await count()) === 50_000);
  });

  it('who is answered anything but `sent` by an actor of another thread is told of room', {
    timeout: 20_000,
  }, async () => {
    const runtime = await runtimeOf();
    const mailbox = { capacity: 100, policy: 'back-pressure' } as const;
    const slow = await runtime.spawn<typeof Hand>(HAND, { label: 'slow' }, { worker: 0, mailbox });
    const teller = await runtime.spawn(
      defineActor<ActorRef<number>, void>(() => {
        const total = 2_000;
        let told = 0;
        let report: ActorRef<number> | null = null;
        const goOn = () => {
          while (told < total) {
            const result = slow.tell({ do: 'add' });
            if (result !== 'refused') told++;
            if (result !== 'sent') return;
          }
          report?.tell(told);
        };
        return {
          receive(replyTo) {
            report = replyTo;
            slow.tell({ do: 'block', ms: 50 });
            goOn();
          },
          mailboxDrained: goOn,
        };
      }),
      undefined,
    );
    expect(await teller.ask<number>((replyTo) => replyTo, { timeoutMs: 15_000 })).toBe(2_000);
    await until('all have arrived', async () => {
      return (await slow.ask<number>((replyTo) => ({ do: 'count', replyTo }))) === 2_000;
    });
  });

  it('a reference stays one through every thread', async () => {
    const runtime = await runtimeOf();
    const [one, other] = await Promise.all([hand(runtime, 0), hand(runtime, 1)]);
    const answer = await one.ask<unknown>((replyTo) => ({ do: 'echo', value: { ref: other }, replyTo }));
    const back = answer as { readonly ref: typeof other };
    expect(back.ref.address.equals(other.address)).toBe(true);
    expect(await back.ref.ask((replyTo) => ({ do: 'count', replyTo }))).toBe(0);
  });

  it('an actor on the calling thread is told by one on a worker', async () => {
    const runtime = await runtimeOf();
    const ref = await hand(runtime, 0);
    const said = new Promise((resolve) => {
      void runtime
        .spawn(
          defineActor<unknown>(() => resolve),
          undefined,
        )
        .then((local) => {
          ref.tell({ do: 'echo', value: 'hello', replyTo: local });
        });
    });
    expect(await said).toBe('hello');
  });

  it('what no serialization takes is an error at the teller, and harms nobody', async () => {
    const runtime = await runtimeOf();
    const ref = await hand(runtime, 0);
    const bad = () => ref.tell({ do: 'echo', value: () => {}, replyTo: null as unknown as ActorRef<unknown> });
    expect(bad).toThrow(expect.objectContaining({ code: 'ERR_SANSWITCH_NOT_SERIALIZABLE' }));
    expect(await ref.ask((replyTo) => ({ do: 'count', replyTo }))).toBe(0);
  });

  it('a mailbox is bounded for tellers of all threads together', async () => {
    const runtime = await runtimeOf();
    const full = await runtime.spawn<typeof Hand>(HAND, { label: 'full' }, { worker: 1, mailbox: { capacity: 100 } });
    full.tell({ do: 'block', ms: 200 });
    const results = Array.from({ length: 200 }, () => full.tell({ do: 'add' }));
    const accepted = results.filter((result) => result !== 'refused').length;
    expect(accepted).toBeGreaterThanOrEqual(99);
    expect(accepted).toBeLessThanOrEqual(101);
    const count = () => full.ask<number>((replyTo) => ({ do: 'count', replyTo })).catch(() => Number.NaN);
    await until('what was accepted is handled', async () => (await count()) === accepted);
    expect(full.tell({ do: 'add' })).toBe('sent');
  });

  it('messages of declared fields arrive as they are', async () => {
    const runtime = await runtimeOf();
    const url = moduleUrl('fields');
    const ref = await runtime.spawn<typeof Fields>(url, undefined);
    for (let i = 0; i < 3; i++) {
      const message = { a: -i, b: i / 3, text: `text ${i}`, flag: i % 2 === 0 };
      expect(await ref.ask((replyTo) => ({ ...message, replyTo }))).toEqual({ ...message, count: i + 1 });
    }
    // One that is of another form than was declared goes its own way.
    expect(await ref.ask((replyTo) => ({ a: 2 ** 40, b: 0, text: '', flag: false, replyTo }))).toMatchObject({
      a: 2 ** 40,
    });
  });
});

describe('death watch', () => {
  it('an actor on another worker that stops, or fails for good, is reported', async () => {
    const runtime = await runtimeOf();
    for (const [order, reason] of [
      ['stop', 'stopped'],
      ['throw', 'failed'],
    ] as const) {
      const watcher = await hand(runtime, 0);
      const other = await runtime.spawn<typeof Hand>(
        HAND,
        { label: 'other' },
        { worker: 1, supervision: { maxRestarts: 0 } },
      );
      const heard: string[] = [];
      const report = await runtime.spawn<string, undefined>(() => (text) => void heard.push(text), undefined);
      watcher.tell({ do: 'watch', other, report });
      await until('it watches', () => heard.length === 1);
      // What comes after the watch on the same way: the order below takes another, and might be there first.
      watcher.tell({ do: 'forward', to: other, times: 1 });
      await until(
        'the other one knows',
        async () => (await other.ask<number>((to) => ({ do: 'count', replyTo: to }))) === 1,
      );
      other.tell({ do: order });
      await until('it has heard', () => heard.length === 2);
      expect(heard[1]).toBe(`terminated ${reason}`);
    }
  });

  it('a failure restarts that actor alone', async () => {
    const runtime = await runtimeOf();
    const [bad, good] = await Promise.all([hand(runtime, 0), hand(runtime, 0)]);
    good.tell({ do: 'add' });
    for (const order of ['throw', 'reject'] as const) {
      bad.tell({ do: 'add' });
      bad.tell({ do: order });
      expect(await bad.ask((replyTo) => ({ do: 'count', replyTo }))).toBe(0);
    }
    expect(await good.ask((replyTo) => ({ do: 'count', replyTo }))).toBe(1);
    const { workers } = await runtime.stats();
    expect(workers[0]?.host).toMatchObject({ restarts: 2, failures: 2 });
  });

  it('the runtime can watch and stop an actor anywhere', async () => {
    const runtime = await runtimeOf();
    const ref = await hand(runtime, 1);
    const ended = new Promise((resolve) => runtime.watch(ref, (_, reason) => resolve(reason)));
    runtime.stop(ref);
    expect(await ended).toBe('stopped');
    expect(ref.tell({ do: 'add' })).toBe('refused');
  });
});

describe('placement and names', () => {
  it('actors go to the worker with the fewest', async () => {
    const runtime = await runtimeOf();
    await hand(runtime, 0);
    const refs = await Promise.all([1, 2, 3].map(() => runtime.spawn<typeof Hand>(HAND, { label: 'any' })));
    const { workers } = await runtime.stats();
    expect(workers.map(({ roots }) => roots).sort()).toEqual([2, 2]);
    const [first] = refs;
    if (first) runtime.stop(first);
    await until(
      'one less',
      async () => (await runtime.stats()).workers.reduce((sum, { roots }) => sum + roots, 0) === 3,
    );
  });

  it('a name is known everywhere, taken once, and free again', async () => {
    const runtime = await runtimeOf();
    const ref = await hand(runtime, 1, 'left hand');
    expect(runtime.lookup('left hand')?.address.equals(ref.address)).toBe(true);
    await expect(hand(runtime, 0, 'left hand')).rejects.toMatchObject({ code: 'ERR_SANSWITCH_NAME_TAKEN' });
    await expect(Promise.all([hand(runtime, 0, 'right'), hand(runtime, 1, 'right')])).rejects.toMatchObject({
      code: 'ERR_SANSWITCH_NAME_TAKEN',
    });
    runtime.stop(ref);
    await until('the name is free', () => runtime.lookup('left hand') === undefined);
    await hand(runtime, 0, 'left hand');
  });
});

describe('what can be seen', () => {
  it('stats name every thread, and count', async () => {
    const runtime = await runtimeOf();
    const ref = await hand(runtime, 0);
    await ref.ask((replyTo) => ({ do: 'count', replyTo }));
    const { main, workers } = await runtime.stats();
    expect(main.name).toBe('main');
    expect(workers.map(({ worker, state, deaths, host }) => ({ worker, state, deaths, name: host?.name }))).toEqual([
      { worker: 0, state: 'up', deaths: 0, name: 'worker-0' },
      { worker: 1, state: 'up', deaths: 0, name: 'worker-1' },
    ]);
    expect(workers[0]?.host).toMatchObject({ actors: 1, handled: 1 });
    expect(workers[0]?.eventLoopUtilization?.utilization).toBeGreaterThan(0);
    expect(main.mail.reduce((sum, { received }) => sum + received, 0)).toBeGreaterThan(0);
  });

  it('stats look at every actor if they are asked to', async () => {
    const runtime = await runtimeOf();
    const ref = await hand(runtime, 1, 'left');
    ref.tell({ do: 'add' });
    await ref.ask((replyTo) => ({ do: 'count', replyTo }));
    const { main, workers } = await runtime.stats({ perActor: true });
    expect(main.perActor).toEqual([]);
    expect(workers[1]?.host?.perActor).toEqual([
      {
        address: ref.address.toString(),
        name: 'left',
        parent: null,
        depth: 0,
        handled: 2,
        restarts: 0,
        sockets: [],
        movable: true,
      },
    ]);
  });

  it('what happens to actors is published on diagnostics channels', async () => {
    const runtime = await runtimeOf();
    const heard: string[] = [];
    const note = (_event: unknown, name: string | symbol) => void heard.push(String(name));
    const names = ['actor-spawned', 'dead-letter', 'actor-failed', 'actor-ended'].map((what) => `sanswitch.${what}`);
    for (const name of names) subscribe(name, note);
    const ref = await runtime.spawn<string, undefined>(
      () => () => {
        throw new Error('as it must');
      },
      undefined,
      { supervision: { maxRestarts: 0 } },
    );
    const ended = new Promise((resolve) => runtime.watch(ref, resolve));
    ref.tell('fail');
    await ended;
    ref.tell('to nobody');
    for (const name of names) unsubscribe(name, note);
    expect(heard.sort()).toEqual([...names].sort());
  });

  it('a worker that does not answer is left out, and seen from outside', async () => {
    const runtime = await runtimeOf();
    const ref = await hand(runtime, 0);
    ref.tell({ do: 'block', ms: 1_500 });
    await until('it is blocked', async () => (await runtime.stats()).workers[0]?.host === null);
    expect((await runtime.stats()).workers[0]).toMatchObject({ state: 'up' });
  });

  it('threads are named', async () => {
    await runtimeOf();
    const names = readdirSync('/proc/self/task').map((task) =>
      readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim(),
    );
    expect(names).toEqual(expect.arrayContaining(['main', 'worker-0', 'worker-1']));
  });
});
