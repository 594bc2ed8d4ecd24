/** One running actor: its mailbox, its behaviour, and the steps that it takes when it has a turn. */

import type { AnyBytes } from '../socket/stream-socket.js';
import type { ActorAddress } from './address.js';
import { CellContext } from './context.js';
import type { HostCore } from './core.js';
import type { AnyBehaviour } from './define.js';
import type { Runnable } from './dispatcher.js';
import { canAdvance, type Ending, PHASE, type Phase, stopFor } from './ending.js';
import { advance, beginEnding } from './lifecycle.js';
import type { MessageQueue } from './message-queue.js';
import type { Departure } from './migration/departure.js';
import type { Transit } from './migration/transit.js';
import type { MailboxLimits, Supervision } from './options.js';
import { LocalRef } from './refs.js';
import type { Signal } from './remote.js';
import type { Connections } from './sockets/connections.js';
import type { ActorSocket } from './sockets/types.js';
import { supervise } from './supervision.js';
import type { ActorTimer, ReceiveTimer, TimerSet } from './timers.js';
import type { ActorDefinition, TellResult } from './types.js';
import { ended, forgetWatchers, heedWatcher, type Watched } from './watch.js';

/** What an actor is told outside of its mailbox: from other actors, from its timers. */
export type CellSignal = Signal | ActorTimer | ReceiveTimer | Departure;

/** Stands for "no message is being handled", for a message may be anything. */
const NOTHING = Symbol('no message');

/** What a cell is made of. */
export interface CellParts {
  readonly core: HostCore;
  readonly parent: ActorCell | null;
  readonly definition: ActorDefinition<unknown, unknown>;
  readonly args: unknown;
  readonly mailbox: MailboxLimits;
  readonly supervision: Supervision;
}

/**
 * One actor. There may be a million of them: whatever most actors never need is made when it is first used, and given up
 * when it is empty. `lifecycle.ts` and `watch.ts` hold those parts of its behaviour that are no hot path.
 */
export class ActorCell implements Watched, Runnable {
  readonly core: HostCore;
  readonly address: ActorAddress;
  readonly ref: LocalRef;
  readonly parent: ActorCell | null;
  readonly limits: MailboxLimits;
  supervision: Supervision;
  definition: ActorDefinition<unknown, unknown> | null;
  args: unknown;
  /** Belongs to the present life: a restart makes a new one. */
  context: CellContext;
  /** Null before it is made, and from the end of one life to the beginning of the next. */
  behaviour: AnyBehaviour | null = null;
  phase: Phase = PHASE.starting;
  /** What it ends for; null unless it is about to stop or restart. */
  ending: Ending | null = null;
  /** The promise of the handler or hook that has not come to its end. */
  pending: PromiseLike<unknown> | null = null;
  nextReady: Runnable | null = null;
  isReady = false;
  /** Who told the message that is handled. */
  sender: ActorAddress | null = null;

  mailbox: MessageQueue | null = null;
  signals: MessageQueue | null = null;
  stashed: MessageQueue | null = null;
  /** The behaviours below the present one. */
  covered: AnyBehaviour[] | null = null;
  /** In the order in which they were spawned. */
  children: Set<ActorCell> | null = null;
  timers: TimerSet | null = null;
  receiveTimer: ReceiveTimer | null = null;
  /** By text form: whom this actor watches, who watches it, who waits for its mailbox to drain. */
  watching: Map<string, ActorAddress> | null = null;
  watchers: Map<string, ActorAddress> | null = null;
  blocked: Map<string, ActorAddress> | null = null;
  /** When it was restarted, in microseconds; no more than its supervision counts. */
  restarts: number[] | null = null;
  /** What else ends with the present life. */
  attached: { close(): void }[] | null = null;
  name: string | null = null;
  /** Its module's URL; null: it was not spawned from one, and can't move. */
  module: string | null = null;
  /** Set while it moves to another host, or from one. */
  transit: Transit | null = null;
  /** The addresses that it had before, in order. */
  former: readonly ActorAddress[] | null = null;
  /** Messages that the handler was called with, in all lives. */
  handled = 0;
  lives = 0;
  /** Its sockets and their events; null if it never had one. */
  connections: Connections | null = null;
  /** Messages that have been taken out of the mailbox, by which the places of socket events are told. */
  private taken = 0;

