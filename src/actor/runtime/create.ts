/** The beginning of an actor runtime. */
import type { RuntimeOptions } from './options.js';
import type { Runtime } from './runtime.js';

/**
 * Starts the workers of an actor runtime.
 * @throws InvalidOptionError, NativeUnavailableError, WorkerDiedError: a worker could not be started (as rejections)
 */
export async function createRuntime(options?: RuntimeOptions): Promise<Runtime> {
  // What hosts and steers threads takes 60 ms to load: only who has actors pays for it.
  const { Runtime } = await import('./runtime.js');
  return Runtime.create(options);
}
