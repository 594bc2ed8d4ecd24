/** What does not fit is an error of the type checker, which checks this file; here it is only seen that it is one. */
import type { ActorRef, Runtime } from 'sanswitch';
import { expect, expectTypeOf, it } from 'vitest';
import type Fields from '../fixtures/actors/fields.js';
import type Hand from '../fixtures/actors/hand.js';
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
  // @ts-expect-error: the answer is of another type
  ref.ask<string>((replyTo) => ({ do: 'count', replyTo }));
  // @ts-expect-error: a reference to one that takes other messages
  ref.tell({ do: 'forward', to: await runtime.spawn<string, undefined>(() => () => {}, undefined), times: 1 });
  const local = await runtime.spawn((limit: number) => (text: string) => void (text.length > limit), 5);
  // @ts-expect-error: a message of another type
  local.tell(5);
}

it('the type of an actor module says what its actors take', () => {
  expect(misuses).toBeTypeOf('function');
  type Spawned = Awaited<ReturnType<typeof spawnHand>>;
  const spawnHand = (runtime: Runtime) => runtime.spawn<typeof Hand>('', { label: '' });
  expectTypeOf<Spawned>().toExtend<ActorRef<{ do: 'add' }>>();
});