  private message: unknown = NOTHING;
  /** Whether the mailbox has risen to its high-water mark, and not fallen to half of it since. */
  private isHigh = false;

  /** @throws TooManyActorsError */
  constructor(parts: CellParts) {
    this.core = parts.core;
    this.parent = parts.parent;
    this.definition = parts.definition;
    this.args = parts.args;
    this.limits = parts.mailbox;
    this.supervision = parts.supervision;
    this.address = parts.core.slots.open(parts.mailbox.capacity, parts.mailbox.packedMark);
    this.ref = new LocalRef(this.core, this);
    this.context = new CellContext(this);
    parts.core.slots.fill(this.address, this);
  }

  tellFrom(message: unknown, sender: ActorAddress | null): TellResult {
    const { address } = this;
    const result = this.core.slots.depths.reserve(address.slot, address.generation);
    if (result === 'refused') this.refuse(message, sender);
    else this.accept(message, sender);
    if (result !== 'sent' && sender !== null) this.block(sender);
    return result;
  }

  accept(message: unknown, sender: ActorAddress | null): void {
    this.mailbox ??= this.core.queues.take();
    this.mailbox.push(message, sender);
    if (this.mailbox.length >= this.limits.highWaterMark) this.risen(this.mailbox);
    this.wake();
  }

  /** There is something to do; a handler that has not come to its end goes first. */
  wake(): void {
    if (this.pending === null) this.core.dispatcher.ready(this);
  }

  /** What it still has to do: messages, signals, socket events, and the handler that has not come to its end. */
  get pendingCount(): number {
    const waiting = (this.mailbox?.length ?? 0) + (this.signals?.length ?? 0) + (this.connections?.waiting ?? 0);
    return waiting + (this.pending === null ? 0 : 1);
  }

  /** The place behind all messages: how many will have been taken out then. */
  get mailboxEnd(): number {
    return this.taken + (this.mailbox?.length ?? 0);
  }

  signal(signal: Signal): void {
    switch (signal.kind) {
      case 'watch':
      case 'unwatch':
        return heedWatcher(this, signal.from, signal.kind === 'watch');
      case 'blocked':
        return this.block(signal.from);
      case 'held':
        return this.oweRoom(signal.from);
      case 'fence':
        return this.core.sendSignal(signal.from, { kind: 'fenced', from: this.address });
      case 'stop':
        return beginEnding(this, stopFor('stopped'));
      default:
        return this.post(signal);
    }
  }

  hostDied(host: number): void {
    forgetWatchers(this, host);
    for (const address of this.watching?.values() ?? []) {
      if (address.host === host) this.post({ kind: 'terminated', from: address, reason: 'worker-died' });
    }
  }

  hostClosed(): void {
    // The others are told by their parents, after their own children.
    if (this.parent === null) beginEnding(this, stopFor('closed'));
  }

  /** Puts something in front of the mailbox that the actor handles as soon as it is free. */
  post(signal: CellSignal): void {
    if (this.phase === PHASE.stopped) return;
    this.signals ??= this.core.queues.take();
    this.signals.push(signal, null);
    this.wake();
  }

  step(): boolean {
    if (this.pending !== null) return false;
    if (this.phase !== PHASE.running) return advance(this);
    if (this.signals !== null) return this.takeSignal(this.signals);
    const { mailbox, connections } = this;
    if (connections?.isDue(this.taken)) {
      connections.handleNext();
      return true;
    }
    if (mailbox === null || mailbox.length === 0) return false;
    this.sender = mailbox.headSender();
    const message = mailbox.shift();
    this.taken++;
    this.core.slots.depths.release(this.address.slot);
    if (this.isHigh || this.blocked !== null) this.fallen(mailbox);
    this.receive(message);
    return true;
  }

