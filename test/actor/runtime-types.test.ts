/** What does not fit is an error of the type checker, which checks this file; here it is only seen that it is one. */
import { type ActorRef, defineActor, type Runtime } from 'sanswitch';
import { expect, expectTypeOf, it } from 'vitest';
import type Fields from '../fixtures/actors/fields.js';
import type Hand from '../fixtures/actors/hand.js';
import type Server from '../fixtures/actors/server.js';
import type Facts from '../fixtures/actors/socket-facts.js';
import { moduleUrl } from './runtimes.js';

/** Never called. */
async function misuses(runtime: Runtime): Promise<void> {
  const url = moduleUrl('hand');
  const ref = await runtime.spawn<typeof Hand>(url, { label: 'left' });
  ref.tell({ do: 'add' });
  // @ts-expect-error: no such order
  ref.tell({ do: 'nothing' });
  // @ts-expect-error: an order without what it needs
  ref.tell({ do: 'block' });
  // @ts-expect-error: arguments of another actor
  await runtime.spawn<typeof Hand>(url, { name: 'left' });
  // @ts-expect-error: no arguments
  await runtime.spawn<typeof Fields>(url, { label: 'left' });
  // Who needs none is given none.
  await runtime.spawn<typeof Fields>(url);
  await runtime.spawn(url);
  (await runtime.spawn(() => (text: string) => void text)).tell('text');
  // @ts-expect-error: arguments are wanted
  await runtime.spawn<typeof Hand>(url);
  // @ts-expect-error: arguments are wanted
  await runtime.spawn((limit: number) => (text: string) => void (text.length > limit));
  defineActor<string>((_, context) => {
    context.spawn(defineActor<number>(() => () => {})).tell(5);
    // @ts-expect-error: arguments are wanted
    context.spawn(defineActor<number, string>(() => () => {}));
    return () => {};
  });
  // @ts-expect-error: the answer is of another type
  ref.ask<string>((replyTo) => ({ do: 'count', replyTo }));
  // @ts-expect-error: a reference to one that takes other messages
  ref.tell({ do: 'forward', to: await runtime.spawn<string, undefined>(() => () => {}, undefined), times: 1 });
  const local = await runtime.spawn((limit: number) => (text: string) => void (text.length > limit), 5);
  // @ts-expect-error: a message of another type
  local.tell(5);

  const there = { port: 1, host: 'localhost' };
  const connected = await runtime.connect<typeof Hand>({ ...there, actor: url, args: { label: 'left' } });
  connected.tell({ do: 'add' });
  // @ts-expect-error: no such order
  connected.tell({ do: 'nothing' });
  // @ts-expect-error: no arguments
  await runtime.connect<typeof Hand>({ ...there, actor: url });
  // @ts-expect-error: arguments of another actor
  await runtime.listen<typeof Hand>({ actor: url, args: { name: 'left' } });
  // These may be left out.
  await runtime.listen<typeof Facts>({ actor: url });
  await runtime.listen<typeof Server>({ actor: url });
  await runtime.listen<typeof Server>({ actor: url, args: { greeting: 'hi' } });
  // @ts-expect-error: no such option
  await runtime.listen<typeof Server>({ actor: url, workers: 5 });
  // @ts-expect-error: a function does not say what it is made from
  await runtime.listen({ actor: (limit: number) => ({ received: () => void limit }) });
  const here = await runtime.connect({
    ...there,
    actor: (limit: number) => (text: string) => void (text.length > limit),
    args: 5,
  });
  // @ts-expect-error: a message of another type
  here.tell(5);
}

it('the type of an actor module says what its actors take', () => {
  expect(misuses).toBeTypeOf('function');
  type Spawned = Awaited<ReturnType<typeof spawnHand>>;
  const spawnHand = (runtime: Runtime) => runtime.spawn<typeof Hand>('', { label: '' });
  expectTypeOf<Spawned>().toExtend<ActorRef<{ do: 'add' }>>();
});
