/**
 * What stays behind at the address of an actor that has moved to another worker: it sends on what comes there, in order.
 *
 * When the actor moves again, every former address is told (`moved`) and sends there directly from then on, so that the
 * way never has more than one stop. What took the old way must not be overtaken by what takes the new one: a `fence` goes
 * the old way after it, and until that has arrived (`fenced`, which comes back the same way) all that comes is held back.
 *
 * A message keeps its place at the old address until it has one at the new: what was accepted here is not refused there.
 */
import { NotSerializableError } from '../../errors.js';
import type { ActorAddress } from '../address.js';
import type { HostCore } from '../core.js';
import type { MessageQueue } from '../message-queue.js';
import type { MailboxLimits } from '../options.js';
import type { Recipient } from '../recipient.js';
import type { LocalRef } from '../refs.js';
import type { Signal } from '../remote.js';
import type { MessageFields, StopReason, TellResult } from '../types.js';
import { announceEnd, forgetWatchers, heedWatcher, type Watched } from '../watch.js';

/** A fence of another forwarder that came while something was held back: it stands in the queue. */
class QueuedFence {
  readonly from: ActorAddress;

  constructor(from: ActorAddress) {
    this.from = from;
  }
}

/** What an actor leaves behind. */
export interface Remains {
  readonly core: HostCore;
  readonly address: ActorAddress;
  readonly ref: LocalRef;
  readonly limits: MailboxLimits;
  /** What its message fields are: tellers that know of them go on writing by them. */
  readonly fields: MessageFields | undefined;
  readonly watchers: Map<string, ActorAddress> | null;
  /** Messages that it has not handled, in order; each has its place. */
  readonly waiting: MessageQueue | null;
  /** Names that were given on this host. */
  readonly names: readonly string[];
  /** How often it has moved, this time included. */
  readonly moves: number;
}

/** See the top of this file. Ends, and frees its slot, when the actor has ended. */
export class Forwarder implements Watched {
  readonly core: HostCore;
  readonly address: ActorAddress;
  readonly ref: LocalRef;
  readonly fields: MessageFields | undefined;
  watchers: Map<string, ActorAddress> | null;
  private readonly limits: MailboxLimits;
  private readonly names: readonly string[];
  /** Where messages go. */
  private target: ActorAddress;
  /** Where the actor lives, as far as this host knows: where they will go once the way there is fenced. */
  private home: ActorAddress;
  /** Where the fence that is under way leads. */
  private fencedHome: ActorAddress | null = null;
  /** Whom the fences concern that are on their way by the target, in order: former addresses, and this one itself at the end. */
  private readonly fences: ActorAddress[] = [];
  /** The target has refused a message, and will say when there is room. */
  private isWaitingForRoom = false;
  private queue: MessageQueue | null;
  /** By text form: who waits until nothing is held back here. */
  private blocked: Map<string, ActorAddress> | null = null;
  private moves: number;
  private hasEnded = false;

  /** Takes the slot. `start` is to be called when the actor can be reached at its new address. */
  constructor(remains: Remains, home: ActorAddress) {
    const { core, address, ref } = remains;
    this.core = core;
    this.address = address;
    this.ref = ref;
    this.limits = remains.limits;
    this.fields = remains.fields;
    this.watchers = remains.watchers;
    this.queue = remains.waiting;
    this.names = remains.names;
    this.moves = remains.moves;
    this.target = home;
    this.home = home;
    core.slots.fill(address, this);
    ref.redirect(this);
  }

  /** Sends on what waits, and watches the actor. */
  start(): void {
    // Whichever host dies, a fence may have gone by it.
    this.core.abroad.add(this);
    this.core.sendWatch(this.home, this);
    this.flush();
  }

  /** Where the actor lives, or a later forwarder that knows more. */
  get lastKnownHome(): ActorAddress {
    return this.home;
  }

  /** Messages that are held back. */
  get pendingCount(): number {
    return this.queue?.length ?? 0;
  }

