/** One host's part in the moves of actors: those that leave it, those that come, and those that somebody here wants moved. */
import { InvalidOptionError, NotMovableError, showValue, WorkerDiedError } from '../../errors.js';
import type { SwitchOwner } from '../../switch/owner.js';
import type { ActorAddress } from '../address.js';
import type { ActorCell } from '../cell.js';
import type { HostCore } from '../core.js';
import { PHASE } from '../ending.js';
import { errorOf, thrownOf } from '../runtime/outcome.js';
import type { MovedSocket } from '../sockets/moved.js';
import { Arrival } from './arrival.js';
import { Departure, type Moved } from './departure.js';
import { Forwarder } from './forwarder.js';
import type { MoveSubjects, Road } from './road.js';

interface Ask {
  /** Which host has been asked. */
  readonly host: number;
  readonly to: number;
  readonly settled: Moved;
}

interface Crossing {
  /** Which host they go to. */
  readonly host: number;
  readonly sockets: readonly MovedSocket[];
  /** Whoever had it moved is told when they have come. */
  readonly settled: Moved;
  readonly home: ActorAddress | null;
}

type Body<K extends keyof MoveSubjects> = MoveSubjects[K];

/** See the top of this file. */
export class Mover {
  private readonly core: HostCore;
  private readonly road: Road;
  private readonly departures = new Map<number, Departure>();
  /** By `HOST.MOVE`. */
  private readonly arrivals = new Map<string, Arrival>();
  private readonly asks = new Map<number, Ask>();
  /** Sockets that have left, and that nobody has said yet to have come. */
  private readonly crossings = new Map<number, Crossing>();
  private lastMoveId = 0;

  constructor(core: HostCore, road: Road) {
    const { gate } = road;
    this.core = core;
    this.road = road;
    gate.handle('move-ask', (host, body) => this.asked(host, body));
    gate.handle('move-answer', (host, body) => this.answered(host, body));
    gate.handle('move-prepare', (host, body) => this.prepare(host, body));
    gate.handle('move-prepared', (_, { moveId, owner }) => this.departures.get(moveId)?.prepared(owner));
    gate.handle('move-cell', (host, body) => this.receive(host, body));
    gate.handle('move-landed', (host, body) => this.landed(host, body));
    gate.handle('move-failed', (_, { moveId, thrown }) => this.departures.get(moveId)?.giveUp(errorOf(thrown)));
    gate.handle('move-go', (host, { moveId, belongings }) => this.takeArrival(host, moveId)?.go(belongings));
    gate.handle('move-ashore', (_, { moveId }) => this.ashore(moveId));
    gate.handle('move-drop', (host, { moveId }) => this.takeArrival(host, moveId)?.drop());
    gate.watch((host) => this.left(host));
  }

  /** Moves that are under way, from and to this host. */
  get pendingCount(): number {
    return this.departures.size + this.arrivals.size;
  }

  /** Has an actor of any host moved to another host. @param settled called once, with its new address or why it stays */
  migrate(address: ActorAddress, to: number, settled: Moved): void {
    if (address.host === this.core.limits.id) return this.migrateFromHere(address, to, settled);
    const moveId = ++this.lastMoveId;
    this.asks.set(moveId, { host: address.host, to, settled });
    if (this.road.gate.tell(address.host, 'move-ask', { moveId, address, to })) return;
    this.asks.delete(moveId);
    settled(null, died(address));
  }

  /** Has an actor of this host leave for a worker. @throws NotMovableError, WorkerDiedError, InvalidOptionError */
  leave(cell: ActorCell, worker: number): void {
    // Below 0 there is a host as well, but no worker: the thread that made the runtime.
    if (!Number.isInteger(worker) || worker < 0) {
      throw new InvalidOptionError(`a worker is named by its number, from 0, not by ${showValue(worker)}`);
    }
    const host = this.road.hostOf(worker);
    if (host === null) throw new WorkerDiedError(`worker ${worker} is not up: nothing can move there now`);
    if (host !== this.core.limits.id) this.depart(cell, host, () => {});
  }

  /** @throws NotMovableError */
  private depart(cell: ActorCell, host: number, settled: Moved): void {
    const { address } = cell;
    const { ending, transit, phase } = cell;
    const why = whyImmovable(cell);
    if (why !== null) throw new NotMovableError(`${address} can't be moved: ${why}`);
    if (ending !== null || phase === PHASE.stopped)
      throw new NotMovableError(`${address} is about to end or to restart`);
    if (transit !== null) throw new NotMovableError(`${address} is being moved already`);
    const moveId = ++this.lastMoveId;
    const departure = new Departure(moveId, cell, host, this.road, (home, error, sockets) => {
      this.departures.delete(moveId);
      if (sockets.length > 0) this.crossings.set(moveId, { host, sockets, settled, home });
      else settled(home, error);
    });
    const move = { moveId, module: cell.module as string, hasSockets: cell.connections !== null };
    this.departures.set(moveId, departure);
    cell.transit = departure;
    if (!this.road.gate.tell(host, 'move-prepare', move)) departure.giveUp(died(host));
  }

