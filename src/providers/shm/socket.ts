/** The provider's socket: what the SPI's calls act on. Bound, then listening or connected. */

import { RingCorruptError } from '../../errors.js';
import {
  CLAIM_BOUND_PORT,
  CLAIM_VIRTUAL_PORT,
  RECORD_LINK_ACCEPT,
  RECORD_LINK_ATTACH,
  RECORD_LINK_MOVE,
  RECORD_LINK_OPEN,
  REJECT_BACKLOG,
  REJECT_NOT_LISTENING,
  REJECT_REFUSED,
  REJECT_SOURCE,
  REJECT_TOKEN,
} from '../../layout/layout.gen.js';
import { holdsVirtualPort } from '../../ports/virtual-ports.js';
import {
  NO_ERROR,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEINVAL,
  WSAENOTCONN,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
  type WsaCode,
  WsaError,
} from '../../spi/codes.js';
import type { UpcallTable } from '../../spi/provider.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  FD_ACCEPT,
  FD_CLOSE,
  FD_CONNECT,
  FD_WRITE,
  type Overlapped,
  type OwnerKey,
  type RingReport,
  type Socket,
  type SocketAddress,
  type WsaEvent,
} from '../../spi/types.js';
import { EventSocket } from '../common/socket.js';
import { Arrivals } from './arrivals.js';
import { type Claimant, MOVE_TIMEOUT_MS } from './attachments.js';
import { type ConnectionOwner, ShmConnection } from './connection.js';
import type { Located, Location, Seeker, ShmConnector } from './connector.js';
import type { ShmHost } from './host.js';
import type { Link } from './link.js';
import type { Met } from './meeting.js';
import { ATTACH_WORDS, encodeAttach, encodeMove, MOVE_WORDS, type Move, newToken } from './move-record.js';
import { encodeOpen, OPEN_WORDS } from './open-record.js';
import { checkOwnerKey, Relocation, type ShmContext } from './relocation.js';

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

/** A refusal that is a promise about TCP/IP (rule 3.3), or none (3.4). */
function refusalCode(reason: number): WsaCode {
  return reason === REJECT_REFUSED || reason === REJECT_BACKLOG ? WSAECONNREFUSED : WSAETIMEDOUT;
}

