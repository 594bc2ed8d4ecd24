/** Bad input: each case one clear error. */
import { inspect } from 'node:util';
import { createRuntime, deadLetters, defineActor, type RuntimeOptions, type RuntimeSpawnOptions } from 'sanswitch';
import { describe, expect, it } from 'vitest';
import type Hand from '../fixtures/actors/hand.js';
import { moduleUrl, runtimeOf } from './runtimes.js';

const HAND = moduleUrl('hand');
const coded = (code: string, message: RegExp) =>
  expect.objectContaining({ code: `ERR_SANSWITCH_${code}`, message: expect.stringMatching(message) });

describe('options of a runtime', () => {
  it.each<[object | null, RegExp]>([
    [{ workers: 0 }, /^workers must be an integer from 1 to 128, not 0$/],
    [{ workers: 1.5 }, /^workers must be/],
    [{ workers: '2' }, /^workers must be/],
    [{ workers: 129 }, /^workers must be/],
    [{ threads: 2 }, /^the options has no `threads`$/],
    [null, /^the options must be an object, not null$/],
    [{ turnMessages: 0 }, /^turnMessages must be/],
    [{ turnUs: Number.NaN }, /^turnUs must be/],
    [{ mailRingBytes: 100_000 }, /^mailRingBytes must be a power of two, not 100000$/],
    [{ mailRingBytes: 1024 }, /^mailRingBytes must be an integer/],
    [{ closeTimeoutMs: 0 }, /^closeTimeoutMs must be/],
    [{ spinBudgetUs: 2_000 }, /^spinBudgetUs must be a number from 0 to 1000, not 2000$/],
    [{ poller: 'both' }, /^poller must be one of inline, dedicated, not 'both'$/],
    [{ idleStrategy: 'sleepy' }, /^idleStrategy must be one of/],
    [{ workerRestarts: 5 }, /^workerRestarts must be an object, not 5$/],
    [{ workerRestarts: { max: -1 } }, /^workerRestarts\.max must be/],
    [{ rebalance: true }, /^rebalance must be an object, not true$/],
    [{ rebalance: { every: 5 } }, /^rebalance has no `every`$/],
    [{ rebalance: { everyMs: 5 } }, /^rebalance\.everyMs must be an integer from 10/],
    [{ rebalance: { ratio: 2 } }, /^rebalance\.ratio must be a number from 0 to 1, not 2$/],
    [{ resourceLimits: { heap: 5 } }, /^resourceLimits has no `heap`$/],
    [{ resourceLimits: { stackSizeMb: -5 } }, /^resourceLimits\.stackSizeMb must be a positive number, not -5$/],
  ])('%j', async (options, message) => {
    await expect(createRuntime(options as RuntimeOptions)).rejects.toEqual(coded('INVALID_OPTION', message));
  });
});