  tellFrom(message: unknown, sender: ActorAddress | null): TellResult {
    if (this.hasEnded) {
      this.core.deadLetter(message, this.address, sender, 'no-actor');
      return 'refused';
    }
    const result = this.isHolding ? this.keep(message, sender) : this.carry(message, sender);
    if (result === 'refused') {
      const reason = this.limits.policy === 'drop-newest' ? 'dropped' : 'full';
      this.core.deadLetter(message, this.address, sender, reason);
    }
    if (result !== 'sent' && sender !== null) this.block(sender);
    return result;
  }

  accept(message: unknown, sender: ActorAddress | null): void {
    if (this.isHolding) this.hold(message, sender);
    else this.sendOn(message, sender);
  }

  signal(signal: Signal): void {
    switch (signal.kind) {
      case 'watch':
      case 'unwatch':
        return heedWatcher(this, signal.from, signal.kind === 'watch');
      case 'stop':
        return this.core.sendSignal(this.home, signal);
      case 'blocked':
        return this.block(signal.from);
      case 'held':
        return this.oweRoom(signal.from);
      case 'drained':
        return this.drained(signal);
      case 'terminated':
        // Whom the actor watched, it watches from its new address as well.
        if (signal.from.equals(this.home)) this.end(signal.reason);
        return;
      case 'moved':
        return this.moved(signal.to, signal.moves);
      case 'fence':
        if (this.isHolding) this.hold(new QueuedFence(signal.from), null);
        else this.sendFence(signal.from);
        return;
      case 'fenced':
        if (signal.from.equals(this.target)) this.fenceArrived();
        return;
    }
  }

  hostDied(host: number): void {
    forgetWatchers(this, host);
    if (this.home.host === host) return this.end('worker-died');
    // What was on the way there is lost, and holds up nobody.
    const { target } = this;
    while (target.host === host && this.fences.length > 0 && target === this.target) this.fenceArrived();
  }

  /** The actor is told of that on its own host, and this one by its end. */
  hostClosed(): void {}

  private get isHolding(): boolean {
    return this.fencedHome !== null || this.isWaitingForRoom || this.queue !== null;
  }

  /** Holds back a message of this host, which has no place yet. */
  private keep(message: unknown, sender: ActorAddress | null): TellResult {
    const result = this.core.slots.depths.reserve(this.address.slot, this.address.generation);
    if (result !== 'refused') this.hold(message, sender);
    return result;
  }

  private hold(message: unknown, sender: ActorAddress | null): void {
    this.queue ??= this.core.queues.take();
    this.queue.push(message, sender);
    const { policy, capacity } = this.limits;
    // The bound of such a mailbox is its owner's business; fences are few.
    while (policy === 'drop-oldest' && this.queue.length > capacity) this.dropOldest(this.queue);
  }

  private dropOldest(queue: MessageQueue): void {
    const sender = queue.headSender();
    const message = queue.shift();
    if (message instanceof QueuedFence) this.sendFence(message.from);
    else this.bury(message, sender, 'dropped');
  }

  /** Sends a message on that has its place here, or holds it back. */
  private sendOn(message: unknown, sender: ActorAddress | null): void {
    if (this.hasGone(message, sender)) return;
    this.hold(message, sender);
    this.askForRoom();
  }

  /** Sends on what is held back, as long as the target takes it. */
  private flush(): void {
    const { queue } = this;
    if (this.fencedHome !== null || this.isWaitingForRoom) return;
    while (queue !== null && queue.length > 0) {
      const message = queue.headMessage();
      if (message instanceof QueuedFence) this.sendFence(message.from);
      else if (!this.hasGone(message, queue.headSender())) return this.askForRoom();
      queue.shift();
    }
    this.queue = null;
    if (queue !== null) this.core.queues.give(queue);
    const { blocked } = this;
    this.blocked = null;
    for (const teller of blocked?.values() ?? []) this.core.sendSignal(teller, { kind: 'drained', from: this.address });
  }

