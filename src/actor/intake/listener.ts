/** Accepting TCP connections for workers: from the kernel's queue, by the placement, into the ledger, and off to a worker. */
import type { AddressInfo } from 'node:net';
import type { AcceptedSocket, AcceptorCounters, NativeTcpAcceptor } from '../../native/addon.js';
import { requireNative } from '../../native/load.js';
import { closeDescriptor, localPort, systemError } from '../../native/os.js';
import { closeSocket, localAddress } from '../../native/tcp.js';
import { rethrowLater } from '../../rethrow.js';
import type { Ledger } from './ledger.js';
import { checkCount, type ListeningOptions, startListening } from './listening.js';
import { type Peer, type Placement, type Placer, placerOf } from './placement.js';

/** A connection as the worker gets it. */
export interface GivenSocket {
  /** What it is called when the ledger is told that it was opened (`confirm`), could not be (`giveBack`), or `ended`. */
  readonly ticket: number;
  /** To be opened with `new net.Socket({ fd })`. */
  readonly fd: number;
}

/**
 * Tells a worker of a connection; never waits for it.
 * @returns false: the worker is not told, and the connection is closed. So it is if this throws
 */
export type Give = (worker: number, socket: GivenSocket, peer: Peer) => boolean;

/** What a listener can be asked for. */
export interface IntakeOptions extends ListeningOptions {
  readonly placement?: Placement;
  /** From this many connections on new ones are closed as soon as they are accepted. None: no such limit. */
  readonly maxConnections?: number;
  /**
   * What goes wrong while it listens: the system has no descriptors or memory left (`accept EMFILE`; told once until
   * something is accepted again), or the application's placement throws or names no worker. The listener goes on.
   */
  failed?(error: Error): void;
  /** A connection was closed because of `maxConnections`. */
  dropped?(peer: Peer): void;
}

/** What a listener has done so far. An accepted connection is dropped, unplaced, ungiven, or a worker was told of it. */
export interface IntakeCounters extends AcceptorCounters {
  /** Closed because of `maxConnections`. */
  readonly dropped: number;
  /** Closed because there was no worker for them, or because the listener was. */
  readonly unplaced: number;
  /** Closed because `give` did not tell the worker. */
  readonly ungiven: number;
}

/**
 * Listens for TCP connections and gives each to a worker of the ledger. While there is no worker, connections wait in the
 * kernel's queue. Keeps the event loop alive until it is closed or `unref` is called.
 */
export class IntakeListener {
  private readonly ledger: Ledger;
  private readonly give: Give;
  private readonly options: IntakeOptions;
  private readonly placer: Placer;
  private readonly fd: number;
  private readonly acceptor: NativeTcpAcceptor;
  private readonly place: AddressInfo;
  private readonly unwatch: () => void;
  private readonly counted = { dropped: 0, unplaced: 0, ungiven: 0 };
  private limit = Number.POSITIVE_INFINITY;
  private open = 0;
  private closing: Promise<void> | null = null;
  private drained: () => void = () => {};

  private constructor(options: IntakeOptions, placer: Placer, ledger: Ledger, give: Give, fd: number) {
    this.options = options;
    this.placer = placer;
    this.ledger = ledger;
    this.give = give;
    this.fd = fd;
    const address = localAddress(fd);
    this.place = { address, port: localPort(fd), family: address.includes(':') ? 'IPv6' : 'IPv4' };
    this.maxConnections = options.maxConnections;
    this.acceptor = new (requireNative().TcpAcceptor)(
      fd,
      (batch) => this.accepted(batch),
      (errno) => this.report(systemError(errno, 'accept')),
    );
    this.acceptor.ref();
    this.unwatch = ledger.watch(() => this.rosterChanged());
    this.rosterChanged();
  }

  /**
   * Starts to listen.
   * @throws what `net.Server.listen` throws or emits; ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE and InvalidOptionError for
   * options; NativeUnavailableError
   */
  static async open(options: IntakeOptions, ledger: Ledger, give: Give): Promise<IntakeListener> {
    const placer = placerOf(options.placement);
    checkLimit(options.maxConnections);
    const fd = await startListening(options);
    try {
      return new IntakeListener(options, placer, ledger, give, fd);
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
  }

  /** Where it listens; null once it is closed. */
  address(): AddressInfo | null {
    return this.closing === null ? this.place : null;
  }

  /** Connections that workers have of it, or are being given. */
  get connections(): number {
    return this.open;
  }

  /** May be changed at any time; connections that stand are left alone. @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE */
  get maxConnections(): number | undefined {
    return this.limit === Number.POSITIVE_INFINITY ? undefined : this.limit;
  }

  set maxConnections(limit: number | undefined) {
    this.limit = checkLimit(limit);
  }

  get counters(): IntakeCounters {
    return { ...this.acceptor.counters(), ...this.counted };
  }

  /** Keeps the event loop alive while it listens. */
  ref(): this {
    this.acceptor.ref();
    return this;
  }

  unref(): this {
    this.acceptor.unref();
    return this;
  }

  /**
   * Listens no more; connections that nobody has accepted yet are reset. @returns when the last connection that workers
   * have of it has ended. The same promise each time
   */
  close(): Promise<void> {
    if (this.closing !== null) return this.closing;
    this.closing = new Promise((resolve) => {
      this.drained = resolve;
    });
    this.unwatch();
    this.acceptor.close();
    closeDescriptor(this.fd);
    if (this.open === 0) this.drained();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private rosterChanged(): void {
    if (this.ledger.workers.length === 0) this.acceptor.pause();
    else this.acceptor.resume();
  }

  private accepted(batch: readonly AcceptedSocket[]): void {
    for (const socket of batch) this.welcome(socket);
  }

  private welcome(socket: AcceptedSocket): void {
    // What the application does for one connection of a batch may close the listener, and end the last worker.
    if (this.closing !== null || this.ledger.workers.length === 0) {
      this.counted.unplaced += 1;
      closeSocket(socket);
    } else if (this.open >= this.limit) {
      this.counted.dropped += 1;
      closeSocket(socket);
      this.tell(() => this.options.dropped?.(peerOf(socket)));
    } else {
      this.settle(socket);
    }
  }

  private settle(socket: AcceptedSocket): void {
    const peer = peerOf(socket);
    let worker: number;
    let ticket: number;
    try {
      worker = this.placer(peer, this.ledger.workers);
      ticket = this.ledger.enter(socket, worker, this.left);
    } catch (error) {
      this.counted.unplaced += 1;
      closeSocket(socket);
      this.report(error as Error);
      return;
    }
    this.open += 1;
    let isGiven = false;
    this.tell(() => {
      isGiven = this.give(worker, { ticket, fd: socket.fd }, peer) === true;
    });
    if (isGiven) return;
    this.counted.ungiven += 1;
    this.ledger.giveBack(worker, ticket);
  }

  private readonly left = (): void => {
    this.open -= 1;
    if (this.open === 0 && this.closing !== null) this.drained();
  };

  private report(error: Error): void {
    this.tell(() => this.options.failed?.(error));
  }

  /** Calls what is not ours; its exceptions do not unwind a batch, whose other connections must not be forgotten. */
  private tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      rethrowLater(error);
    }
  }
}

function checkLimit(limit: number | undefined): number {
  if (limit === undefined) return Number.POSITIVE_INFINITY;
  return checkCount('options.maxConnections', limit, Number.MAX_SAFE_INTEGER);
}

function peerOf({ family, remoteAddress, remotePort, localAddress, localPort }: AcceptedSocket): Peer {
  return { family, remoteAddress, remotePort, localAddress, localPort };
}
