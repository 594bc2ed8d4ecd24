/** Where and how an actor is spawned: the options of `runtime.spawn`, and their check. */
import { InvalidOptionError, showValue, WorkerDiedError } from '../../errors.js';
import { optionsObject } from '../options.js';
import type { SpawnOptions } from '../types.js';

/** Which worker an actor is spawned on: its number, from 0, or the one with the fewest actors spawned from outside. */
export type Placement = number | 'least-loaded';

/** What may be said where an actor is spawned through the runtime. */
export interface RuntimeSpawnOptions extends SpawnOptions {
  /** For the URL of a module only; what is no module runs on the calling thread. Default `least-loaded`. */
  readonly worker?: Placement;
}

const NAMES = ['name', 'mailbox', 'supervision', 'worker'];

/** @throws InvalidOptionError */
export function checkSpawnOptions(given: RuntimeSpawnOptions = {}): RuntimeSpawnOptions {
  return optionsObject('the options of an actor', given, NAMES);
}

/** An actor module's URL in full. @throws InvalidOptionError */
export function checkModuleUrl(given: URL | string): string {
  try {
    return new URL(given).href;
  } catch {
    throw new InvalidOptionError(
      `an actor's module is named by an absolute URL, as new URL('./actor.js', import.meta.url), not ${showValue(given)}`,
    );
  }
}

/** Says which worker. @throws InvalidOptionError; WorkerDiedError: none is up */
export function place(
  placement: Placement = 'least-loaded',
  workers: number,
  up: readonly number[],
  load: (worker: number) => number,
): number {
  if (placement === 'least-loaded') {
    const [first, ...others] = up;
    if (first === undefined) throw new WorkerDiedError('no worker is up: nothing can be spawned now');
    return others.reduce((best, worker) => (load(worker) < load(best) ? worker : best), first);
  }
  return checkWorker(placement, workers);
}

/** The number of a worker. @throws InvalidOptionError */
export function checkWorker(worker: unknown, workers: number): number {
  if (Number.isInteger(worker) && (worker as number) >= 0 && (worker as number) < workers) return worker as number;
  throw new InvalidOptionError(
    `a worker is named by an integer from 0 to ${workers - 1} (or 'least-loaded'), not by ${showValue(worker)}`,
  );
}
