/**
 * An actor that is about to leave this host. It works on while the other host loads its module. Then its sockets are paused
 * and, when what had come of them has been handled, it hands out its state in a turn of its own, and rests, messages waiting
 * in its mailbox, until the other host has made it anew. When that has been told its sockets are handed over (rule 8.1), and
 * only then does it let go. Whatever goes wrong before, it goes on here as if nothing had been; but for a socket that was
 * handed over already, which is lost.
 */
import { ActorStoppedError, NotMovableError, showValue } from '../../errors.js';
import type { SwitchOwner } from '../../switch/owner.js';
import type { ActorAddress } from '../address.js';
import type { ActorCell, CellSignal } from '../cell.js';
import { PHASE } from '../ending.js';
import { depart } from '../lifecycle.js';
import { OWN_HOST } from '../runtime/host-number.js';
import type { Connection } from '../sockets/connection.js';
import type { Connections } from '../sockets/connections.js';
import type { MovedSocket, SocketOrigin } from '../sockets/moved.js';
import type { ActorMove } from '../topics.js';
import { Forwarder } from './forwarder.js';
import type { PackedActor, PackedSignal, Road } from './road.js';
import type { Transit } from './transit.js';

/** What became of it. */
export type Moved = (home: ActorAddress | null, error: unknown) => void;

/** The same, with the sockets that went along. */
type Settled = (home: ActorAddress | null, error: unknown, sockets: readonly MovedSocket[]) => void;

/** See the top of this file. Also the signal by which the actor learns that it can leave. */
export class Departure implements Transit {
  readonly kind = 'leave';
  readonly moveId: number;
  /** Where it is to live. */
  readonly host: number;
  private readonly cell: ActorCell;
  private readonly road: Road;
  private readonly settled: Settled;
  private readonly timerId: number;
  private state: unknown;
  private hasState = false;
  private isSent = false;
  private isOver = false;
  private failure: unknown;
  /** Why it was given up. */
  private why: unknown = null;
  private owner: SwitchOwner | null = null;

  /** @param settled called once @throws NotSerializableError */
  constructor(moveId: number, cell: ActorCell, host: number, road: Road, settled: Settled) {
    this.moveId = moveId;
    this.cell = cell;
    this.host = host;
    this.road = road;
    this.settled = settled;
    this.timerId = cell.core.clock.setTimer(road.timeoutMs, () =>
      this.giveUp(new NotMovableError(`${cell.address} could not be moved within ${road.timeoutMs} ms`)),
    );
  }

  get isLeaving(): boolean {
    return this.cell.phase === PHASE.transit || this.cell.phase === PHASE.waiting;
  }

  /** The other host can make it. @param owner whom its sockets are to be handed to */
  prepared(owner: SwitchOwner | null): void {
    if (this.isOver) return;
    this.owner = owner;
    this.cell.post(this);
  }

  /** In a turn of the actor, with no message in its hands. */
  leave(): void {
    if (this.isOver) return;
    const { cell } = this;
    if (cell.children !== null)
      return this.giveUp(new NotMovableError(`${cell.address} can't be moved: it has children`));
    if (cell.connections?.quieten(() => cell.post(this)) === false) return;
    cell.phase = PHASE.transit;
    cell.call((one, context) => {
      const state = one.migrating?.(context);
      if (typeof (state as PromiseLike<unknown> | null | undefined)?.then !== 'function') return this.gotState(state);
      // What it rejects with fails the actor, which holds the promise too.
      const ignore = () => {};
      (state as PromiseLike<unknown>).then((value) => this.gotState(value), ignore);
      return state;
    });
  }

  /** The hook has come to its end. */
  advance(): void {
    const { cell } = this;
    if (!this.hasState) return this.giveUp(this.failure);
    if (cell.children !== null)
      return this.giveUp(new NotMovableError(`${cell.address} can't be moved: it has children`));
    if (cell.connections?.isBusy) return this.giveUp(new NotMovableError(`${cell.address} has begun to send`));
    cell.phase = PHASE.waiting;
    try {
      this.isSent = true;
      this.road.gate.tell(this.host, 'move-cell', { moveId: this.moveId, actor: this.packed() });
    } catch (error) {
      this.giveUp(error);
    }
  }

  failed(error: unknown): void {
    this.failure = error;
  }

  callOff(): void {
    const { failure } = this;
    // A cause does not cross threads; what it says does.
    const said = failure instanceof Error ? failure.message : showValue(failure);
    const why =
      failure === undefined ? 'it was to end or to restart when it was about to move' : `it failed before: ${said}`;
    this.giveUp(new ActorStoppedError(`${this.cell.address} was not moved: ${why}`, { cause: failure }));
  }

