/** The provider's socket: what the SPI's calls act on. Bound, then listening or connected. */

import { RingCorruptError } from '../../errors.js';
import {
  CLAIM_BOUND_PORT,
  CLAIM_VIRTUAL_PORT,
  RECORD_LINK_ACCEPT,
  RECORD_LINK_CLOSE,
  RECORD_LINK_OPEN,
  REJECT_BACKLOG,
  REJECT_NOT_LISTENING,
  REJECT_REFUSED,
  REJECT_SOURCE,
} from '../../layout/layout.gen.js';
import { holdsVirtualPort } from '../../ports/virtual-ports.js';
import {
  NO_ERROR,
  WSA_OPERATION_ABORTED,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
  type WsaCode,
  WsaError,
} from '../../spi/codes.js';
import type { UpcallTable } from '../../spi/provider.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  CF_ACCEPT,
  FD_ACCEPT,
  FD_CLOSE,
  FD_CONNECT,
  FD_WRITE,
  type NetworkEvents,
  type Overlapped,
  type Socket,
  type SocketAddress,
  type WsaEvent,
} from '../../spi/types.js';
import { type ConnectionOwner, ShmConnection } from './connection.js';
import type { Located, Location, Seeker, ShmConnector } from './connector.js';
import type { ShmHost } from './host.js';
import type { Link } from './link.js';
import { type Incoming, ShmListener } from './listener.js';
import { encodeOpen, OPEN_WORDS, type OpenRequest } from './open-record.js';
import { isSourceGenuine } from './verify.js';

/** What all sockets of a provider share. */
export interface SocketContext {
  readonly host: ShmHost;
  readonly connector: ShmConnector;
  readonly upcalls: UpcallTable;
  /** Gives an accepted connection a socket. */
  adopt(): ShmSocket;
  /** Forgets such a socket again, before the switch has heard of it. */
  disown(socket: ShmSocket): void;
  /** A send is done: it completes with the present batch. */
  complete(handle: Socket, overlapped: Overlapped, bytes: number): void;
}

/** Before `WSPBind` and `WSPConnect`. */
export const UNBOUND: SocketAddress = { family: 4, address: '', port: 0 };

/** Ends every turn's accepts, so it is made once. */
const NOBODY_WAITS = new WsaError(WSAEWOULDBLOCK);

interface Arrival {
  readonly link: Link;
  readonly id: number;
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
}

/** None, once for all sockets: only those that listen have any. Never changed. */
const NO_ARRIVALS: Arrival[] = [];

/** A refusal that is a promise about TCP/IP (rule 3.3), or none (3.4). */
function refusalCode(reason: number): WsaCode {
  return reason === REJECT_REFUSED || reason === REJECT_BACKLOG ? WSAECONNREFUSED : WSAETIMEDOUT;
}

const REFUSALS: Readonly<Record<number, string>> = {
  [REJECT_NOT_LISTENING]: 'listener-closed',
  [REJECT_REFUSED]: 'refused-by-peer',
  [REJECT_BACKLOG]: 'backlog-full',
  [REJECT_SOURCE]: 'source-unverifiable',
};

/** @returns null: the peer has left nonsense where this connection is to be, and the link ends */
function newConnection(link: Link, id: number, owner: ConnectionOwner): ShmConnection | null {
  try {
    return new ShmConnection(link, id, owner);
  } catch (error) {
    if (!(error instanceof RingCorruptError)) throw error;
    link.distrust(error);
    return null;
  }
}

function isGenuine({ claim, source }: OpenRequest, link: Link): boolean {
  try {
    return isSourceGenuine(claim, source, link);
  } catch {
    return false; // No descriptors left, for instance: what can't be verified goes by TCP/IP.
  }
}

/** A companion socket (or a listening one) of this provider. */
export class ShmSocket implements ConnectionOwner, Incoming, Seeker {
  readonly descriptor: Socket;
  /** The switch's descriptor. */
  handle: Socket = -1;
  /** Descriptor of the TCP listener beside which this one listens. */
  tcpListener = -1;
  bound: SocketAddress = UNBOUND;
  /** Of its connect. */
  destination: SocketAddress = UNBOUND;
  connection: ShmConnection | null = null;
  isClosed = false;
  private listener: ShmListener | null = null;
  private backlog = 0;
  private arrivals = NO_ARRIVALS;
  private event: WsaEvent | null = null;
  private mask = 0;
  private happened = 0;
  private connectError: WsaCode = NO_ERROR;
  private connectReason = '';
  /** Our OPEN waits for an answer. */
  private isOpening = false;
  private retried = false;
  private location: Located | null = null;
  private readonly context: SocketContext;

  constructor(context: SocketContext, descriptor: Socket) {
    this.context = context;
    this.descriptor = descriptor;
  }

  // ----------------------------------------------------------------- events

  select(event: WsaEvent | null, mask: number): void {
    this.event = event;
    this.mask = mask;
    if (this.arrivals.length > 0) this.happened |= FD_ACCEPT;
    if ((this.happened & mask) !== 0) event?.set();
  }

  enumerate(): NetworkEvents {
    const events = this.happened & this.mask;
    this.happened &= ~events;
    const closeError = (events & FD_CLOSE) === 0 ? NO_ERROR : WSAECONNRESET;
    return { events, connectError: this.connectError, connectReason: this.connectReason, closeError };
  }

  private signal(event: number): void {
    this.happened |= event;
    if ((this.mask & event) !== 0) this.event?.set();
  }

  // ------------------------------------------------------------- connecting

  connect(destination: SocketAddress): WsaCode {
    this.destination = destination;
    this.context.connector.seek(this);
    return WSAEWOULDBLOCK;
  }

