/** Waiting, with an end. */
import { setTimeout as sleep } from 'node:timers/promises';

const LIMIT_MS = 10_000;

/** Waits until something holds. @throws Error after a while, with `what` */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end_ms = performance.now() + LIMIT_MS;
  while (!(await holds())) {
    if (performance.now() > end_ms) throw new Error(`not within ${LIMIT_MS} ms: ${what}`);
    await sleep(2);
  }
}