  private migrateFromHere(address: ActorAddress, to: number, settled: Moved): void {
    const recipient = this.core.slots.find(address.slot, address.generation);
    if (recipient instanceof Forwarder) return this.migrate(recipient.lastKnownHome, to, settled);
    const cell = this.core.cellOf(address);
    if (cell === null) return settled(null, new NotMovableError(`${address} has ended, or is no actor`));
    const { transit } = cell;
    if (transit instanceof Arrival) return transit.whenOver(() => this.migrateFromHere(address, to, settled));
    if (to === address.host) return settled(address, null);
    try {
      this.depart(cell, to, settled);
    } catch (error) {
      settled(null, error);
    }
  }

  // ------------------------------------------------------------ what other hosts tell

  private asked(host: number, { moveId, address, to }: Body<'move-ask'>): void {
    const answer = { moveId, home: null, elsewhere: null, thrown: null };
    const recipient = this.core.slots.find(address.slot, address.generation);
    if (recipient instanceof Forwarder) {
      this.road.gate.tell(host, 'move-answer', { ...answer, elsewhere: recipient.lastKnownHome });
      return;
    }
    this.migrateFromHere(address, to, (home, error) => {
      const thrown = home === null ? thrownOf(error) : null;
      this.road.gate.tell(host, 'move-answer', { ...answer, home, thrown });
    });
  }

  private answered(_host: number, { moveId, home, elsewhere, thrown }: Body<'move-answer'>): void {
    const ask = this.asks.get(moveId);
    this.asks.delete(moveId);
    if (ask === undefined) return;
    if (elsewhere !== null) this.migrate(elsewhere, ask.to, ask.settled);
    else ask.settled(home, thrown === null ? null : errorOf(thrown));
  }

  private prepare(host: number, { moveId, module, hasSockets }: Body<'move-prepare'>): void {
    const { gate, sockets } = this.road;
    const prepared = (owner: SwitchOwner | null) => void gate.tell(host, 'move-prepared', { moveId, owner });
    const failed = (error: unknown) => void gate.tell(host, 'move-failed', { moveId, thrown: thrownOf(error) });
    const loaded = () => (hasSockets ? void sockets.owner().then(prepared, failed) : prepared(null));
    this.road.load(module, loaded, failed);
  }

  private receive(host: number, { moveId, actor }: Body<'move-cell'>): void {
    const arrival = new Arrival(host, moveId, actor, this.road, this.core);
    this.arrivals.set(`${host}.${moveId}`, arrival);
    // It is loaded already; the definition comes at once, or nearly.
    this.road.load(
      actor.module,
      (definition) => arrival.land(definition),
      (error) => arrival.fail(error),
    );
  }

  private landed(host: number, { moveId, home }: Body<'move-landed'>): void {
    const departure = this.departures.get(moveId);
    // It was given up meanwhile, which the other host has been told.
    if (departure?.host === host) departure.landed(home);
  }

  private takeArrival(host: number, moveId: number): Arrival | undefined {
    const key = `${host}.${moveId}`;
    const arrival = this.arrivals.get(key);
    this.arrivals.delete(key);
    return arrival;
  }

  /** Its sockets have come, or never will. @param error why they won't */
  private ashore(moveId: number, error: unknown = null): void {
    const crossing = this.crossings.get(moveId);
    if (crossing === undefined) return;
    this.crossings.delete(moveId);
    const { sockets } = this.road;
    for (const { connection, origin } of crossing.sockets) {
      sockets.settle(connection);
      // The other host has said so too; but what it said may have died with it, or what was told it with this one.
      if (error === null) sockets.left(origin, this.core.limits.id, crossing.host);
      else sockets.lost(origin);
    }
    crossing.settled(error === null ? crossing.home : null, error);
  }

  /** A host is gone. */
  private left(host: number): void {
    for (const [moveId, crossing] of [...this.crossings]) if (crossing.host === host) this.ashore(moveId, died(host));
    for (const departure of [...this.departures.values()]) if (departure.host === host) departure.giveUp(died(host));
    for (const [key, arrival] of [...this.arrivals]) {
      if (arrival.host !== host) continue;
      this.arrivals.delete(key);
      arrival.drop();
    }
    for (const [moveId, ask] of [...this.asks]) {
      if (ask.host !== host) continue;
      this.asks.delete(moveId);
      ask.settled(null, died(host));
    }
  }
}

/** Why an actor can't move as it is now; null: it can. */
export function whyImmovable({ module, children, connections }: ActorCell): string | null {
  if (module === null) return 'it was not spawned from a module';
  if (children !== null) return 'it has children';
  return connections?.canMove === false ? 'it has a socket that stays on its thread' : null;
}

function died(where: ActorAddress | number): WorkerDiedError {
  if (typeof where === 'number') return new WorkerDiedError('the worker that the actor was to move to has died');
  return new WorkerDiedError(`the worker of ${where} has died`);
}
