/** Whom a listener lets in, and where to: its own rules and accounts, whichever provider a caller comes by. */
import { rethrowLater } from '../../rethrow.js';
import type { Caller } from '../../switch/requests.js';
import { publishPlaced, publishRefused, type RefusedEvent } from '../runtime/channels.js';
import { OWN_HOST, workerOf } from '../runtime/host-number.js';
import type { Connection, Ledger } from './ledger.js';
import { checkCount } from './listening.js';
import { type ConnectionPlacement, type Placer, placerOf } from './placement.js';

/** Whom the books name for the calling thread. */
export const OWN_WORKER = workerOf(OWN_HOST);

/** The rules. */
export interface ReceptionOptions {
  /** Which worker gets a connection. Default `least-connections`. */
  readonly placement?: ConnectionPlacement | undefined;
  /**
   * Asked for every caller (rule 4.3): false rejects it. By a SAN nothing has been said to the peer yet, which sees
   * ECONNREFUSED; by TCP/IP it sees a reset. If it throws, the caller is rejected and the exception is an uncaught one.
   */
  readonly admit?: ((caller: Caller) => boolean) | undefined;
  /** From this many connections on new ones are turned away. None: no such limit. */
  readonly maxConnections?: number | undefined;
  /**
   * What goes wrong while it listens: the system has no descriptors or memory left (`accept EMFILE`; told once until
   * something is accepted again), the application's placement throws or names no worker, a provider no longer listens, a
   * worker can't serve a connection. The listener goes on; but once all workers have been given up it turns everybody away.
   */
  readonly failed?: ((error: Error) => void) | undefined;
  /** A caller was turned away because of `maxConnections`. */
  readonly dropped?: ((caller: Caller) => void) | undefined;
}

/** What became of callers so far. One who came in is none of these. */
export interface ReceptionCounters {
  /** Turned away because of `maxConnections`. */
  readonly dropped: number;
  /** Turned away by `admit`, or because the configuration demands another provider. */
  readonly rejected: number;
  /** Turned away because there was no worker for them, or because the listener was closed. */
  readonly unplaced: number;
}

/** Where a connection goes. */
export interface Placed {
  readonly worker: number;
  /** What the ledger calls it. */
  readonly ticket: number;
}

/** One listener's. */
export class Reception {
  readonly ledger: Ledger;
  private readonly options: ReceptionOptions;
  private readonly placer: Placer;
  private readonly counted = { dropped: 0, rejected: 0, unplaced: 0 };
  private limit: number;
  private open = 0;
  private closing: Promise<void> | null = null;
  private emptied: () => void = () => {};

  /** @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE, InvalidOptionError */
  constructor(options: ReceptionOptions, ledger: Ledger) {
    this.placer = placerOf(options.placement);
    this.limit = checkLimit(options.maxConnections);
    this.options = options;
    this.ledger = ledger;
  }

  /** Connections that are open, or on their way to a worker. */
  get connections(): number {
    return this.open;
  }

  get maxConnections(): number | undefined {
    return this.limit === Number.POSITIVE_INFINITY ? undefined : this.limit;
  }

  set maxConnections(limit: number | undefined) {
    this.limit = checkLimit(limit);
  }

  get counters(): ReceptionCounters {
    return { ...this.counted };
  }

  get isClosed(): boolean {
    return this.closing !== null;
  }

  /** Someone calls. @returns null: turned away; otherwise the ledger has the connection. Never throws */
  receive(caller: Caller, connection: Connection): Placed | null {
    if (!this.letsIn(caller)) return null;
    // What the application does for one connection of a batch may have ended the last worker.
    if (this.ledger.workers.length === 0) {
      this.refuse(caller, 'unplaced', 'no-worker');
      return null;
    }
    try {
      const worker = this.placer(caller, this.ledger.workers);
      const ticket = this.ledger.enter(connection, worker, this.left);
      this.open += 1;
      publishPlaced(caller, worker);
      return { worker, ticket };
    } catch (error) {
      this.refuse(caller, 'unplaced', 'bad-placement');
      this.report(error as Error);
      return null;
    }
  }

  /** The same for a connection that stays on this thread. @returns what is to be called once, when it has ended */
  receiveHere(caller: Caller): (() => void) | null {
    if (!this.letsIn(caller)) return null;
    this.open += 1;
    publishPlaced(caller, OWN_WORKER);
    return this.left;
  }

  /** Turns a caller away that the configuration does not allow. */
  reject(caller: Caller): void {
    this.refuse(caller, 'rejected', 'provider-required');
  }

  /** Lets nobody in any more. @returns when the last connection has ended; the same promise each time */
  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      this.emptied = resolve;
      if (this.open === 0) resolve();
    });
    return this.closing;
  }

  report(error: Error): void {
    this.tell(() => this.options.failed?.(error));
  }

  /** Calls what is not ours; its exceptions do not unwind a batch, whose other connections must not be forgotten. */
  tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      rethrowLater(error);
    }
  }

  private letsIn(caller: Caller): boolean {
    if (this.closing !== null) return this.refuse(caller, 'unplaced', 'closed');
    if (this.open >= this.limit) {
      this.refuse(caller, 'dropped', 'max-connections');
      this.tell(() => this.options.dropped?.(caller));
      return false;
    }
    const { admit } = this.options;
    if (admit === undefined) return true;
    let isAdmitted = false;
    this.tell(() => {
      isAdmitted = admit(caller) === true;
    });
    if (!isAdmitted) return this.refuse(caller, 'rejected', 'not-admitted');
    // Whatever it said, it may have closed the listener.
    return !this.isClosed || this.refuse(caller, 'unplaced', 'closed');
  }

  private refuse(caller: Caller, counter: keyof ReceptionCounters, reason: RefusedEvent['reason']): false {
    this.counted[counter] += 1;
    publishRefused(caller, reason);
    return false;
  }

  private readonly left = (): void => {
    this.open -= 1;
    if (this.open === 0) this.emptied();
  };
}

function checkLimit(limit: number | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  return checkCount('options.maxConnections', limit, Number.MAX_SAFE_INTEGER);
}
