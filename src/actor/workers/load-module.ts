/** Actor modules: what `defineActor` returns is their default export. */
import { NoBehaviourError, showValue } from '../../errors.js';
import type { ActorDefinition } from '../types.js';

/** Any definition; what its actors take is known where the module is named. */
export type AnyDefinition = ActorDefinition<unknown, unknown>;

function isDefinition(value: unknown): value is AnyDefinition {
  return value !== null && typeof value === 'object' && typeof (value as { create?: unknown }).create === 'function';
}

/**
 * Loads an actor module into this thread; the module system sees to it that this happens once.
 * @param url absolute @throws NoBehaviourError: it can't be loaded, or its default export is none of `defineActor`'s
 */
export async function loadActorModule(url: string): Promise<AnyDefinition> {
  let exported: unknown;
  try {
    exported = ((await import(url)) as { default?: unknown }).default;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : showValue(error);
    throw new NoBehaviourError(`the actor module ${url} can't be loaded: ${why}`, { cause: error });
  }
  if (isDefinition(exported)) return exported;
  throw new NoBehaviourError(
    `the actor module ${url} exports no behaviour: its default export must be what defineActor returns, not ${showValue(exported)}`,
  );
}
