/**
 * Who owns each accepted connection. A descriptor is a number of the whole process: closed twice, the second time may hit
 * a stranger's. So a connection belongs to this ledger's thread until the worker that it was given to confirms that it has
 * opened it, and to that worker from then on. A worker that dies in between may or may not have opened it; its end has
 * closed what it had opened, and the socket's cookie tells the rest from numbers that were used anew. Connections by a SAN
 * have no descriptor that could be left behind, and are only counted.
 *
 * Workers must be threads that the ledger's thread has started: they end before it does, and with it.
 */
import { closeSocket, releaseSocket, type SocketIdentity } from '../../native/tcp.js';

/** A connection, as far as the ledger has to do with it. */
export interface Connection {
  /** It is nobody else's: ends it. @returns false: whoever was given it had opened it, and its end has ended it */
  close(): boolean;
  /** Somebody else has it from now on. */
  release(): void;
}

/** A connection that is an accepted socket of this thread. */
export function socketConnection(socket: SocketIdentity): Connection {
  return {
    close: () => closeSocket(socket),
    // Not released: the worker has closed it meanwhile, and its number is noted for a newer connection.
    release: () => void releaseSocket(socket),
  };
}

/** The connections of one worker. */
export interface WorkerLoad {
  readonly worker: number;
  /** Given to it, and not confirmed yet. */
  readonly unconfirmed: number;
  /** Open there. */
  readonly open: number;
}

/** What has become of all connections so far. */
export interface LedgerCounters {
  /** Given to a worker. */
  readonly entered: number;
  readonly confirmed: number;
  /** Closed here, because a worker did not take them. */
  readonly givenBack: number;
  /** Closed here, because their worker died before it opened them. */
  readonly orphaned: number;
  /** Confirmed or not, they ended with their worker, which had opened them. */
  readonly lost: number;
  /** Messages about a connection that the worker does not have: late ones, after its end, or wrong ones. */
  readonly strays: number;
}

interface Load extends WorkerLoad {
  unconfirmed: number;
  open: number;
}

interface Entry {
  readonly connection: Connection;
  load: Load;
  readonly left: () => void;
  isOpen: boolean;
  /** How often it is known to have moved. */
  moves: number;
}

/** Keeps the accounts of one thread's listeners. A *ticket* names a connection; none is ever used twice. */
export class Ledger {
  private readonly loads = new Map<number, Load>();
  private readonly entries = new Map<number, Entry>();
  private readonly watchers = new Set<() => void>();
  private readonly counted = { entered: 0, confirmed: 0, givenBack: 0, orphaned: 0, lost: 0, strays: 0 };
  private roster: readonly WorkerLoad[] = [];
  private lastTicket = 0;

  /** The workers that can be given connections, in the order in which they joined. The array is never changed. */
  get workers(): readonly WorkerLoad[] {
    return this.roster;
  }

  get counters(): LedgerCounters {
    return { ...this.counted };
  }

  /** A worker can be given connections from now on. @throws Error if it is there already */
  join(worker: number): void {
    if (this.loads.has(worker)) throw new Error(`worker ${worker} is in the ledger already`);
    this.loads.set(worker, { worker, unconfirmed: 0, open: 0 });
    this.rosterChanged();
  }

  /**
   * A worker's thread has ended: its `exit` event has been emitted, so that it can neither open nor close anything any
   * more. What it had not opened is closed; it all leaves the ledger.
   * @throws Error if there is no such worker
   */
  lost(worker: number): void {
    const load = this.loads.get(worker);
    if (load === undefined) throw new Error(`worker ${worker} is not in the ledger`);
    this.loads.delete(worker);
    this.rosterChanged();
    for (const [ticket, entry] of this.entries) {
      if (entry.load !== load) continue;
      const isOrphan = !entry.isOpen && entry.connection.close();
      this.counted[isOrphan ? 'orphaned' : 'lost'] += 1;
      this.leave(ticket, entry);
    }
  }

  /**
   * A connection is about to be given to a worker of `workers`.
   * @param left called once, when it has ended or was closed @returns its ticket
   * @throws Error if there is no such worker
   */
  enter(connection: Connection, worker: number, left: () => void): number {
    const load = this.loads.get(worker);
    if (load === undefined) throw new Error(`worker ${worker} is not in the ledger`);
    const ticket = ++this.lastTicket;
    this.entries.set(ticket, { connection, load, left, isOpen: false, moves: 0 });
    load.unconfirmed += 1;
    this.counted.entered += 1;
    return ticket;
  }

  /** The worker has opened the descriptor and owns it. @returns false: it has no such unconfirmed connection */
  confirm(worker: number, ticket: number): boolean {
    const entry = this.find(worker, ticket, false);
    if (entry === null) return false;
    this.open(entry);
    return true;
  }

  /** The worker was not told of it, or could not open it: it is closed. @returns false: as for `confirm` */
  giveBack(worker: number, ticket: number): boolean {
    const entry = this.find(worker, ticket, false);
    if (entry === null) return false;
    entry.connection.close();
    this.counted.givenBack += 1;
    this.leave(ticket, entry);
    return true;
  }

  /** A confirmed connection has been closed by its worker. @returns false: it has no such confirmed connection */
  ended(worker: number, ticket: number): boolean {
    const entry = this.find(worker, ticket, true);
    if (entry === null) return false;
    this.leave(ticket, entry);
    return true;
  }

  /**
   * A connection has come to another worker. Both workers say so, in any order, even before the first one has said that it
   * opened it, so what counts is how often it has moved. @returns false: a later move was known, or it is not in the ledger,
   * or there is no such worker
   */
  moved(ticket: number, to: number, moves: number): boolean {
    const entry = this.entries.get(ticket);
    const load = this.loads.get(to);
    if (entry === undefined || load === undefined || moves <= entry.moves) {
      this.counted.strays += 1;
      return false;
    }
    if (!entry.isOpen) this.open(entry);
    entry.moves = moves;
    entry.load.open -= 1;
    entry.load = load;
    load.open += 1;
    return true;
  }

  /** Calls back when `workers` has changed. @returns what ends that */
  watch(changed: () => void): () => void {
    this.watchers.add(changed);
    return () => this.watchers.delete(changed);
  }

  private find(worker: number, ticket: number, isOpen: boolean): Entry | null {
    const entry = this.entries.get(ticket);
    if (entry !== undefined && entry.load === this.loads.get(worker) && entry.isOpen === isOpen) return entry;
    this.counted.strays += 1;
    return null;
  }

  private open(entry: Entry): void {
    entry.connection.release();
    entry.isOpen = true;
    entry.load.unconfirmed -= 1;
    entry.load.open += 1;
    this.counted.confirmed += 1;
  }

  private leave(ticket: number, entry: Entry): void {
    this.entries.delete(ticket);
    entry.load[entry.isOpen ? 'open' : 'unconfirmed'] -= 1;
    entry.left();
  }

  private rosterChanged(): void {
    this.roster = [...this.loads.values()];
    for (const changed of [...this.watchers]) changed();
  }
}