const REFUSALS: Readonly<Record<number, string>> = {
  [REJECT_NOT_LISTENING]: 'listener-closed',
  [REJECT_REFUSED]: 'refused-by-peer',
  [REJECT_BACKLOG]: 'backlog-full',
  [REJECT_SOURCE]: 'source-unverifiable',
  [REJECT_TOKEN]: 'hand-over-failed',
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

/** A companion socket (or a listening one) of this provider. */
export class ShmSocket extends EventSocket implements ConnectionOwner, Claimant, Seeker {
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
  /** Null: it does not listen. */
  private arrivals: Arrivals | null = null;
  /** Our OPEN waits for an answer. */
  private isOpening = false;
  private retried = false;
  private location: Located | null = null;
  /** The connection goes on at another reactor, ours or the peer's; null: it stays where it is. */
  private relocation: Relocation | null = null;
  /** `WSPDuplicateSocket` has handed it over: nothing that happens here concerns anybody. */
  private isHandedOver = false;
  /** A relocation has failed. */
  private isLost = false;
  private readonly context: SocketContext;

  constructor(context: SocketContext, descriptor: Socket) {
    super();
    this.context = context;
    this.descriptor = descriptor;
  }

  // ----------------------------------------------------------------- events

  protected override get closeError(): WsaCode {
    return this.connection?.endCode ?? WSAECONNRESET;
  }

  override select(event: WsaEvent | null, mask: number): void {
    super.select(event, mask);
    if (this.arrivals?.isWaiting) this.signal(FD_ACCEPT);
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

  answered(connection: ShmConnection, reason: number | null): boolean {
    if (connection === this.relocation?.attaching) return this.attachAnswered(connection, reason);
    if (!this.isOpening) return false;
    this.isOpening = false;
    if (reason === null) {
      connection.stands = true;
      this.location = null;
      this.destination = UNBOUND;
      this.connected(NO_ERROR, this.connectReason);
      return true;
    }
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

  /** See SanProvider.WSPQueryRing. */
  ring(): RingReport | null {
    const { connection } = this;
    if (connection === null || connection.link.isDead) return null;
    const { link, producer } = connection;
    try {
      return { peerPid: link.credentials.pid, capacityBytes: producer.capacity, usedBytes: producer.used() };
    } catch (error) {
      link.distrust(error);
      return null;
    }
  }

  // -------------------------------------------------------------- listening

  listen(backlog: number): void {
    this.arrivals = new Arrivals(this.context, this.tcpListener, backlog, () => this.signal(FD_ACCEPT));
  }

  /** @throws WsaError */
  accept(condition: AcceptCondition): AcceptedSocket {
    if (this.arrivals === null) throw new WsaError(WSAEINVAL, 'not listening');
    return this.arrivals.accept(condition);
  }

  /** Accepts an OPEN or ATTACH. @returns false: the peer wrote nonsense, and the link ends */
  accepts(link: Link, id: number): boolean {
    const connection = newConnection(link, id, this);
    if (connection === null) return false;
    this.connection = connection;
    connection.stands = true;
    connection.isSilent = true;
    link.silent++;
    link.add(connection);
    connection.newsAt = link.record(RECORD_LINK_ACCEPT, id);
    return true;
  }

  // ------------------------------------------------------------ changing owners

  /** Rule 8.1: hands this socket to `owner`. @throws WsaError */
  duplicate(owner: OwnerKey): ShmContext {
    const { reactorId } = checkOwnerKey(owner);
    const { connection } = this;
    if (connection === null || !connection.stands) throw new WsaError(this.absence);
    const { link } = connection;
    if (connection.peerDone || link.isSilenced) throw new WsaError(WSAECONNRESET);
    if (!connection.isQuiet())
      throw new WsaError(link.isSilenced ? WSAECONNRESET : WSAEINVAL, 'the socket is not quiet');
    const token = newToken();
    const { pid } = link.credentials;
    this.isHandedOver = true;
    // Who opens connections on the next link meets its reactor: the peer ours, or our new owner the peer's.
    const move = encodeMove(connection.id, token, link.initiator ? undefined : reactorId);
    link.write(RECORD_LINK_MOVE, move, MOVE_WORDS);
    const posted = connection.takePosted();
    if (posted !== null) this.received(posted, 0);
    return { token, pid, reactorId: link.initiator ? link.peerReactorId : null, from: null };
  }

  /** `WSPSocket` with a context: meets the peer, or waits for it. */
  takeOver({ token, pid, reactorId, from }: ShmContext): void {
    this.relocation = new Relocation(token, 'taker');
    this.relocation.from = from;
    if (reactorId === null) this.context.host.attachments.claim(token, pid, this);
    else this.follow(reactorId, pid, null);
  }

  /** The peer's answer to our OPEN is that it is accepted elsewhere. */
  redirected(connection: ShmConnection, { token, reactorId }: Move): boolean {
    if (!this.isOpening) return false;
    const { link } = connection;
    this.isOpening = false;
    this.connection = null;
    link.freeId(connection.id);
    this.relocation = new Relocation(token, 'caller');
    this.follow(reactorId, link.credentials.pid, link);
    return true;
  }

  /** The peer's end goes on elsewhere; we stay, with what is posted. */
  moved(connection: ShmConnection, { token, reactorId }: Move): void {
    const { link } = connection;
    const { pid } = link.credentials;
    const { attachments } = this.context.host;
    if (this.isClosed) {
      if (!link.initiator) attachments.refuse(token);
      else this.meet(reactorId, pid, link, (outcome) => this.giveUp(outcome, token));
      return;
    }
    this.connection = null;
    this.relocation = new Relocation(token, 'stayer', connection.close());
    if (link.initiator) this.follow(reactorId, pid, link);
    else if (attachments.hasRoom(pid)) attachments.claim(token, pid, this);
    else this.relocated(null, WSAECONNRESET, 'hand-over-failed');
  }

  /** Meets the reactor at which the connection goes on. */
  private follow(reactorId: string, pid: number, known: Link | null): void {
    const relocation = this.relocation as Relocation;
    relocation.limit(MOVE_TIMEOUT_MS, () => this.relocated(null, WSAETIMEDOUT, 'hand-over-timed-out'));
    this.meet(reactorId, pid, known, (outcome) => {
      if (this.relocation !== relocation) this.giveUp(outcome, relocation.token);
      else if ('link' in outcome) this.attach(relocation, outcome.link);
      else this.relocated(null, outcome.code, outcome.reason);
    });
  }

  private meet(reactorId: string, pid: number, known: Link | null, met: (outcome: Met) => void): void {
    const found = this.context.connector.reach(reactorId, pid, known);
    if (found instanceof Promise) void found.then(met);
    else met({ link: found });
  }

  private attach(relocation: Relocation, link: Link): void {
    relocation.attaching = this.attachTo(link, relocation.token);
    if (relocation.attaching === null) this.relocated(null, WSAETIMEDOUT, link.isDead ? 'link-died' : 'link-full');
  }

  private attachTo(link: Link, token: bigint): ShmConnection | null {
    const id = link.isDead ? -1 : link.takeId();
    const connection = id < 0 ? null : newConnection(link, id, this);
    if (connection === null) return null;
    link.add(connection);
    connection.newsAt = link.write(RECORD_LINK_ATTACH, encodeAttach(id, token), ATTACH_WORDS);
    return connection;
  }

  /** Closed meanwhile: whoever waits for us where the connection was to go on hears that at once. */
  private giveUp(outcome: Met, token: bigint): void {
    if ('link' in outcome) this.attachTo(outcome.link, token)?.close();
  }

  private attachAnswered(connection: ShmConnection, reason: number | null): boolean {
    if (reason === null) {
      connection.stands = true;
      this.connection = connection;
    } else {
      (this.relocation as Relocation).attaching = null;
      connection.link.freeId(connection.id);
    }
    this.relocated(reason === null ? connection : null, WSAECONNRESET, REFUSALS[REJECT_TOKEN] as string);
    return true;
  }

  attached(link: Link, id: number): void {
    link.waited(id);
    const from = this.relocation?.from ?? null;
    if (from !== null) this.context.host.followers.came(from, link.credentials.pid);
    if (this.accepts(link, id)) this.relocated(this.connection, NO_ERROR, '');
    else this.relocated(null, WSAECONNRESET, 'link-died');
  }

  unattached(isGone: boolean): void {
    if (isGone) this.relocated(null, WSAECONNRESET, 'peer-gone');
    else this.relocated(null, WSAETIMEDOUT, 'hand-over-timed-out');
  }

  /** The relocation is over. What was posted goes on where the connection does, or fails (rule 8.2). */
  private relocated(connection: ShmConnection | null, code: WsaCode, reason: string): void {
    const relocation = this.relocation as Relocation;
    this.relocation = null;
    relocation.end(connection !== null);
    if (relocation.kind !== 'stayer') {
      if (connection !== null) this.connected(NO_ERROR, '');
      // Of a connect a reset would promise that TCP/IP fails too (rule 3.3).
      else this.connected(relocation.kind === 'caller' ? WSAETIMEDOUT : code, reason);
      return;
    }
    const { posted } = relocation;
    if (connection === null) {
      this.isLost = true;
      if (posted !== null) this.receiveFailed(posted);
      this.signal(FD_CLOSE);
    } else {
      if (posted !== null) connection.post(posted);
      if (relocation.wantsSpace) this.signal(FD_WRITE);
    }
  }

  /** Why there is no connection. */
  get absence(): WsaCode {
    if (this.relocation?.kind === 'stayer') return WSAEWOULDBLOCK;
    return this.isLost ? WSAECONNRESET : WSAENOTCONN;
  }

  /** A claim found no connection. FD_WRITE follows when there is one again. */
  unclaimable(): WsaCode {
    if (this.relocation !== null) this.relocation.wantsSpace = true;
    return this.absence;
  }

  /** A receive finds no connection: it waits for one, if there will be one. */
  park(overlapped: Overlapped): WsaCode {
    const { relocation } = this;
    if (relocation === null || relocation.kind !== 'stayer') return this.absence;
    if (relocation.posted !== null) return WSAEINVAL;
    relocation.posted = overlapped;
    return WSA_IO_PENDING;
  }

  // ------------------------------------------------- what the connection says

  spaceMade(): void {
    this.signal(FD_WRITE);
  }

  peerClosed(connection: ShmConnection): void {
    if (connection === this.relocation?.attaching) return this.relocated(null, WSAECONNRESET, 'link-died');
    if (connection !== this.connection || this.isHandedOver) return;
    if (this.isOpening) {
      this.isOpening = false;
      this.connected(WSAETIMEDOUT, 'link-died');
    } else this.signal(FD_CLOSE);
  }

  received(overlapped: Overlapped, bytes: number): void {
    this.context.upcalls.WPUCompleteOverlappedRequest(this.handle, overlapped, NO_ERROR, bytes);
  }

  receiveFailed(overlapped: Overlapped): void {
    this.context.upcalls.WPUCompleteOverlappedRequest(this.handle, overlapped, this.closeError, 0);
  }

  // ----------------------------------------------------------------- closing

  /** Memory first, signals after, WPUCloseSocketHandle last (rule 7.2). */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.select(null, 0);
    this.arrivals?.close();
    const { connection, upcalls } = { connection: this.connection, upcalls: this.context.upcalls };
    this.isOpening = false;
    const posted = connection?.close() ?? this.relocation?.posted ?? null;
    if (this.relocation !== null) {
      this.context.host.attachments.abandon(this.relocation.token);
      this.relocation.end(false);
      this.relocation = null;
    }
    if (posted !== null) upcalls.WPUCompleteOverlappedRequest(this.handle, posted, WSA_OPERATION_ABORTED, 0);
    upcalls.WPUCloseSocketHandle(this.handle);
  }
}
