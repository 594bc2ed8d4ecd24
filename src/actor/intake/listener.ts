/** Accepting TCP connections for workers: from the kernel's queue, by the placement, into the ledger, and off to a worker. */
import type { AddressInfo } from 'node:net';
import type { AcceptedSocket, AcceptorCounters, NativeTcpAcceptor } from '../../native/addon.js';
import { requireNative } from '../../native/load.js';
import { closeDescriptor, localPort, systemError } from '../../native/os.js';
import { closeSocket, localAddress } from '../../native/tcp.js';
import type { Caller } from '../../switch/requests.js';
import { type Ledger, socketConnection } from './ledger.js';
import { type ListeningOptions, startListening } from './listening.js';
import { Reception, type ReceptionCounters, type ReceptionOptions } from './reception.js';

/** A connection as the worker gets it. */
export interface GivenSocket {
  /** What it is called when the ledger is told that it was opened (`confirm`), could not be (`giveBack`), or `ended`. */
  readonly ticket: number;
  /** To be opened with `new net.Socket({ fd })`. Closing it resets the connection: `setResetOnClose`. */
  readonly fd: number;
}

/**
 * Tells a worker of a connection; never waits for it.
 * @returns false: the worker is not told, and the connection is closed. So it is if this throws
 */
export type Give = (worker: number, socket: GivenSocket, caller: Caller) => boolean;

/** What a listener can be asked for. */
export interface IntakeOptions extends ListeningOptions, ReceptionOptions {
  /** TCP/IP may not serve: all who come by it are reset. Default false. */
  readonly rejectsAll?: boolean;
}

/** What a listener has done so far. An accepted connection was turned away, is ungiven, or a worker was told of it. */
export interface IntakeCounters extends AcceptorCounters, ReceptionCounters {
  /** Closed because `give` did not tell the worker. */
  readonly ungiven: number;
}

/**
 * Listens for TCP connections and gives each to a worker of the ledger. While there is no worker, connections wait in the
 * kernel's queue. Keeps the event loop alive until it is closed or `unref` is called. Whoever is turned away is reset.
 */
export class IntakeListener {
  readonly reception: Reception;
  /** Of the listening socket; it stays this object's. */
  readonly descriptor: number;
  private readonly ledger: Ledger;
  private readonly give: Give;
  private readonly rejectsAll: boolean;
  private readonly acceptor: NativeTcpAcceptor;
  private readonly place: AddressInfo;
  private readonly unwatch: () => void;
  private isAbandoned = false;
  private ungiven = 0;

  private constructor(options: IntakeOptions, reception: Reception, give: Give, fd: number) {
    this.reception = reception;
    this.ledger = reception.ledger;
    this.give = give;
    this.rejectsAll = options.rejectsAll === true;
    this.descriptor = fd;
    const address = localAddress(fd);
    this.place = { address, port: localPort(fd), family: address.includes(':') ? 'IPv6' : 'IPv4' };
    this.acceptor = new (requireNative().TcpAcceptor)(
      fd,
      (batch) => this.accepted(batch),
      (errno) => reception.report(systemError(errno, 'accept')),
    );
    this.acceptor.ref();
    this.unwatch = this.ledger.watch(() => this.rosterChanged());
    this.rosterChanged();
  }

  /**
   * Starts to listen.
   * @throws what `net.Server.listen` throws or emits; ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE and InvalidOptionError for
   * options; NativeUnavailableError
   */
  static async open(options: IntakeOptions, ledger: Ledger, give: Give): Promise<IntakeListener> {
    const reception = new Reception(options, ledger);
    const fd = await startListening(options);
    try {
      return new IntakeListener(options, reception, give, fd);
    } catch (error) {
      closeDescriptor(fd);
      throw error;
    }
  }

  /** Where it listens; null once it is closed. */
  address(): AddressInfo | null {
    return this.reception.isClosed ? null : this.place;
  }

  /** Connections that workers have of it, or are being given. */
  get connections(): number {
    return this.reception.connections;
  }

  /** May be changed at any time; connections that stand are left alone. @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE */
  get maxConnections(): number | undefined {
    return this.reception.maxConnections;
  }

  set maxConnections(limit: number | undefined) {
    this.reception.maxConnections = limit;
  }

  get counters(): IntakeCounters {
    return { ...this.acceptor.counters(), ...this.reception.counters, ungiven: this.ungiven };
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
    if (!this.reception.isClosed) {
      this.unwatch();
      this.acceptor.close();
      closeDescriptor(this.descriptor);
    }
    return this.reception.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** No worker will come any more: callers are turned away from now on, where they would have waited for one. */
  abandon(): void {
    this.isAbandoned = true;
    this.rosterChanged();
  }

  private rosterChanged(): void {
    if (this.reception.isClosed) return;
    if (this.ledger.workers.length === 0 && !this.isAbandoned) this.acceptor.pause();
    else this.acceptor.resume();
  }

  private accepted(batch: readonly AcceptedSocket[]): void {
    for (const socket of batch) this.welcome(socket);
  }

  private welcome(socket: AcceptedSocket): void {
    const { reception } = this;
    const caller = callerOf(socket);
    if (this.rejectsAll) reception.reject(caller);
    const placed = this.rejectsAll ? null : reception.receive(caller, socketConnection(socket));
    if (placed === null) {
      closeSocket(socket);
      return;
    }
    const { worker, ticket } = placed;
    let isGiven = false;
    reception.tell(() => {
      isGiven = this.give(worker, { ticket, fd: socket.fd }, caller) === true;
    });
    if (isGiven) return;
    this.ungiven += 1;
    this.ledger.giveBack(worker, ticket);
  }
}

function callerOf({ family, remoteAddress, remotePort, localAddress, localPort }: AcceptedSocket): Caller {
  return {
    remote: { family, address: remoteAddress, port: remotePort },
    local: { family, address: localAddress, port: localPort },
    provider: 'tcp',
  };
}
