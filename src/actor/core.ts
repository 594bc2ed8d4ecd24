/** The inside of a host: what its actors, asks and routers share. */

import { inspect } from 'node:util';
import { RuntimeClosedError } from '../errors.js';
import type { AnyBytes, StreamSocket } from '../socket/stream-socket.js';
import { ActorAddress } from './address.js';
import { HostAgent } from './agent.js';
import { AskTimers } from './ask.js';
import { ActorCell } from './cell.js';
import type { ActorClock } from './clock.js';
import { checkDefinition } from './define.js';
import { Dispatcher } from './dispatcher.js';
import { EventStream } from './events.js';
import { beginLife } from './lifecycle.js';
import { codecOfFields } from './mail/codecs.js';
import { QueuePool } from './message-queue.js';
import type { Mover } from './migration/mover.js';
import {
  type HostOptions,
  resolveHost,
  resolveMailbox,
  resolveRootSupervision,
  resolveSupervision,
} from './options.js';
import type { Recipient } from './recipient.js';
import { AddressRef } from './refs.js';
import { NameRegistry } from './registry.js';
import { answerForNobody, type RemoteMail, type Signal } from './remote.js';
import { SlotTable } from './slots.js';
import { giveSocket } from './sockets/give.js';
import type { SocketOrigin } from './sockets/moved.js';
import {
  type ActorMove,
  actorEnds,
  actorFailures,
  actorMoves,
  actorSpawns,
  type DeadLetterReason,
  deadLetters,
  handlersAbandoned,
  highWater,
} from './topics.js';
import type { ActorDefinition, ActorRef, MailboxOptions, SpawnOptions, StopReason, TellResult } from './types.js';

type Outcome = 'restarted' | 'resumed' | 'stopped' | 'escalated';

/** What the runtime adds where it spawns an actor. */
export interface HostSpawnOptions extends SpawnOptions {
  /** Absolute URL of the module that the definition is from: the actor can move to other hosts of its runtime. */
  readonly module?: string;
  /** Where the actor's socket comes from. Without it the actor can't move. */
  readonly origin?: SocketOrigin;
}

/** What a host is made of. The runtime sees it as `ActorHost`. */
export class HostCore {
  readonly limits: Required<Omit<HostOptions, 'names'>>;
  readonly clock: ActorClock;
  readonly slots: SlotTable;
  readonly dispatcher: Dispatcher<ActorCell>;
  readonly queues = new QueuePool();
  readonly agent: HostAgent;
  readonly events: EventStream;
  readonly registry: NameRegistry;
  readonly askTimers: AskTimers;
  /** Those who have watched, or wait for, actors of other hosts, or are watched by some: who must hear of a host that died. */
  readonly abroad = new Set<Recipient>();
  outside: RemoteMail | null = null;
  /** Null: this host is alone. */
  mover: Mover | null = null;
  isClosed = false;

  actors = 0;
  pendingAsks = 0;
  spawned = 0;
  /** Actors that have come from other hosts, and that have left for some. */
  arrived = 0;
  departed = 0;
  restarts = 0;
  failures = 0;
  handled = 0;
  socketEvents = 0;
  deadLetters = 0;
  private isTellingOfDeadLetter = false;
  private whenEmpty: (() => void) | null = null;

  /** @throws InvalidOptionError */
  constructor(options: HostOptions) {
    this.limits = resolveHost(options);
    this.clock = this.limits.clock;
    this.slots = new SlotTable(this.limits.id, this.limits.depths);
    this.dispatcher = new Dispatcher(this.limits);
    this.agent = new HostAgent(this);
    this.events = new EventStream(this.agent);
    this.registry = new NameRegistry(this.agent, options.names ?? null, (address) => this.refOf(address));
    this.askTimers = new AskTimers(this);
  }