  /** It does not move. */
  giveUp(error: unknown): void {
    if (this.isOver) return;
    const { cell, isSent, moveId } = this;
    this.why = error;
    this.end();
    if (isSent) this.road.gate.tell(this.host, 'move-drop', { moveId });
    cell.connections?.release();
    if (this.isLeaving) {
      // `migrating` has not returned: it is left behind.
      if (cell.pending !== null) cell.abandon();
      cell.phase = PHASE.running;
    }
    cell.wake();
    this.report(cell.address, null, error, []);
  }

  /** It stands at its new address, and does nothing there yet. */
  landed(home: ActorAddress): void {
    const { connections } = this.cell;
    if (this.isOver) return;
    if (connections === null) this.letGo(home, []);
    else void this.handOver(connections).then((sockets) => sockets !== null && this.letGo(home, sockets));
  }

  /** Hands all sockets over, one after the other. @returns null: it does not move */
  private async handOver(connections: Connections): Promise<MovedSocket[] | null> {
    const { sockets: road } = this.road;
    const moved: MovedSocket[] = [];
    const lost: Connection[] = [];
    let failure: unknown = null;
    for (const connection of connections.connections) {
      try {
        const given = await road.handOver(connection.stream, this.owner as SwitchOwner);
        lost.push(connection);
        if (this.isOver) road.discard(given);
        else moved.push(connections.take(connection, given));
      } catch (error) {
        failure = error;
      }
      if (this.isOver || failure !== null) break;
    }
    if (!this.isOver && failure === null) return moved;
    for (const { connection } of moved) road.discard(connection);
    const error = this.why ?? failure;
    if (!this.isOver) this.giveUp(error);
    for (const connection of lost) {
      road.lost(connection.origin as SocketOrigin);
      connections.lose(connection, asError(error));
    }
    return null;
  }

  /** It lives there from now on. */
  private letGo(home: ActorAddress, sockets: readonly MovedSocket[]): void {
    const { cell, road, host } = this;
    const { core, address, ref, limits, definition, blocked } = cell;
    this.end();
    cell.connections?.gone();
    const former = [...(cell.former ?? []), address];
    const names = core.registry.handOver(address, home);
    const watching = [...(cell.watching?.values() ?? [])];
    const belongings = { names, watching, signals: signalsOf(cell), sockets };
    const fields = definition?.message;
    const remains = { core, address, ref, limits, fields, names, moves: former.length, ...depart(cell) };
    const forwarder = new Forwarder(remains, home);
    road.gate.tell(host, 'move-go', { moveId: this.moveId, belongings });
    for (const one of cell.former ?? []) core.sendSignal(one, { kind: 'moved', to: home, moves: former.length });
    road.gate.tell(OWN_HOST, 'moved', { from: address, to: home });
    forwarder.start();
    for (const teller of blocked?.values() ?? []) core.sendSignal(teller, { kind: 'drained', from: address });
    this.report(address, home, null, sockets);
  }

  private gotState(state: unknown): void {
    this.state = state;
    this.hasState = true;
  }

  private packed(): PackedActor {
    const { address, module, args, limits, supervision, name, handled, lives, former } = this.cell;
    const { capacity, highWaterMark, policy } = limits;
    const { maxRestarts, withinMs, backOff } = supervision;
    return {
      module: module as string,
      args,
      state: this.state,
      mailbox: { capacity, highWaterMark, policy },
      supervision: { maxRestarts, withinMs, backOff },
      name,
      handled,
      lives,
      former: [...(former ?? []), address],
    };
  }

  private end(): void {
    this.isOver = true;
    this.cell.transit = null;
    this.cell.core.clock.clearTimer(this.timerId);
  }

  private report(
    address: ActorAddress,
    home: ActorAddress | null,
    error: unknown,
    sockets: readonly MovedSocket[],
  ): void {
    const { core, name } = this.cell;
    const move: ActorMove = { address, to: home, name, error };
    core.moved(move);
    this.settled(home, error, sockets);
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new NotMovableError('the actor did not move', { cause: error });
}

/** What it would have been called for. Timers end with this life. */
function signalsOf({ signals }: ActorCell): PackedSignal[] {
  const packed: PackedSignal[] = [];
  while (signals !== null && signals.length > 0) {
    const signal = signals.shift() as CellSignal;
    if (signal.kind === 'terminated') packed.push({ kind: signal.kind, from: signal.from, reason: signal.reason });
    if (signal.kind === 'drained') packed.push({ kind: signal.kind, from: signal.from, reason: 'unknown' });
  }
  return packed;
}
