/** Runtimes and actor modules for the tests of this folder. */
import { createRuntime, type Runtime, type RuntimeOptions } from 'sanswitch';
import { afterEach } from 'vitest';
import { patience } from './places.js';

const open = new Set<Runtime>();

/** An actor module of test/fixtures/actors. */
export function moduleUrl(name: string): URL {
  return new URL(`../../build/test/fixtures/actors/${name}.js`, import.meta.url);
}

/** A runtime that is closed when the test ends. */
export async function runtimeOf(options: RuntimeOptions = {}): Promise<Runtime> {
  const runtime = await createRuntime({ workers: 2, ...options });
  open.add(runtime);
  return runtime;
}

/** Waits until something holds. @throws after `limit_ms`, with `what` */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  limit_ms = patience(10_000),
): Promise<void> {
  const end_ms = performance.now() + limit_ms;
  while (!(await holds())) {
    if (performance.now() > end_ms) throw new Error(`not within ${limit_ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

afterEach(async () => {
  await Promise.all([...open].map((runtime) => runtime.close()));
  open.clear();
});