  /** @see ActorHost.spawn, ActorContext.spawn */
  spawn<M, A>(
    parent: ActorCell | null,
    definition: ActorDefinition<M, A>,
    args: A,
    options: HostSpawnOptions = {},
  ): ActorRef<M> {
    if (this.isClosed) throw new RuntimeClosedError();
    checkDefinition(definition);
    // A declaration that can't be is found here, not when the first message comes from another thread.
    codecOfFields(definition.message);
    const resolve = parent === null ? resolveRootSupervision : resolveSupervision;
    const supervision = resolve(options.supervision);
    const mailbox = resolveMailbox(options.mailbox ?? definition.mailbox);
    if (options.name !== undefined) this.registry.check(options.name);
    const anyDefinition = definition as unknown as ActorDefinition<unknown, unknown>;
    const cell = new ActorCell({ core: this, parent, definition: anyDefinition, args, mailbox, supervision });
    cell.module = options.module ?? null;
    this.actors++;
    this.spawned++;
    if (parent !== null) {
      parent.children ??= new Set();
      parent.children.add(cell);
    }
    this.begin(cell, options.name);
    return cell.ref;
  }

  /** @see ActorHost.spawnSocket */
  spawnSocket<M, A>(
    definition: ActorDefinition<M, A>,
    args: A,
    options: HostSpawnOptions,
    stream: StreamSocket<AnyBytes>,
  ): ActorRef<M> {
    try {
      const ref = this.spawn(null, definition, args, options);
      giveSocket(this.cellOf(ref.address) as ActorCell, stream, options.origin ?? null);
      return ref;
    } catch (error) {
      stream.abort();
      throw error;
    }
  }

  /** Makes an actor that comes from another host; what fails before it stands ends it. @param prepare makes it a newcomer */
  arrive(
    definition: ActorDefinition<unknown, unknown>,
    args: unknown,
    options: MailboxOptions,
    prepare: (cell: ActorCell) => void,
  ): void {
    if (this.isClosed) throw new RuntimeClosedError();
    codecOfFields(definition.message);
    const mailbox = resolveMailbox(options);
    const supervision = resolveSupervision({ decide: () => 'stop' });
    const cell = new ActorCell({ core: this, parent: null, definition, args, mailbox, supervision });
    this.actors++;
    this.arrived++;
    prepare(cell);
    beginLife(cell);
  }

  /** An actor of this host lives on another one now. */
  cellLeft(): void {
    this.departed++;
    this.actors--;
    if (this.actors === 0) this.whenEmpty?.();
  }

  private begin(cell: ActorCell, name: string | undefined): void {
    try {
      if (name !== undefined) {
        this.registry.register(name, cell.ref);
        cell.name = name;
      }
      beginLife(cell);
      if (this.events.hasAudience(actorSpawns)) {
        const parent = cell.parent?.address ?? null;
        this.events.publish(actorSpawns, { address: cell.address, name: cell.name, parent });
      }
    } catch (error) {
      // The caller may try again at once, before the cell has ended.
      if (name !== undefined) this.registry.unregister(name, cell.address);
      throw error;
    }
  }

  refOf(address: ActorAddress): ActorRef<never> {
    const recipient = address.host === this.limits.id ? this.slots.find(address.slot, address.generation) : null;
    return recipient === null ? new AddressRef(this, address) : recipient.ref;
  }

  /** The actor of this host that has the address; null if it has ended, or is no actor. */
  cellOf(address: ActorAddress): ActorCell | null {
    const recipient = address.host === this.limits.id ? this.slots.find(address.slot, address.generation) : null;
    return recipient instanceof ActorCell ? recipient : null;
  }

  *cells(): Iterable<ActorCell> {
    for (const recipient of this.slots) if (recipient instanceof ActorCell) yield recipient;
  }

  /** Tells whoever has the address, on any host. */
  tellTo(address: ActorAddress, message: unknown, sender: ActorAddress | null): TellResult {
    const recipient = address.host === this.limits.id ? this.slots.find(address.slot, address.generation) : null;
    if (recipient !== null) return recipient.tellFrom(message, sender);
    return this.tellOutside(address, message, sender);
  }

  /** Tells an actor of another host; one of this host that is told this way has ended. */
  tellOutside(address: ActorAddress, message: unknown, sender: ActorAddress | null): TellResult {
    const isOurs = address.host === this.limits.id;
    if (!isOurs && this.outside !== null) {
      const result = this.outside.tell(address, message, sender);
      // Nobody else would ever hear of it.
      const wantsRoom = this.dispatcher.current?.behaviour?.mailboxDrained !== undefined;
      if (result !== 'sent' && sender !== null && wantsRoom)
        this.sendSignal(address, { kind: 'blocked', from: sender });
      if (result !== 'refused') return result;
    }
    const reason = isOurs ? 'no-actor' : (this.outside?.refusal(address) ?? 'unreachable');
    this.deadLetter(message, address, sender, reason);
    return 'refused';
  }

