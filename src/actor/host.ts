/** One thread's part of the actor runtime: its actors, their dispatcher, and what joins it to the other threads. */

import { NotMovableError } from '../errors.js';
import type { AnyBytes, StreamSocket } from '../socket/stream-socket.js';
import { type ActorAddress, addressOf } from './address.js';
import { ActorCell } from './cell.js';
import { HostCore, type HostSpawnOptions } from './core.js';
import { DepthGauge, type Depths } from './depth-gauge.js';
import type { DepthTable } from './depth-table.js';
import { type AudienceNotice, EventRelay } from './event-relay.js';
import type { EventStream } from './events.js';
import type { Moved } from './migration/departure.js';
import { Forwarder } from './migration/forwarder.js';
import { Mover, whyImmovable } from './migration/mover.js';
import type { Road } from './migration/road.js';
import { checkFunction, type HostOptions } from './options.js';
import type { NameRegistry } from './registry.js';
import type { RemoteMail, Signal } from './remote.js';
import { Router, type Routing } from './router.js';
import type { ActorSocketInfo } from './sockets/types.js';
import type { ActorDefinition, ActorRef, AnyRef, MessageFields, StopReason } from './types.js';

export type { HostOptions } from './options.js';

/** Counters since the host was made, and what it holds now. */
export interface HostStats {
  readonly actors: number;
  readonly pendingAsks: number;
  readonly spawned: number;
  /** Actors that have come from other workers, and that have left for others. */
  readonly arrived: number;
  readonly departed: number;
  readonly stopped: number;
  readonly restarts: number;
  readonly failures: number;
  /** Messages that handlers were called with. */
  readonly handled: number;
  /** Socket events that hooks were called with, or would have been if there were any. */
  readonly socketEvents: number;
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
  readonly sockets: readonly ActorSocketInfo[];
  /** Whether it can move to another host. */
  readonly movable: boolean;
}

const NO_SOCKETS: readonly ActorSocketInfo[] = [];

/** The host of one thread; see the top of this file. */
export class ActorHost {
  readonly id: number;
  private readonly core: HostCore;
  private readonly gauge: DepthGauge;

  /** @throws InvalidOptionError */
  constructor(options: HostOptions = {}) {
    this.core = new HostCore(options);
    this.id = this.core.limits.id;
    this.gauge = new DepthGauge(this.depths);
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

  /** Passes events on to other hosts. @param announce tells a host (null: all) what is wanted here @throws TooManyActorsError */
  relayEvents(announce: (host: number | null, notice: AudienceNotice) => void): EventRelay {
    return new EventRelay(this.core, announce);
  }

  get isClosed(): boolean {
    return this.core.isClosed;
  }

  /** Spawns an actor without parent. @throws RuntimeClosedError, NameTakenError, NoBehaviourError, TooManyActorsError */
  spawn<M, A>(definition: ActorDefinition<M, A>, args: A, options?: HostSpawnOptions): ActorRef<M> {
    return this.core.spawn(null, definition, args, options);
  }

  /**
   * Spawns an actor that has a connected socket: `connected` is its first event. The socket is the actor's from now on, its
   * handlers included; if this throws, it has been reset.
   * @throws RuntimeClosedError, NameTakenError, NoBehaviourError, TooManyActorsError
   */
  spawnSocket<M, A>(
    definition: ActorDefinition<M, A>,
    args: A,
    options: HostSpawnOptions,
    socket: StreamSocket<AnyBytes>,
  ): ActorRef<M> {
    return this.core.spawnSocket(definition, args, options, socket);
  }

  /** Has actors of this host move to others, and theirs to this one. */
  join(road: Road): void {
    this.core.mover = new Mover(this.core, road);
  }

  /** Has an actor of any host moved to another. @param settled called once, with its new address or why it stays */
  migrate(address: ActorAddress, to: number, settled: Moved): void {
    if (this.core.mover === null) settled(null, new NotMovableError('this host is alone: there is nowhere to move to'));
    else this.core.mover.migrate(address, to, settled);
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
    if (recipient instanceof Forwarder) return recipient.fields;
    return recipient instanceof ActorCell ? recipient.definition?.message : undefined;
  }

  /** Takes a system message from another host. */
  signalled(slot: number, generation: number, signal: Signal): void {
    this.core.signalled(slot, generation, signal);
  }

  /** A live reference to an actor of any host, say from an address that came in a message. */
  ref<M>(address: ActorAddress): ActorRef<M> {
    return this.core.refOf(addressOf(address)) as ActorRef<M>;
  }

  /** Stops an actor of this host, or asks another host to. */
  stop(ref: AnyRef): void {
    this.core.sendSignal(addressOf(ref), { kind: 'stop' });
  }

  /** Calls `ended` once when that actor, of any host, has ended. */
  watch(address: ActorAddress, ended: (address: ActorAddress, reason: StopReason) => void): void {
    this.core.agent.watch(addressOf(address), checkFunction('ended', ended));
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
    const { actors, pendingAsks, spawned, arrived, departed, restarts, failures } = this.core;
    const { handled, socketEvents, deadLetters, dispatcher } = this.core;
    const { preemptions } = dispatcher;
    const stopped = spawned + arrived - departed - actors;
    return {
      actors,
      pendingAsks,
      spawned,
      arrived,
      departed,
      stopped,
      restarts,
      failures,
      handled,
      socketEvents,
      deadLetters,
      preemptions,
    };
  }

  /** How full the mailboxes are. With more than 65,536 actors some of it is from the looks before. */
  depthsNow(): Depths {
    return this.gauge.look(this.core.slots.used);
  }

  /** Messages in mailboxes, handlers that have not come to their end, moves. Looks at every actor. */
  countPending(): number {
    let pending = this.core.mover?.pendingCount ?? 0;
    for (const recipient of this.core.slots) {
      if (recipient instanceof ActorCell || recipient instanceof Forwarder) pending += recipient.pendingCount;
    }
    return pending;
  }

  /** Every actor of this host, as of now. Takes time in proportion to their number. */
  actors(): ActorInfo[] {
    const infos: ActorInfo[] = [];
    for (const cell of this.core.cells()) {
      const { address, name, handled, lives, connections } = cell;
      const parent = cell.parent?.address ?? null;
      const depth = this.depths.depth(address.slot);
      const restarts = Math.max(0, lives - 1);
      const sockets = connections?.infos() ?? NO_SOCKETS;
      const movable = whyImmovable(cell) === null;
      infos.push({ address, name, parent, depth, handled, restarts, sockets, movable });
    }
    return infos;
  }

  /**
   * Closes the sockets of all actors in order, each within its switch's `closeTimeoutMs`; the actors hear `closed`. Settles
   * when the last one is closed.
   */
  async closeSockets(): Promise<void> {
    const closings: Promise<void>[] = [];
    for (const { connections } of this.core.cells()) if (connections !== null) closings.push(connections.close());
    await Promise.all(closings);
  }

  /** Stops every actor, children first, and fails pending asks. Settles when the last one has ended. */
  close(): Promise<void> {
    return this.core.close();
  }
}
