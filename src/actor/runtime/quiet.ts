/** Waits until all that was told has been handled. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostActivity } from './control.js';

const LOOK_EVERY_MS = 1;

/**
 * Looks at all threads again and again. Nothing pending anywhere in one look is not enough, for a message may be on its way
 * from a thread that was looked at early to one that was looked at late; but then the counts of the next look differ.
 * @param look one look at all threads
 * @param deadline_ms by performance.now()
 * @returns false: they were not quiet in time
 */
export async function quiet(look: () => Promise<readonly HostActivity[]>, deadline_ms: number): Promise<boolean> {
  let last = '';
  while (performance.now() < deadline_ms) {
    const activities = await look();
    const isIdle = activities.every(({ pending }) => pending === 0);
    const picture = activities.map(({ handled, sent, received }) => `${handled},${sent},${received}`).join(';');
    if (isIdle && picture === last) return true;
    last = isIdle ? picture : '';
    await sleep(LOOK_EVERY_MS);
  }
  return false;
}