  sendSignal(address: ActorAddress, signal: Signal): void {
    if (address.host !== this.limits.id) {
      this.outside?.signal(address, signal);
      return;
    }
    const recipient = this.slots.find(address.slot, address.generation);
    if (recipient !== null) recipient.signal(signal);
    else this.answerInstead(address, signal);
  }

  /** Begins to watch for `watcher`; whom nobody can reach has ended. */
  sendWatch(address: ActorAddress, watcher: Recipient): void {
    if (address.host !== this.limits.id) {
      if (this.outside === null) return watcher.signal({ kind: 'terminated', from: address, reason: 'unknown' });
      this.abroad.add(watcher);
    }
    this.sendSignal(address, { kind: 'watch', from: watcher.address });
  }

  depthOf(address: ActorAddress): number {
    if (address.host !== this.limits.id) return this.outside?.depth(address) ?? Number.POSITIVE_INFINITY;
    return this.slots.depths.depth(address.slot);
  }

  /** Counts a message that reached nobody, and tells who wants to know. */
  deadLetter(message: unknown, to: ActorAddress, sender: ActorAddress | null, given: DeadLetterReason): void {
    this.deadLetters++;
    // A subscriber that can't be told either would go round in circles: such dead letters are only counted.
    if (this.isTellingOfDeadLetter || !this.events.hasAudience(deadLetters)) return;
    this.isTellingOfDeadLetter = true;
    const reason = this.isClosed ? 'closed' : given;
    this.events.publish(deadLetters, { message, to, sender, reason });
    this.isTellingOfDeadLetter = false;
  }

  /** Counts a failure and tells who wants to know; where nobody does, it is a warning of the process. */
  failed(address: ActorAddress, error: unknown, outcome: Outcome): void {
    this.failures++;
    if (this.events.hasAudience(actorFailures)) this.events.publish(actorFailures, { address, error, outcome });
    else process.emitWarning(`${address} failed and was ${outcome}: ${inspect(error)}`, 'ActorFailure');
  }

  highWater(address: ActorAddress, depth: number): void {
    if (this.events.hasAudience(highWater)) this.events.publish(highWater, { address, depth });
  }

  moved(move: ActorMove): void {
    if (this.events.hasAudience(actorMoves)) this.events.publish(actorMoves, move);
  }

  abandoned(address: ActorAddress): void {
    this.events.publish(handlersAbandoned, { address, afterMs: this.limits.stopTimeoutMs });
  }

  cellEnded(cell: ActorCell, reason: StopReason): void {
    this.actors--;
    if (this.events.hasAudience(actorEnds)) {
      this.events.publish(actorEnds, { address: cell.address, name: cell.name, reason });
    }
    if (this.actors === 0) this.whenEmpty?.();
  }

  signalled(slot: number, generation: number, signal: Signal): void {
    const recipient = this.slots.find(slot, generation);
    if (recipient !== null) recipient.signal(signal);
    else this.answerInstead(new ActorAddress(this.limits.id, slot, generation), signal);
  }

  deliver(slot: number, generation: number, message: unknown, sender: ActorAddress | null): void {
    const recipient = this.slots.find(slot, generation);
    if (recipient !== null) return recipient.accept(message, sender);
    // The place was reserved while the actor lived, or with whoever had the slot before.
    if (slot < this.slots.depths.slots) this.slots.depths.release(slot);
    this.deadLetter(message, new ActorAddress(this.limits.id, slot, generation), sender, 'no-actor');
  }

  undeliverable(slot: number, generation: number, sender: ActorAddress | null): void {
    if (slot < this.slots.depths.slots) this.slots.depths.release(slot);
    this.deadLetter(undefined, new ActorAddress(this.limits.id, slot, generation), sender, 'unreadable');
  }

  close(): Promise<void> {
    this.isClosed = true;
    for (const recipient of this.slots) recipient.hostClosed();
    this.askTimers.close();
    if (this.actors === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const others = this.whenEmpty;
      this.whenEmpty = () => {
        others?.();
        resolve();
      };
    });
  }

  private answerInstead(address: ActorAddress, signal: Signal): void {
    answerForNobody(address, signal, 'unknown', (to, answer) => this.sendSignal(to, answer));
  }
}
