/** The OPENs that wait at a listening socket, and what its condition function makes of them (rules 4.3, 4.4). */
import {
  RECORD_LINK_CLOSE,
  RECORD_LINK_MOVE,
  REJECT_BACKLOG,
  REJECT_NOT_LISTENING,
  REJECT_REFUSED,
  REJECT_SOURCE,
  REJECT_TOKEN,
} from '../../layout/layout.gen.js';
import { WSAECONNREFUSED, WSAEWOULDBLOCK, WsaError } from '../../spi/codes.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  CF_ACCEPT,
  NO_SOCKET,
  type OwnerKey,
  type SocketAddress,
} from '../../spi/types.js';
import type { Link } from './link.js';
import { type Incoming, ShmListener } from './listener.js';
import { encodeMove, MOVE_WORDS, newToken } from './move-record.js';
import type { OpenRequest } from './open-record.js';
import { checkOwnerKey, type ShmContext } from './relocation.js';
import type { SocketContext } from './socket.js';
import { isSourceGenuine } from './verify.js';

/** Ends every turn's accepts, so it is made once. */
const NOBODY_WAITS = new WsaError(WSAEWOULDBLOCK);

interface Arrival {
  readonly link: Link;
  readonly id: number;
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
}

function isGenuine({ claim, source }: OpenRequest, link: Link): boolean {
  try {
    return isSourceGenuine(claim, source, link);
  } catch {
    return false; // No descriptors left, for instance: what can't be verified goes by TCP/IP.
  }
}

/** The queue of one listening socket. */
export class Arrivals implements Incoming {
  private readonly context: SocketContext;
  private readonly backlog: number;
  private readonly arrived: () => void;
  private readonly listener: ShmListener;
  private waiting: Arrival[] = [];

  /**
   * @param tcpListener descriptor of the TCP listener, which stays open while this lives
   * @param backlog OPENs and silent connections of one link; more are refused
   * @param arrived called for each that waits
   * @throws SystemError
   */
  constructor(context: SocketContext, tcpListener: number, backlog: number, arrived: () => void) {
    this.context = context;
    this.backlog = backlog;
    this.arrived = arrived;
    this.listener = new ShmListener(context.host, tcpListener, this);
  }

  get isWaiting(): boolean {
    return this.waiting.length > 0;
  }

  opened(link: Link, id: number, request: OpenRequest): void {
    // Each peer fills its own queue, and what that costs nothing is asked first.
    if (link.silent >= this.backlog) link.refuse(id, REJECT_BACKLOG, 'backlog-full');
    else if (!isGenuine(request, link)) link.refuse(id, REJECT_SOURCE, 'source-unverifiable');
    else {
      link.wait(id);
      this.waiting.push({ link, id, remote: request.source, local: request.destination });
      this.arrived();
    }
  }

  /** The peer took its OPEN back before we accepted. */
  withdrawn(link: Link, id: number): void {
    const index = this.waiting.findIndex((arrival) => arrival.link === link && arrival.id === id);
    if (index < 0) return;
    this.waiting.splice(index, 1);
    link.record(RECORD_LINK_CLOSE, id);
  }

  linkDied(link: Link): void {
    this.waiting = this.waiting.filter((arrival) => arrival.link !== link);
  }

  /** Takes the oldest. @throws WsaError WSAEWOULDBLOCK, WSAECONNREFUSED, WSAEINVAL: see `WSPAccept` */
  accept(condition: AcceptCondition): AcceptedSocket {
    const arrival = this.waiting.shift();
    if (arrival === undefined) throw NOBODY_WAITS;
    const { link, id, remote, local } = arrival;
    link.waited(id);
    const answer = condition({ remote, local, credentials: link.credentials });
    if (typeof answer === 'object') return this.redirect(arrival, answer.owner);
    if (answer !== CF_ACCEPT) {
      link.refuse(id, REJECT_REFUSED, 'refused');
      throw new WsaError(WSAECONNREFUSED);
    }
    const socket = this.context.adopt();
    if (!socket.accepts(link, id)) {
      this.context.disown(socket);
      throw new WsaError(WSAECONNREFUSED);
    }
    return { socket: socket.descriptor, remote, local };
  }

  /** Another owner of this process is to accept it. @throws WsaError WSAEINVAL: there is none by that key */
  private redirect({ link, id, remote, local }: Arrival, owner: OwnerKey): AcceptedSocket {
    try {
      const { reactorId } = checkOwnerKey(owner);
      const token = newToken();
      link.write(RECORD_LINK_MOVE, encodeMove(id, token, reactorId), MOVE_WORDS);
      const { host } = this.context;
      // Its deposit comes back when it has followed.
      host.followers.sent();
      const context: ShmContext = { token, pid: link.credentials.pid, reactorId: null, from: host.reactorId };
      return { socket: NO_SOCKET, context, remote, local };
    } catch (error) {
      link.refuse(id, REJECT_TOKEN, 'token');
      throw error;
    }
  }

  /** Nobody waits any more, and nobody comes. */
  close(): void {
    this.listener.close();
    for (const { link, id } of this.waiting.splice(0)) {
      link.waited(id);
      link.refuse(id, REJECT_NOT_LISTENING, 'not-listening');
    }
  }
}
