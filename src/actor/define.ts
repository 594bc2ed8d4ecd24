/** How an actor is defined. */

import { NoBehaviourError, showValue } from '../errors.js';
import type { ActorContext, ActorDefinition, Behaviour, BehaviourHooks, Receive } from './types.js';

/** What `defineActor` takes: how to make a behaviour, alone or with more about the actor. */
type Create<M, A> = ActorDefinition<M, A>['create'];

/** A behaviour as its cell holds it. Whether it takes messages is seen when one comes. */
export interface AnyBehaviour extends BehaviourHooks<unknown> {
  receive?: Receive<unknown> | undefined;
}

const SOCKET_HOOKS = ['connected', 'received', 'completed', 'drained', 'urgent', 'ended', 'closed'] as const;

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

/** Whether a behaviour hears of sockets at all. */
export function hasSocketHooks(behaviour: AnyBehaviour): boolean {
  return SOCKET_HOOKS.some((name) => typeof behaviour[name] === 'function');
}

/** What `create` or `become` was given, as a behaviour. @throws NoBehaviourError */
export function toBehaviour<M>(made: Behaviour<M> | Receive<M>): AnyBehaviour {
  if (typeof made === 'function') return { receive: made as Receive<unknown> };
  const behaviour = made as unknown as AnyBehaviour | null | undefined;
  if (typeof behaviour?.receive === 'function') return behaviour;
  const isSilent = behaviour != null && behaviour.receive === undefined && hasSocketHooks(behaviour);
  if (isSilent) return behaviour;
  throw new NoBehaviourError(`${showValue(made)} is no behaviour: it has no function 'receive', and no socket hook`);
}

/** Makes the behaviour of a definition. @throws NoBehaviourError, whatever `create` throws */
export function createBehaviour<M, A>(
  definition: ActorDefinition<M, A>,
  args: A,
  context: ActorContext<M>,
): AnyBehaviour {
  return toBehaviour(definition.create(args, context));
}
