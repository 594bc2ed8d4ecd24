/** One thread's part of the actor runtime: its actors, their dispatcher, and what joins it to the other threads. */

import type { ActorAddress } from './address.js';
import { ActorCell } from './cell.js';
import { HostCore } from './core.js';
import type { DepthTable } from './depth-table.js';
import type { EventStream } from './events.js';
import type { HostOptions } from './options.js';
import { addressOf } from './refs.js';
import type { NameRegistry } from './registry.js';
import type { RemoteMail, Signal } from './remote.js';
import { Router, type Routing } from './router.js';
import type { ActorDefinition, ActorRef, AnyRef, MessageFields, SpawnOptions, StopReason } from './types.js';

export type { HostOptions } from './options.js';

/** Counters since the host was made, and what it holds now. */
export interface HostStats {
  readonly actors: number;
  readonly pendingAsks: number;
  readonly spawned: number;
  readonly stopped: number;
  readonly restarts: number;
  readonly failures: number;
  /** Messages that handlers were called with. */
  readonly handled: number;
  readonly deadLetters: number;
  /** Turns of actors that were ended by `turnMessages` or `turnUs`. */
  readonly preemptions: number;
}

/** One actor, for those who look at a host from outside. */
export interface ActorInfo {
  readonly address: ActorAddress;
  /** The name that it was spawned with. */
  readonly name: string | null;
  readonly parent: ActorAddress | null;
  /** Messages in its mailbox or on their way to it. */
  readonly depth: number;
  /** Messages that its handler was called with. */
  readonly handled: number;
  readonly restarts: number;
}

/** The host of one thread; see the top of this file. */
export class ActorHost {
  readonly id: number;
  private readonly core: HostCore;

  /** @throws InvalidOptionError */
  constructor(options: HostOptions = {}) {
    this.core = new HostCore(options);
    this.id = this.core.limits.id;
  }

  get depths(): DepthTable {
    return this.core.slots.depths;
  }

  get registry(): NameRegistry {
    return this.core.registry;
  }

  get events(): EventStream {
    return this.core.events;
  }

  /** What reaches other hosts; null while there are none. */
  get outside(): RemoteMail | null {
    return this.core.outside;
  }

  set outside(mail: RemoteMail | null) {
    this.core.outside = mail;
  }

  get isClosed(): boolean {
    return this.core.isClosed;
  }

  /** Spawns an actor without parent. @throws RuntimeClosedError, NameTakenError, NoBehaviourError, TooManyActorsError */
  spawn<M, A>(definition: ActorDefinition<M, A>, args: A, options?: SpawnOptions): ActorRef<M> {
    return this.core.spawn(null, definition, args, options);
  }

  /** Makes a router that lives until it is closed, or the host is. @throws InvalidOptionError */
  router<M>(routing: Routing<M>, routees: readonly ActorRef<M>[]): Router<M> {
    return new Router(this.core, routing, routees);
  }

  /** Delivers a message from another host, for which the teller has reserved a place (`DepthTable.reserve`). */
  deliver(slot: number, generation: number, message: unknown, sender: ActorAddress | null): void {
    this.core.deliver(slot, generation, message, sender);
  }

  /** A message from another host that can't be read: its place is given back. */
  undeliverable(slot: number, generation: number, sender: ActorAddress | null): void {
    this.core.undeliverable(slot, generation, sender);
  }

  /** The fields that an actor of this host declares for its messages, if it lives and declares any. */
  fieldsOf(slot: number, generation: number): MessageFields | undefined {
    const recipient = this.core.slots.find(slot, generation);
    return recipient instanceof ActorCell ? recipient.definition?.message : undefined;
  }

  /** Takes a system message from another host. */
  signalled(slot: number, generation: number, signal: Signal): void {
    this.core.signalled(slot, generation, signal);
  }

  /** A live reference to an actor of any host, say from an address that came in a message. */
  ref<M>(address: ActorAddress): ActorRef<M> {
    return this.core.refOf(address) as ActorRef<M>;
  }

  /** Stops an actor of this host, or asks another host to. */
  stop(ref: AnyRef): void {
    this.core.sendSignal(addressOf(ref), { kind: 'stop' });
  }

  /** Calls `ended` once when that actor, of any host, has ended. */
  watch(address: ActorAddress, ended: (address: ActorAddress, reason: StopReason) => void): void {
    this.core.agent.watch(address, ended);
  }

  /** Takes a `watch` back. */
  unwatch(address: ActorAddress, ended: (address: ActorAddress) => void): void {
    this.core.agent.unwatch(address, ended);
  }

  /** Another host is gone: its actors have ended as far as anybody here watches them. */
  hostDied(id: number): void {
    for (const watcher of [...this.core.abroad]) watcher.hostDied(id);
  }

  /** Lets ready actors run now, for `dispatchUs` at most: for the mail links, at the end of a batch. */
  run(): void {
    this.core.dispatcher.run();
  }

  stats(): HostStats {
    const { actors, pendingAsks, spawned, restarts, failures, handled, deadLetters, dispatcher } = this.core;
    const { preemptions } = dispatcher;
    const stopped = spawned - actors;
    return { actors, pendingAsks, spawned, stopped, restarts, failures, handled, deadLetters, preemptions };
  }

  /** Messages in mailboxes, and handlers that have not come to their end. Looks at every actor. */
  countPending(): number {
    let pending = 0;
    for (const cell of this.core.cells()) pending += cell.pendingCount;
    return pending;
  }

  /** Every actor of this host, as of now. Takes time in proportion to their number. */
  actors(): ActorInfo[] {
    const infos: ActorInfo[] = [];
    for (const { address, name, parent, handled, lives } of this.core.cells()) {
      const depth = this.depths.depth(address.slot);
      infos.push({ address, name, parent: parent?.address ?? null, depth, handled, restarts: Math.max(0, lives - 1) });
    }
    return infos;
  }

  /** Stops every actor, children first, and fails pending asks. Settles when the last one has ended. */
  close(): Promise<void> {
    return this.core.close();
  }
}