  located(location: Location): void {
    if (this.isClosed) return;
    if (!('link' in location)) return this.connected(location.code, location.reason);
    const { link, cookie } = location;
    if (link.isDead) return this.connected(WSAETIMEDOUT, 'link-died');
    const id = link.takeId();
    if (id < 0) return this.connected(WSAETIMEDOUT, 'link-full');
    const connection = newConnection(link, id, this);
    if (connection === null) return this.connected(WSAETIMEDOUT, 'link-died');
    this.connection = connection;
    this.connectReason = location.detail;
    this.location = location;
    this.isOpening = true;
    link.add(connection);
    // By its number it could be either: an application may have bound a real one of the same range.
    const { bound: source, destination } = this;
    const claim = holdsVirtualPort(source.port) ? CLAIM_VIRTUAL_PORT : CLAIM_BOUND_PORT;
    const open = encodeOpen(id, { cookie, claim, source, destination });
    connection.newsAt = link.write(RECORD_LINK_OPEN, open, OPEN_WORDS);
  }

  answered(reason: number | null): boolean {
    if (!this.isOpening) return false;
    this.isOpening = false;
    if (reason === null) {
      this.location = null;
      this.destination = UNBOUND;
      this.connected(NO_ERROR, this.connectReason);
      return true;
    }
    const connection = this.connection as ShmConnection;
    this.connection = null;
    connection.link.freeId(connection.id);
    // The listener that we knew is gone; another may have taken the port since.
    if (reason === REJECT_NOT_LISTENING && !this.retried) {
      this.retried = true;
      this.context.connector.forget((this.location as Located).cookie);
      this.connect(this.destination);
    } else this.connected(refusalCode(reason), REFUSALS[reason] ?? 'peer-out-of-resources');
    return true;
  }

  private connected(code: WsaCode, detail: string): void {
    this.connectError = code;
    this.connectReason = detail;
    this.signal(FD_CONNECT);
  }

  // -------------------------------------------------------------- listening

  listen(backlog: number): void {
    this.backlog = backlog;
    this.listener = new ShmListener(this.context.host, this.tcpListener, this);
  }

  opened(link: Link, id: number, request: OpenRequest): void {
    // Each peer fills its own queue, and what that costs nothing is asked first.
    if (link.silent >= this.backlog) link.refuse(id, REJECT_BACKLOG, 'backlog-full');
    else if (!isGenuine(request, link)) link.refuse(id, REJECT_SOURCE, 'source-unverifiable');
    else {
      link.wait(id);
      const arrival = { link, id, remote: request.source, local: request.destination };
      if (this.arrivals.length > 0) this.arrivals.push(arrival);
      else this.arrivals = [arrival];
      this.signal(FD_ACCEPT);
    }
  }

  /** The peer took its OPEN back before we accepted. */
  withdrawn(link: Link, id: number): void {
    const index = this.arrivals.findIndex((arrival) => arrival.link === link && arrival.id === id);
    if (index < 0) return;
    this.arrivals.splice(index, 1);
    link.record(RECORD_LINK_CLOSE, id);
  }

  linkDied(link: Link): void {
    this.arrivals = this.arrivals.filter((arrival) => arrival.link !== link);
  }

  accept(condition: AcceptCondition): AcceptedSocket {
    const arrival = this.arrivals.shift();
    if (arrival === undefined) throw NOBODY_WAITS;
    const { link, id, remote, local } = arrival;
    link.waited(id);
    if (condition({ remote, local, credentials: link.credentials }) !== CF_ACCEPT) {
      link.refuse(id, REJECT_REFUSED, 'refused');
      throw new WsaError(WSAECONNREFUSED);
    }
    const socket = this.context.adopt();
    const connection = newConnection(link, id, socket);
    if (connection === null) {
      this.context.disown(socket);
      throw new WsaError(WSAECONNREFUSED);
    }
    socket.connection = connection;
    connection.isSilent = true;
    link.silent++;
    link.add(connection);
    connection.newsAt = link.record(RECORD_LINK_ACCEPT, id);
    return { socket: socket.descriptor, remote, local };
  }

  // ------------------------------------------------- what the connection says

  spaceMade(): void {
    this.signal(FD_WRITE);
  }

  peerClosed(): void {
    const { connection } = this;
    if (connection === null) return;
    if (this.isOpening) {
      this.isOpening = false;
      this.connected(WSAETIMEDOUT, 'link-died');
    } else this.signal(FD_CLOSE);
  }

  received(overlapped: Overlapped, bytes: number): void {
    this.context.upcalls.WPUCompleteOverlappedRequest(this.handle, overlapped, NO_ERROR, bytes);
  }

  receiveFailed(overlapped: Overlapped): void {
    this.context.upcalls.WPUCompleteOverlappedRequest(this.handle, overlapped, WSAECONNRESET, 0);
  }

  // ----------------------------------------------------------------- closing

  /** Memory first, signals after, WPUCloseSocketHandle last (rule 7.2). */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.event = null;
    this.listener?.close();
    for (const { link, id } of this.arrivals) {
      link.waited(id);
      link.refuse(id, REJECT_NOT_LISTENING, 'not-listening');
    }
    this.arrivals = NO_ARRIVALS;
    const { connection, upcalls } = { connection: this.connection, upcalls: this.context.upcalls };
    this.isOpening = false;
    const posted = connection?.close() ?? null;
    if (posted !== null) upcalls.WPUCompleteOverlappedRequest(this.handle, posted, WSA_OPERATION_ABORTED, 0);
    upcalls.WPUCloseSocketHandle(this.handle);
  }
}
