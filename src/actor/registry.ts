/** Names of a host's actors. */

import { NameTakenError, showValue } from '../errors.js';
import { invalidArgType } from '../misuse.js';
import type { ActorAddress } from './address.js';
import type { EndWatcher } from './events.js';
import type { ActorRef } from './types.js';

/** Which actor has which name. A name is free again when its actor has ended. */
export class NameRegistry {
  private readonly refs = new Map<string, ActorRef<never>>();
  private readonly watcher: EndWatcher;

  constructor(watcher: EndWatcher) {
    this.watcher = watcher;
  }

  /** Gives an actor (of any host) a name. It may have several. @throws NameTakenError */
  register(name: string, ref: ActorRef<never>): void {
    this.check(name);
    this.refs.set(name, ref);
    this.watcher.watch(ref.address, (address) => this.unregister(name, address));
  }

  /** @throws NameTakenError, TypeError @see register */
  check(name: string): void {
    if (typeof name !== 'string' || name === '') throw invalidArgType('name', 'a string that is not empty', name);
    if (this.refs.has(name)) throw new NameTakenError(`the name ${showValue(name)} is taken`);
  }

  /** The actor of that name. Its message type is what the caller says it is. */
  lookup<M>(name: string): ActorRef<M> | undefined {
    return this.refs.get(name) as ActorRef<M> | undefined;
  }

  /** Frees a name. @param address only if this actor has it */
  unregister(name: string, address?: ActorAddress): boolean {
    const ref = this.refs.get(name);
    if (ref === undefined || (address !== undefined && !ref.address.equals(address))) return false;
    return this.refs.delete(name);
  }

  /** Every name with its actor, as of now. */
  entries(): [name: string, ref: ActorRef<never>][] {
    return [...this.refs];
  }
}
