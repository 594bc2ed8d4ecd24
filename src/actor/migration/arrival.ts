/** An actor that is made on this host to take the place of one that leaves another. It does nothing before that has let go. */
import { ActorStoppedError } from '../../errors.js';
import type { ActorCell } from '../cell.js';
import type { HostCore } from '../core.js';
import { PHASE, stopFor } from '../ending.js';
import { beginEnding } from '../lifecycle.js';
import { resolveSupervision } from '../options.js';
import { thrownOf } from '../runtime/outcome.js';
import { takeSockets } from '../sockets/give.js';
import type { FollowedSocket, MovedSocket } from '../sockets/moved.js';
import type { ActorDefinition } from '../types.js';
import { watch } from '../watch.js';
import type { Belongings, PackedActor, Road } from './road.js';
import type { Transit } from './transit.js';

/** See the top of this file. */
export class Arrival implements Transit {
  readonly isLeaving = false;
  readonly host: number;
  private readonly moveId: number;
  private readonly actor: PackedActor;
  private readonly road: Road;
  private readonly core: HostCore;
  private cell: ActorCell | null = null;
  private isCalled = false;
  private isOver = false;
  private failure: unknown = null;
  /** What a socket was lost of. */
  private lost: unknown = null;
  /** What is to be done when it lives here, or does not. */
  private readonly later: (() => void)[] = [];

  /** @param host which it comes from */
  constructor(host: number, moveId: number, actor: PackedActor, road: Road, core: HostCore) {
    this.host = host;
    this.moveId = moveId;
    this.actor = actor;
    this.road = road;
    this.core = core;
  }

  /** Makes the actor. */
  land(definition: ActorDefinition<unknown, unknown>): void {
    if (this.isOver) return;
    try {
      const { args, mailbox, handled, lives, former } = this.actor;
      this.core.arrive(definition, args, mailbox, (cell) => {
        this.cell = cell;
        cell.transit = this;
        cell.module = this.actor.module;
        cell.handled = handled;
        // The life that begins here is no further one.
        cell.lives = lives - 1;
        cell.former = former;
      });
    } catch (error) {
      this.fail(error);
    }
  }

  advance(): void {
    const cell = this.cell as ActorCell;
    if (!this.isCalled) {
      this.isCalled = true;
      const { state } = this.actor;
      cell.call((one, context) => (one.migrated === undefined ? one.started?.(context) : one.migrated(state, context)));
      return;
    }
    cell.phase = PHASE.waiting;
    this.road.gate.tell(this.host, 'move-landed', { moveId: this.moveId, home: cell.address });
  }

  failed(error: unknown): void {
    this.failure = error;
  }

  callOff(): void {
    this.fail(this.failure ?? new ActorStoppedError('the actor ended when it came to its new worker'));
  }

  /** Calls back when it lives here, or has ended. News of it may have come before that. */
  whenOver(then: () => void): void {
    this.later.push(then);
  }

  /** It can't be made. */
  fail(error: unknown): void {
    if (this.isOver) return;
    this.end();
    this.road.gate.tell(this.host, 'move-failed', { moveId: this.moveId, thrown: thrownOf(error) });
  }

  /** The other one has let go. Its sockets come first. */
  go(belongings: Belongings): void {
    const { sockets } = belongings;
    if (sockets.length === 0) this.begin(belongings, []);
    else void this.follow(sockets).then((streams) => this.come(belongings, streams));
  }

  private come(belongings: Belongings, streams: FollowedSocket[]): void {
    this.road.gate.tell(this.host, 'move-ashore', { moveId: this.moveId });
    this.begin(belongings, streams);
  }

  /** @returns those that have come; the others are lost */
  private async follow(sockets: readonly MovedSocket[]): Promise<FollowedSocket[]> {
    const came = await Promise.allSettled(sockets.map((moved) => this.road.sockets.adopt(moved, this.host)));
    return came.flatMap((outcome, i) => {
      const moved = sockets[i] as MovedSocket;
      if (outcome.status === 'fulfilled') return [{ stream: outcome.value, moved }];
      this.lost = outcome.reason;
      return [];
    });
  }

  private begin({ names, watching, signals }: Belongings, sockets: FollowedSocket[]): void {
    const { cell } = this;
    // It has ended meanwhile: what watches it from its former address learns that.
    if (this.isOver || cell === null) {
      for (const { stream } of sockets) stream.abort();
      return;
    }
    cell.supervision = resolveSupervision(this.actor.supervision);
    cell.name = this.actor.name;
    for (const name of names) this.core.registry.takeOver(name, cell.ref);
    for (const address of watching) watch(cell, address);
    cell.phase = PHASE.running;
    if (sockets.length > 0) takeSockets(cell, sockets);
    for (const signal of signals) cell.signal(signal);
    cell.wake();
    this.end();
    // An actor without its socket has no business any more.
    if (this.lost !== null) {
      this.core.failed(cell.address, this.lost, 'stopped');
      beginEnding(cell, stopFor('failed'));
    }
  }

  /** The other one goes on, or its host has died. */
  drop(): void {
    if (this.isOver) return;
    this.end();
    if (this.cell !== null) beginEnding(this.cell, stopFor('stopped'));
  }

  private end(): void {
    this.isOver = true;
    if (this.cell !== null) this.cell.transit = null;
    // Where it ends, that is just about to begin.
    for (const then of this.later) this.core.clock.later(then);
  }
}