  hasMore(): boolean {
    if (this.pending !== null) return false;
    if (this.phase !== PHASE.running) return canAdvance(this.phase);
    if (this.signals !== null || (this.mailbox !== null && this.mailbox.length > 0)) return true;
    return this.connections !== null && this.connections.waiting > 0;
  }

  endTurn(): void {
    const { mailbox } = this;
    if (mailbox === null || mailbox.length > 0) return;
    this.mailbox = null;
    this.core.queues.give(mailbox);
  }

  /** Begins a turn at once for something that has come in, if there is nothing else to do; `leave` ends it. */
  enter(): boolean {
    return !this.isReady && this.pending === null && this.phase === PHASE.running && this.core.dispatcher.enter(this);
  }

  leave(): void {
    this.core.dispatcher.leave(this);
  }

  /** Calls the hook `received`, which the behaviour has. */
  hear(socket: ActorSocket, bytes: AnyBytes): void {
    this.core.socketEvents++;
    if (this.receiveTimer !== null) this.touch();
    const behaviour = this.behaviour as Required<AnyBehaviour>;
    try {
      const result = behaviour.received(socket, bytes as Uint8Array, this.context);
      if (result !== undefined) this.hold(result);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Calls another hook for sockets. */
  hearOf(work: (behaviour: AnyBehaviour, context: CellContext) => unknown): void {
    this.core.socketEvents++;
    if (this.receiveTimer !== null) this.touch();
    this.call(work);
  }

  /** Not everything that comes in has the dispatcher look at the clock. */
  private touch(): void {
    this.receiveTimer?.touch(this.core.clock.nowUs());
  }

  /** Calls into the behaviour. What it throws is this actor's failure; a promise holds the next step back. */
  call(work: (behaviour: AnyBehaviour, context: CellContext) => unknown): void {
    if (this.behaviour === null) return;
    try {
      const result = work(this.behaviour, this.context);
      if (result !== undefined) this.hold(result);
    } catch (error) {
      this.fail(error);
    }
  }

  /** Goes on without the handler or hook that has not come to its end. */
  abandon(): void {
    this.pending = null;
    this.core.abandoned(this.address);
  }

  /** A handler, a hook or the making of the behaviour has failed. */
  fail(error: unknown): void {
    this.transit?.failed(error);
    if (this.ending === null) supervise(this, error);
    else this.core.failed(this.address, error, 'stopped');
    this.wake();
  }

  /** A life begins: what belongs to the last one stays cut off. */
  renewContext(): void {
    this.context = new CellContext(this);
  }

  /** Sets the present message aside. @returns false if there is none */
  setAside(): boolean {
    if (this.message === NOTHING) return false;
    this.stashed ??= this.core.queues.take();
    this.stashed.push(this.message, this.sender);
    this.message = NOTHING;
    return true;
  }

  /** Puts the stash back in front of the mailbox. */
  unstashAll(): void {
    const { stashed } = this;
    if (stashed === null) return;
    this.stashed = null;
    // They had their places once, and are let back in whatever the bound says.
    this.core.slots.depths.reserveMore(this.address.slot, stashed.length);
    this.taken -= stashed.length;
    if (this.mailbox === null) {
      this.mailbox = stashed;
    } else {
      this.mailbox.takeInFront(stashed);
      this.core.queues.give(stashed);
    }
    this.wake();
  }

  private receive(message: unknown): void {
    this.message = message;
    this.core.handled++;
    this.handled++;
    if (this.receiveTimer !== null) this.receiveTimer.touch(this.core.dispatcher.nowUs);
    const behaviour = this.behaviour as AnyBehaviour;
    try {
      if (behaviour.receive === undefined) return this.unhandled(message);
      const result: unknown = behaviour.receive(message, this.context);
      if (result !== undefined) this.hold(result);
    } catch (error) {
      this.fail(error);
    }
    // A handler that goes on after an `await` may still set its message aside.
    if (this.pending === null) this.letGo();
  }

  /** The behaviour takes no messages. */
  private unhandled(message: unknown): void {
    this.core.deadLetter(message, this.address, this.sender, 'unhandled');
    this.letGo();
  }

  private letGo(): void {
    this.message = NOTHING;
    this.sender = null;
  }

  private takeSignal(signals: MessageQueue): true {
    const signal = signals.shift() as CellSignal;
    if (signals.length === 0) {
      this.signals = null;
      this.core.queues.give(signals);
    }
    switch (signal.kind) {
      case 'terminated':
        if (ended(this, signal.from))
          this.call((one, context) => one.terminated?.(signal.from, signal.reason, context));
        break;
      case 'drained':
        this.call((one, context) => one.mailboxDrained?.(signal.from, context));
        break;
      case 'timer':
        if (signal.take()) this.receive(signal.message);
        break;
      case 'receive-timeout':
        if (signal === this.receiveTimer && signal.isOver()) this.call((one, context) => one.receiveTimeout?.(context));
        break;
      case 'leave':
        signal.leave();
        break;
    }
    return true;
  }

  private hold(result: unknown): void {
    if (typeof (result as PromiseLike<unknown> | null)?.then !== 'function') return;
    const promise = result as PromiseLike<unknown>;
    this.pending = promise;
    promise.then(
      () => {
        // One that has nothing else to do stays out of the queue, so that what comes in next finds it idle.
        if (this.settles(promise) && this.hasMore()) this.core.dispatcher.ready(this);
      },
      (error: unknown) => {
        // The failure of a handler that was left behind changes nothing any more, but must not go unseen.
        if (this.settles(promise)) this.fail(error);
        else this.core.failed(this.address, error, 'stopped');
      },
    );
  }

  private settles(promise: PromiseLike<unknown>): boolean {
    if (this.pending !== promise) return false;
    this.pending = null;
    this.letGo();
    return true;
  }

  private refuse(message: unknown, sender: ActorAddress | null): void {
    const isDead = this.phase === PHASE.stopped;
    const reason = isDead ? 'no-actor' : this.limits.policy === 'drop-newest' ? 'dropped' : 'full';
    this.core.deadLetter(message, this.address, sender, reason);
  }

  /** The mailbox is at its high-water mark or above. */
  private risen(mailbox: MessageQueue): void {
    const { policy, capacity } = this.limits;
    if (!this.isHigh) {
      this.isHigh = true;
      this.core.highWater(this.address, mailbox.length);
    }
    while (policy === 'drop-oldest' && mailbox.length > capacity) {
      const oldSender = mailbox.headSender();
      this.core.deadLetter(mailbox.shift(), this.address, oldSender, 'dropped');
      this.taken++;
      this.core.slots.depths.release(this.address.slot);
    }
  }

  /** Somebody was answered anything but `sent`, and is to be told when there is room. */
  private block(teller: ActorAddress): void {
    if (this.limits.policy === 'back-pressure') this.oweRoom(teller);
  }

  /** Somebody is to be told when there is room; at once if there is. */
  private oweRoom(teller: ActorAddress): void {
    if (this.phase === PHASE.stopped) return;
    this.blocked ??= new Map();
    this.blocked.set(teller.toString(), teller);
    this.unblock();
  }

  /** A message was taken out of a mailbox that had been high, or that somebody waits for. */
  private fallen(mailbox: MessageQueue): void {
    if (mailbox.length <= this.limits.highWaterMark / 2) this.isHigh = false;
    this.unblock();
  }

  /**
   * Tells those who wait for room, if there is any. What counts is what tellers are answered by: messages on their way
   * included. As all of those arrive and are taken out here some time, nobody waits in vain.
   */
  private unblock(): void {
    const { blocked } = this;
    if (blocked === null || this.core.slots.depths.depth(this.address.slot) > this.limits.highWaterMark / 2) return;
    this.blocked = null;
    for (const teller of blocked.values()) this.core.sendSignal(teller, { kind: 'drained', from: this.address });
  }
}
