/** The orderly end: what was told is handled, everything is given back, whatever the actors do. */
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { createRuntime } from 'sanswitch';
import { expect, it } from 'vitest';
import type Ending from '../fixtures/actors/ending.js';
import type Hand from '../fixtures/actors/hand.js';
import { moduleUrl, runtimeOf, until } from './runtimes.js';

const HAND = moduleUrl('hand');
const ENDING = moduleUrl('ending');

it('under load: what was told before is handled, and every actor has its last word', async () => {
  const runtime = await runtimeOf();
  const seen = new Int32Array(new SharedArrayBuffer(8));
  const ends = await Promise.all([0, 1].map((worker) => runtime.spawn<typeof Ending>(ENDING, seen, { worker })));
  for (const end of ends) for (let i = 0; i < 10_000; i++) end.tell('work');
  await runtime.close();
  expect([...seen]).toEqual([20_000, 2]);
  expect(ends[0]?.tell('work')).toBe('refused');
});

it('twice at once, and once more', async () => {
  const runtime = await runtimeOf();
  const closing = runtime.close();
  expect(runtime.close()).toBe(closing);
  await closing;
  await runtime.close();
  await runtime[Symbol.asyncDispose]();
});

it('asks that are under way fail', async () => {
  const runtime = await runtimeOf({ closeTimeoutMs: 500 });
  const ref = await runtime.spawn<typeof Hand>(HAND, { label: 'silent' });
  const asked = ref.ask(() => ({ do: 'add' }));
  await Promise.all([runtime.close(), expect(asked).rejects.toMatchObject({ code: 'ERR_SANSWITCH_RUNTIME_CLOSED' })]);
});

it('an actor that never returns is cut short when the time is over', async () => {
  const runtime = await runtimeOf({ closeTimeoutMs: 300 });
  const ref = await runtime.spawn<typeof Hand>(HAND, { label: 'stuck' });
  ref.tell({ do: 'block', ms: 1e9 });
  const begin_ms = performance.now();
  await runtime.close();
  expect(performance.now() - begin_ms).toBeLessThan(3_000);
});

it('while a worker dies', async () => {
  const runtime = await runtimeOf({ closeTimeoutMs: 2_000 });
  const ref = await runtime.spawn<typeof Hand>(HAND, { label: 'dying' }, { worker: 0, supervision: {} });
  ref.tell({ do: 'exit' });
  await runtime.close();
  expect(threads()).not.toContain('worker-0');
});

it('a start that fails leaves nothing behind', async () => {
  const before = threads().length;
  // No worker starts so soon.
  const options = { workers: 2, startTimeoutMs: 1 };
  await expect(createRuntime(options)).rejects.toMatchObject({ code: 'ERR_SANSWITCH_WORKER_DIED' });
  await until('its threads are gone', () => threads().length <= before);
});

/** Names of this process's threads. */
function threads(): string[] {
  return readdirSync('/proc/self/task').flatMap((task) => {
    try {
      return [readFileSync(`/proc/self/task/${task}/comm`, 'utf8').trim()];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

it('20 times: no descriptor, thread or memory stays', async () => {
  const file = new URL('../../build/test/fixtures/actor-cycles.js', import.meta.url).pathname;
  const { stdout } = await promisify(execFile)(process.execPath, ['--expose-gc', file, '20']);
  const { first, last } = JSON.parse(stdout) as Record<'first' | 'last', Record<'fds' | 'threads' | 'kib', number>>;
  expect(last.fds).toBe(first.fds);
  expect(last.threads).toBe(first.threads);
  expect(last.kib - first.kib).toBeLessThan(24 * 1024);
}, 60_000);