  /** @returns false: it was refused */
  private hasGone(message: unknown, sender: ActorAddress | null): boolean {
    try {
      if (this.carry(message, sender) === 'refused') return false;
      this.core.slots.depths.release(this.address.slot);
    } catch (error) {
      if (!(error instanceof NotSerializableError)) throw error;
      // It was told on this thread, when the actor lived here.
      this.bury(message, sender, 'unreachable');
    }
    return true;
  }

  /** Tells the target; a message that is refused is still ours. */
  private carry(message: unknown, sender: ActorAddress | null): TellResult {
    const { core, target } = this;
    if (target.host !== this.address.host) return core.outside?.tell(target, message, sender) ?? 'refused';
    const result = core.slots.depths.reserve(target.slot, target.generation);
    if (result !== 'refused') (core.slots.find(target.slot, target.generation) as Recipient).accept(message, sender);
    return result;
  }

  /** If the target has ended, its end comes instead of room. */
  private askForRoom(): void {
    this.isWaitingForRoom = true;
    this.core.sendSignal(this.target, { kind: 'held', from: this.address });
  }

  private drained(signal: Signal & { readonly from: ActorAddress }): void {
    // Of somebody else's mailbox: that is for the actor.
    if (!signal.from.equals(this.target)) return this.core.sendSignal(this.home, signal);
    this.isWaitingForRoom = false;
    this.flush();
  }

  private moved(home: ActorAddress, moves: number): void {
    // News of two moves come from two hosts, the older perhaps last.
    if (moves <= this.moves) return;
    this.moves = moves;
    this.core.sendSignal(this.home, { kind: 'unwatch', from: this.address });
    this.home = home;
    this.core.sendWatch(home, this);
    if (this.fencedHome === null) this.fence();
  }

  private fence(): void {
    this.fencedHome = this.home;
    this.sendFence(this.address);
  }

  /** Sends a fence to the target. @param from whom it concerns */
  private sendFence(from: ActorAddress): void {
    this.fences.push(from);
    this.core.sendSignal(this.target, { kind: 'fence', from: this.address });
  }

  /** The oldest fence has arrived where the target leads to. */
  private fenceArrived(): void {
    const from = this.fences.shift();
    if (from === this.address) this.fenced();
    else if (from !== undefined) this.core.sendSignal(from, { kind: 'fenced', from: this.address });
  }

  private fenced(): void {
    this.target = this.fencedHome as ActorAddress;
    this.fencedHome = null;
    // It was the former target that had no room.
    this.isWaitingForRoom = false;
    if (this.target.equals(this.home)) this.flush();
    else this.fence();
  }

  /** Somebody was answered anything but `sent`. */
  private block(teller: ActorAddress): void {
    if (this.limits.policy === 'back-pressure') this.oweRoom(teller);
  }

  private oweRoom(teller: ActorAddress): void {
    this.blocked ??= new Map();
    this.blocked.set(teller.toString(), teller);
    // Where nothing is held back here, it is the target that had no room.
    if (!this.isWaitingForRoom && this.fencedHome === null) this.askForRoom();
  }

  private end(reason: StopReason): void {
    const { core, queue, blocked } = this;
    this.hasEnded = true;
    this.queue = this.blocked = null;
    core.slots.close(this.address);
    while (queue !== null && queue.length > 0) {
      const sender = queue.headSender();
      const message = queue.shift();
      if (!(message instanceof QueuedFence)) this.bury(message, sender, 'no-actor');
      else this.fences.push(message.from);
    }
    for (const from of this.fences.splice(0)) {
      if (from !== this.address) core.sendSignal(from, { kind: 'fenced', from: this.address });
    }
    if (queue !== null) core.queues.give(queue);
    for (const teller of blocked?.values() ?? []) core.sendSignal(teller, { kind: 'drained', from: this.address });
    if (reason === 'worker-died') for (const name of this.names) core.registry.disown(name, this.home);
    announceEnd(this, reason);
  }

  /** Makes a dead letter of a message that has its place here. */
  private bury(message: unknown, sender: ActorAddress | null, reason: 'no-actor' | 'dropped' | 'unreachable'): void {
    this.core.slots.depths.release(this.address.slot);
    this.core.deadLetter(message, this.address, sender, reason);
  }
}
