/** What an actor's code is handed to act with. One object per life: one that is over can do nothing any more. */

import { ActorStoppedError, InvalidOptionError, NotMovableError, StashFullError } from '../errors.js';
import { type ActorAddress, addressOf } from './address.js';
import type { ActorCell } from './cell.js';
import { toBehaviour } from './define.js';
import { stopFor } from './ending.js';
import type { EventStream } from './events.js';
import { beginEnding } from './lifecycle.js';
import { checkDelay } from './options.js';
import type { NameRegistry } from './registry.js';
import { Router, type Routing } from './router.js';
import { ReceiveTimer, TimerSet } from './timers.js';
import type {
  ActorContext,
  ActorDefinition,
  ActorRef,
  ActorTimers,
  AnyRef,
  Behaviour,
  Receive,
  SpawnOptions,
} from './types.js';
import { unwatch, watch } from './watch.js';

/** The context of one life of a cell. */
export class CellContext implements ActorContext<unknown> {
  /** Null when that life is over. */
  private cell: ActorCell | null;

  constructor(cell: ActorCell) {
    this.cell = cell;
  }

  get self(): ActorRef<unknown> {
    return this.living().ref;
  }

  get parent(): ActorAddress | null {
    return this.living().parent?.address ?? null;
  }

  get sender(): ActorAddress | null {
    return this.living().sender;
  }

  get timers(): ActorTimers<unknown> {
    const cell = this.living();
    cell.timers ??= new TimerSet(cell);
    return cell.timers;
  }

  get registry(): NameRegistry {
    return this.living().core.registry;
  }

  get events(): EventStream {
    return this.living().core.events;
  }

  now(): number {
    return this.living().core.clock.nowUs() / 1_000;
  }

  spawn<N, A>(definition: ActorDefinition<N, A>, args?: A, options?: SpawnOptions): ActorRef<N> {
    const cell = this.living();
    // A child of an actor that has told its children to stop would outlive it.
    if (cell.ending !== null) throw new ActorStoppedError('an actor that is about to end spawns no children');
    if (cell.transit?.isLeaving) throw new ActorStoppedError('an actor that is about to move spawns no children');
    return cell.core.spawn(cell, definition, args as A, options);
  }

  router<N>(routing: Routing<N>, routees: readonly ActorRef<N>[]): Router<N> {
    const cell = this.living();
    const router = new Router<N>(cell.core, routing, routees);
    cell.attached ??= [];
    cell.attached.push(router);
    return router;
  }

  ref<N>(address: ActorAddress): ActorRef<N> {
    return this.living().core.refOf(addressOf(address)) as ActorRef<N>;
  }

  watch(ref: AnyRef): void {
    watch(this.living(), addressOf(ref));
  }

  unwatch(ref: AnyRef): void {
    unwatch(this.living(), addressOf(ref));
  }

  become(behaviour: Behaviour<unknown> | Receive<unknown>): void {
    const cell = this.living();
    const next = toBehaviour(behaviour);
    cell.covered ??= [];
    // In `create` there is nothing to cover yet.
    if (cell.behaviour === null) throw new InvalidOptionError('become() is for an actor that has a behaviour already');
    cell.covered.push(cell.behaviour);
    cell.behaviour = next;
    cell.connections?.reconsider();
  }

  unbecome(): void {
    const cell = this.living();
    const below = cell.covered?.pop();
    if (cell.covered?.length === 0) cell.covered = null;
    if (below === undefined) return;
    cell.behaviour = below;
    cell.connections?.reconsider();
  }

  stash(): void {
    const cell = this.living();
    const limit = cell.core.limits.stashCapacity;
    if ((cell.stashed?.length ?? 0) >= limit) throw new StashFullError(`the stash of an actor holds ${limit} messages`);
    if (!cell.setAside()) throw new InvalidOptionError('there is no message to set aside');
  }

  unstashAll(): void {
    this.living().unstashAll();
  }

  setReceiveTimeout(ms: number): void {
    const cell = this.living();
    if (ms !== 0) checkDelay('ms', ms, 1);
    cell.receiveTimer?.cancel();
    cell.receiveTimer = ms === 0 ? null : new ReceiveTimer(cell, ms);
  }

  migrate(worker: number): void {
    const cell = this.living();
    const { mover } = cell.core;
    if (mover === null) throw new NotMovableError('this host is alone: there is nowhere to move to');
    mover.leave(cell, worker);
  }

  stop(ref?: AnyRef): void {
    const cell = this.living();
    if (ref === undefined) return beginEnding(cell, stopFor('stopped'));
    const address = addressOf(ref);
    if (cell.address.equals(address)) return beginEnding(cell, stopFor('stopped'));
    const child = cell.core.cellOf(address);
    if (child?.parent === cell) return beginEnding(child, stopFor('stopped'));
    // A child that has ended already is no mistake of the caller.
    if (child === null && address.host === cell.address.host) return;
    throw new InvalidOptionError(`${address} is no child of this actor`);
  }

  /** The life is over: everything throws from now on. */
  detach(): void {
    this.cell = null;
  }

  private living(): ActorCell {
    if (this.cell === null) throw new ActorStoppedError('this context belongs to a life of the actor that is over');
    return this.cell;
  }
}
