/** Names of a host's actors. */

import { NameTakenError, showValue } from '../errors.js';
import { invalidArgType } from '../misuse.js';
import type { ActorAddress } from './address.js';
import type { EndWatcher } from './events.js';
import type { ActorRef } from './types.js';

interface Owner {
  readonly ref: ActorRef<never>;
  /** What the watcher calls when that actor has ended. */
  readonly ended: () => void;
}

/** Which actor has which name. A name is free again when its actor has ended. */
export class NameRegistry {
  private readonly owners = new Map<string, Owner>();
  private readonly watcher: EndWatcher;

  constructor(watcher: EndWatcher) {
    this.watcher = watcher;
  }

  /** Gives an actor (of any host) a name. It may have several. @throws NameTakenError */
  register(name: string, ref: ActorRef<never>): void {
    this.check(name);
    const ended = () => void this.unregister(name, ref.address);
    this.owners.set(name, { ref, ended });
    this.watcher.watch(ref.address, ended);
  }

  /** @throws NameTakenError, TypeError @see register */
  check(name: string): void {
    if (typeof name !== 'string' || name === '') throw invalidArgType('name', 'a string that is not empty', name);
    if (this.owners.has(name)) throw new NameTakenError(`the name ${showValue(name)} is taken`);
  }

  /** The actor of that name. Its message type is what the caller says it is. */
  lookup<M>(name: string): ActorRef<M> | undefined {
    return this.owners.get(name)?.ref as ActorRef<M> | undefined;
  }

  /** Frees a name. @param address only if this actor has it */
  unregister(name: string, address?: ActorAddress): boolean {
    const owner = this.owners.get(name);
    if (owner === undefined || (address !== undefined && !owner.ref.address.equals(address))) return false;
    this.owners.delete(name);
    this.watcher.unwatch(owner.ref.address, owner.ended);
    return true;
  }

  /** Every name with its actor, as of now. */
  entries(): [name: string, ref: ActorRef<never>][] {
    return [...this.owners].map(([name, { ref }]) => [name, ref]);
  }
}
