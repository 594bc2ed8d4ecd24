/** The event stream across threads: whoever subscribes hears what is published on any of them. */
import { type ActorRef, actorFailures, type DeadLetter, deadLetters, defineActor, type MessageOf } from 'sanswitch';
import { expect, it } from 'vitest';
import type Crier from '../fixtures/actors/crier.js';
import { cries } from '../fixtures/actors/crier.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

const crier = (runtime: Awaited<ReturnType<typeof runtimeOf>>, worker: number) =>
  runtime.spawn<typeof Crier>(moduleUrl('crier'), undefined, { worker });

/** An actor of this thread that keeps what it is told. */
async function notebook(runtime: Awaited<ReturnType<typeof runtimeOf>>) {
  const notes: string[] = [];
  const ref = await runtime.spawn(
    defineActor<string, void>(() => (text) => {
      notes.push(text);
    }),
    undefined,
  );
  return { notes, ref };
}

const listen = (ref: ActorRef<MessageOf<typeof Crier>>, report: ActorRef<string>) => ref.tell({ do: 'listen', report });

it('a listener and actors of several threads hear what is published on one of them, once and in order', async () => {
  const runtime = await runtimeOf({ workers: 3 });
  const criers = await Promise.all([0, 1, 2].map((worker) => crier(runtime, worker)));
  const { notes, ref } = await notebook(runtime);
  const heard: string[] = [];
  runtime.events.listen(cries, ({ text }) => heard.push(text));
  listen(criers[1], ref);
  listen(criers[2], ref);
  await until('both listen', () => notes.length === 2);
  // The notices have gone to all threads before this, but not the same way.
  await until('a cry is heard everywhere', async () => {
    criers[0].tell({ do: 'cry', text: 'is anybody here?', times: 1 });
    await new Promise((resolve) => setTimeout(resolve, 10));
    return notes.filter((text) => text.startsWith('is anybody')).length >= 2;
  });
  notes.length = 0;
  heard.length = 0;
  criers[0].tell({ do: 'cry', text: 'number ', times: 100 });
  await until('all have heard all', () => notes.length === 200 && heard.length === 100);
  const expected = Array.from({ length: 100 }, (_, i) => `number ${i}`);
  expect(heard).toEqual(expected);
  for (const text of expected) expect(notes.filter((note) => note === text)).toHaveLength(2);
});

it('who unsubscribes hears no more, and nothing is sent where nobody listens', async () => {
  const runtime = await runtimeOf();
  const [one, other] = await Promise.all([crier(runtime, 0), crier(runtime, 1)]);
  const { notes, ref } = await notebook(runtime);
  listen(other, ref);
  await until('it hears', async () => {
    one.tell({ do: 'cry', text: 'a', times: 1 });
    return notes.includes('a0');
  });
  other.tell({ do: 'ignore', report: ref });
  await until('it ignores', () => notes.includes('ignore'));
  const sent = async () => (await runtime.stats()).workers[0]?.host?.mail.find(({ peer }) => peer === 2)?.sent ?? -1;
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = await sent();
  expect(before).toBeGreaterThan(0);
  one.tell({ do: 'cry', text: 'b', times: 10 });
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(await sent()).toBe(before);
  expect(notes.filter((text) => text.startsWith('b'))).toEqual([]);
});

it('dead letters of workers reach the thread that made the runtime, whatever is in them', async () => {
  const runtime = await runtimeOf();
  const one = await crier(runtime, 0);
  const { ref: dead } = await notebook(runtime);
  runtime.stop(dead);
  const letters: DeadLetter[] = [];
  runtime.events.listen(deadLetters, (letter) => letters.push(letter));
  await until('the worker knows', async () => {
    one.tell({ do: 'tell-the-dead', dead: dead as ActorRef<unknown> });
    await new Promise((resolve) => setTimeout(resolve, 10));
    return letters.length >= 2;
  });
  expect(letters[0]).toMatchObject({ message: 'can be sent', reason: 'no-actor' });
  expect(letters[0]?.to.equals(dead.address)).toBe(true);
  expect(letters[1]?.message).toContain('can not be sent');
});

it('an event that can not be sent is an error where it is published, if another thread wants it', async () => {
  const runtime = await runtimeOf();
  const one = await crier(runtime, 0);
  const failures: unknown[] = [];
  runtime.events.listen(actorFailures, ({ error }) => failures.push(error));
  const heard: string[] = [];
  runtime.events.listen(cries, ({ text }) => heard.push(text));
  await until('it is heard', async () => {
    one.tell({ do: 'cry', text: 'a', times: 1 });
    return heard.length > 0;
  });
  one.tell({ do: 'cry', text: 'x', times: 1, withFunction: true });
  await until('it fails', () => failures.length > 0);
  expect(String(failures[0])).toContain("a message can't hold [Function: extra]");
});

it('a worker that has come back is heard as before', async () => {
  const runtime = await runtimeOf();
  const heard: string[] = [];
  runtime.events.listen(cries, ({ text }) => heard.push(text));
  runtime.terminateWorker(0);
  await until('it is back', async () => {
    const [worker] = (await runtime.stats()).workers;
    return worker?.deaths === 1 && worker.state === 'up';
  });
  const one = await crier(runtime, 0);
  one.tell({ do: 'cry', text: 'again', times: 1 });
  await until('it is heard', () => heard.includes('again0'));
});

it('a thread that does not keep up misses events, which is counted, and nothing grows without bound', async () => {
  const runtime = await runtimeOf();
  const one = await crier(runtime, 0);
  let heard = 0;
  runtime.events.listen(cries, () => heard++);
  await until('it is heard', async () => {
    one.tell({ do: 'cry', text: 'a', times: 1 });
    return heard > 0;
  });
  // In a turn of its own the order goes at once, and what was cried before it has been heard.
  await new Promise((resolve) => setTimeout(resolve, 50));
  const before = heard;
  one.tell({ do: 'cry', text: 'much', times: 200_000 });
  const end_ms = performance.now() + 500;
  while (performance.now() < end_ms);
  const missed = async () => (await runtime.stats()).workers[0]?.host?.eventsMissed ?? 0;
  await until('each was heard or missed', async () => heard - before + (await missed()) >= 200_000);
  expect(await missed()).toBeGreaterThan(0);
});
