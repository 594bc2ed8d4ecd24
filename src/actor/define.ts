/** How an actor is defined. */

import { NoBehaviourError, showValue } from '../errors.js';
import type { ActorContext, ActorDefinition, Behaviour, Receive } from './types.js';

/** What `defineActor` takes: how to make a behaviour, alone or with more about the actor. */
type Create<M, A> = ActorDefinition<M, A>['create'];

/**
 * Defines an actor that takes messages of type M and is made from A. The default export of an actor module.
 * @throws NoBehaviourError
 */
export function defineActor<M, A = void>(definition: Create<M, A> | ActorDefinition<M, A>): ActorDefinition<M, A> {
  return Object.freeze(typeof definition === 'function' ? { create: definition } : { ...checkDefinition(definition) });
}

/** @throws NoBehaviourError unless it is a definition, which a module's default export need not be */
export function checkDefinition<M, A>(definition: ActorDefinition<M, A>): ActorDefinition<M, A> {
  if (typeof definition?.create === 'function') return definition;
  throw new NoBehaviourError(`${showValue(definition)} is no actor definition: it has no function 'create'`);
}

/** What `create` or `become` was given, as a behaviour. @throws NoBehaviourError */
export function toBehaviour<M>(made: Behaviour<M> | Receive<M>): Behaviour<M> {
  if (typeof made === 'function') return { receive: made };
  if (typeof made?.receive === 'function') return made;
  throw new NoBehaviourError(`${showValue(made)} is no behaviour: it has no function 'receive'`);
}

/** Makes the behaviour of a definition. @throws NoBehaviourError, whatever `create` throws */
export function createBehaviour<M, A>(
  definition: ActorDefinition<M, A>,
  args: A,
  context: ActorContext<M>,
): Behaviour<M> {
  return toBehaviour(definition.create(args, context));
}