describe('spawn', () => {
  it.each<[unknown, RuntimeSpawnOptions | undefined, ReturnType<typeof coded>]>([
    [moduleUrl('missing'), undefined, coded('NO_BEHAVIOUR', /^the actor module .*missing\.js can't be loaded: /)],
    [moduleUrl('no-behaviour'), undefined, coded('NO_BEHAVIOUR', /no-behaviour\.js exports no behaviour: /)],
    [moduleUrl('throws'), undefined, coded('NO_BEHAVIOUR', /throws\.js can't be loaded: the module itself fails$/)],
    ['./hand.js', undefined, coded('INVALID_OPTION', /absolute URL/)],
    [HAND, { worker: 2 }, coded('INVALID_OPTION', /^a worker is named by an integer from 0 to 1/)],
    [HAND, { worker: 'most-loaded' as never }, coded('INVALID_OPTION', /^a worker is named by/)],
    [HAND, { thread: 1 } as never, coded('INVALID_OPTION', /^the options of an actor has no `thread`$/)],
    [HAND, { mailbox: { capacity: 0 } }, coded('INVALID_OPTION', /capacity/)],
    [HAND, { supervision: { decide: () => 'stop' } }, coded('INVALID_OPTION', /does not cross threads/)],
    [defineActor(() => () => {}), { worker: 0 }, coded('INVALID_OPTION', /only an actor module/)],
    [() => () => {}, { worker: 0 }, coded('INVALID_OPTION', /only an actor module/)],
    [moduleUrl('bad-fields'), undefined, coded('INVALID_OPTION', /^the message field 'a' can't have the type 'i31'$/)],
    [{ receive: () => {} }, undefined, coded('NO_BEHAVIOUR', /no actor definition/)],
  ])('%s %j', async (what, options, error) => {
    const runtime = await runtimeOf();
    await expect(runtime.spawn(what as URL, { label: 'x' } as never, options)).rejects.toEqual(error);
  });

  it('a name that is no text', async () => {
    const runtime = await runtimeOf();
    const spawn = (name: unknown) => runtime.spawn<typeof Hand>(HAND, { label: 'x' }, { name: name as string });
    await expect(spawn('')).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
    await expect(spawn(5)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG_TYPE' });
  });

  it('arguments that can not be sent', async () => {
    const runtime = await runtimeOf();
    const label = (() => {}) as unknown as string;
    await expect(runtime.spawn<typeof Hand>(HAND, { label })).rejects.toEqual(coded('NOT_SERIALIZABLE', /./));
  });

  it('what `create` throws comes back as it is, and leaves no name behind', async () => {
    const runtime = await runtimeOf();
    const spawn = (label: string) => runtime.spawn<typeof Hand>(HAND, { label }, { name: 'child' });
    const error = await spawn('unborn').catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(RangeError);
    expect(error).toMatchObject({ message: 'not to be' });
    await spawn('born');
  });

  it('on a closed runtime', async () => {
    const runtime = await runtimeOf();
    await runtime.close();
    const spawns = [runtime.spawn<typeof Hand>(HAND, { label: 'late' }), runtime.spawn(() => () => {}, undefined)];
    for (const spawn of spawns) await expect(spawn).rejects.toEqual(coded('RUNTIME_CLOSED', /closed/));
  });
});

describe('what takes a reference', () => {
  it.each([undefined, null, 5, 'a', {}])('is told when it gets %j', async (ref) => {
    const runtime = await runtimeOf();
    const error = coded('INVALID_OPTION', /is neither a reference to an actor nor an actor's address$/);
    const wrong = ref as never;
    await expect(runtime.migrate(wrong, 0)).rejects.toEqual(error);
    const calls = [
      () => runtime.stop(wrong),
      () => runtime.watch(wrong, () => {}),
      () => runtime.ref(wrong),
      () => runtime.router('round-robin', [wrong]),
      () => runtime.events.subscribe(deadLetters, wrong),
    ];
    for (const call of calls) expect(call).toThrow(error);
  });

  it('a watch or a listener without a function, a router without routees, a name that is no text', async () => {
    const runtime = await runtimeOf();
    const hand = await runtime.spawn<typeof Hand>(HAND, { label: 'x' });
    expect(() => runtime.watch(hand, undefined as never)).toThrow(coded('INVALID_OPTION', /^ended must be a function/));
    expect(() => runtime.events.listen(deadLetters, hand as never)).toThrow(
      coded('INVALID_OPTION', /^listener must be/),
    );
    expect(() => runtime.router('random', undefined as never)).toThrow(coded('INVALID_OPTION', /^routees must be/));
    expect(() => runtime.lookup(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
  });
});

it('a reference is shown as its address', async () => {
  const runtime = await runtimeOf();
  const there = await runtime.spawn<typeof Hand>(HAND, { label: 'x' });
  const here = await runtime.spawn(() => () => {}, undefined);
  for (const ref of [there, here, runtime.router('random', [here])]) {
    const text = String(ref.address);
    expect([String(ref), JSON.stringify({ ref }), inspect(ref)]).toEqual([
      text,
      `{"ref":"${text}"}`,
      `ActorRef <${text}>`,
    ]);
  }
});

it('a dead letter to another thread says whether the mailbox was full or its actor has ended', async () => {
  const runtime = await runtimeOf();
  const reasons: string[] = [];
  runtime.events.listen(deadLetters, ({ reason }) => reasons.push(reason));
  const small = await runtime.spawn<typeof Hand>(HAND, { label: 'x' }, { mailbox: { capacity: 1 } });
  const newest = { capacity: 1, policy: 'drop-newest' } as const;
  const picky = await runtime.spawn<typeof Hand>(HAND, { label: 'y' }, { mailbox: newest });
  const message = { do: 'add' } as const;
  // While they are busy with one message, another fills the mailbox.
  for (const busy of [small, picky]) busy.tell({ do: 'block', ms: 500 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect([small.tell(message), small.tell(message)]).toEqual(['queued', 'refused']);
  expect([picky.tell(message), picky.tell(message)]).toEqual(['queued', 'refused']);
  expect(reasons).toEqual(['full', 'dropped']);
  const ended = new Promise((resolve) => runtime.watch(small, resolve));
  runtime.stop(small);
  await ended;
  expect(small.tell(message)).toBe('refused');
  expect(reasons.at(-1)).toBe('no-actor');
});
