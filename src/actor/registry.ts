/** Names of actors: of a host alone, or of all hosts of a runtime. */

import { NameTakenError, showValue } from '../errors.js';
import { invalidArgType } from '../misuse.js';
import type { ActorAddress } from './address.js';
import type { EndWatcher } from './events.js';
import type { SharedNames } from './shared-names.js';
import type { ActorRef } from './types.js';

interface Owner {
  readonly ref: ActorRef<never>;
  /** What the watcher calls when that actor has ended. */
  readonly ended: () => void;
}

/** Which actor has which name, on every thread of a runtime at once. A name is free again when its actor has ended. */
export class NameRegistry {
  /** Those that were given here. */
  private readonly owners = new Map<string, Owner>();
  private readonly watcher: EndWatcher;
  private readonly shared: SharedNames | null;
  private readonly refOf: (address: ActorAddress) => ActorRef<never>;

  /** @param shared null: this host is alone */
  constructor(watcher: EndWatcher, shared: SharedNames | null, refOf: (address: ActorAddress) => ActorRef<never>) {
    this.watcher = watcher;
    this.shared = shared;
    this.refOf = refOf;
  }

  /** Gives an actor (of any host) a name. It may have several. @throws NameTakenError, InvalidOptionError, TooManyActorsError */
  register(name: string, ref: ActorRef<never>): void {
    this.check(name);
    if (this.shared?.claim(name, ref.address) === false) throw taken(name);
    this.own(name, ref);
  }

  /** @throws NameTakenError, InvalidOptionError, TypeError @see register */
  check(name: string): void {
    if (typeof name !== 'string' || name === '') throw invalidArgType('name', 'a string that is not empty', name);
    if (this.owners.has(name) || (this.shared !== null && this.shared.find(name) !== null)) throw taken(name);
  }

  /** The actor of that name. Its message type is what the caller says it is. @throws TypeError */
  lookup<M>(name: string): ActorRef<M> | undefined {
    if (typeof name !== 'string') throw invalidArgType('name', 'of type string', name);
    return (this.owners.get(name)?.ref ?? this.lookUpShared(name)) as ActorRef<M> | undefined;
  }

  private lookUpShared(name: string): ActorRef<never> | undefined {
    const address = this.shared?.find(name) ?? null;
    return address === null ? undefined : this.refOf(address);
  }

  /** Frees a name that was given on this thread. @param address only if this actor has it @returns whether it did */
  unregister(name: string, address?: ActorAddress): boolean {
    const owner = this.owners.get(name);
    if (owner === undefined || (address !== undefined && !owner.ref.address.equals(address))) return false;
    this.owners.delete(name);
    this.shared?.release(name, owner.ref.address);
    this.watcher.unwatch(owner.ref.address, owner.ended);
    return true;
  }

  /** An actor of this host lives elsewhere now: its names lead there. @returns those that were given here */
  handOver(from: ActorAddress, to: ActorAddress): string[] {
    const names: string[] = [];
    for (const [name, { ref, ended }] of this.owners) {
      if (!ref.address.equals(from)) continue;
      names.push(name);
      this.owners.delete(name);
      this.shared?.move(name, from, to);
      this.watcher.unwatch(from, ended);
    }
    return names;
  }

  /** An actor that was handed over, and has its name already on every thread, lives here. */
  takeOver(name: string, ref: ActorRef<never>): void {
    this.own(name, ref);
  }

  /** The host that a name was handed over to has died, perhaps before it knew. */
  disown(name: string, address: ActorAddress): void {
    this.shared?.release(name, address);
  }

  /** Every name with its actor, as of now. */
  entries(): [name: string, ref: ActorRef<never>][] {
    if (this.shared !== null) return this.shared.entries().map(([name, address]) => [name, this.refOf(address)]);
    return [...this.owners].map(([name, { ref }]) => [name, ref]);
  }

  private own(name: string, ref: ActorRef<never>): void {
    const ended = () => void this.unregister(name, ref.address);
    this.owners.set(name, { ref, ended });
    this.watcher.watch(ref.address, ended);
  }
}

function taken(name: string): NameTakenError {
  return new NameTakenError(`the name ${showValue(name)} is taken`);
}
