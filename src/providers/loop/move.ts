/** Changes of owner over a `LoopFabric` (rule 8.1): a connection waits on the wire until its new owner's socket is there. */
import {
  NO_ERROR,
  WSAECONNRESET,
  WSAEINVAL,
  WSAENOTCONN,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
  type WsaCode,
  WsaError,
} from '../../spi/codes.js';
import {
  type AcceptedSocket,
  FD_CONNECT,
  FD_WRITE,
  NO_SOCKET,
  type OwnerKey,
  type SocketAddress,
} from '../../spi/types.js';
import { failConnect } from './connect.js';
import { dropConnection, LoopPipe } from './pipe.js';
import type { Caller, LoopHost, LoopSocket } from './socket.js';

/** What `WSPDuplicateSocket` returns, and what `SIO_OWNER_KEY` answers: a number of the fabric. Structured-cloneable. */
export interface LoopTicket {
  readonly loop: number;
}

/** A connection on its way to an owner. */
export interface MovingConnection {
  readonly owner: LoopHost;
  /** The other side, which stays; `connecting`: nobody has accepted it yet. */
  readonly peer: LoopSocket;
  /** The new socket's ends, and its connection's number. */
  readonly local: SocketAddress;
  readonly remote: SocketAddress;
  readonly connection: number;
}

function numberOf(ticket: unknown): number {
  const number = (ticket as Partial<LoopTicket> | null | undefined)?.loop;
  return typeof number === 'number' ? number : -1;
}

/** `WSPDuplicateSocket`. @throws WsaError WSAENOTCONN, WSAECONNRESET, WSAEINVAL; the socket is then as it was */
export function duplicate(socket: LoopSocket, key: OwnerKey): LoopTicket {
  const { fabric } = socket.host;
  const owner = fabric.owners.get(numberOf(key));
  if (socket.state === 'broken') throw new WsaError(WSAECONNRESET);
  const { peer, out } = socket;
  if (socket.state !== 'connected' || peer === null || out === null) throw new WsaError(WSAENOTCONN);
  if (owner === undefined) throw new WsaError(WSAEINVAL, 'no owner key of this fabric');
  if (peer.state !== 'connected') throw new WsaError(WSAECONNRESET);
  const inbound = peer.out as LoopPipe;
  if (socket.claim !== null || !out.isEmpty || !inbound.isEmpty || inbound.usedBytes > 0) {
    fabric.fault('a connection was handed over that is not quiet');
    throw new WsaError(WSAEINVAL, 'the connection is not quiet');
  }
  socket.state = 'moved';
  for (const receive of socket.receives.splice(0)) socket.completeReceive(receive, NO_ERROR, 0);
  const { local, remote, connection } = socket;
  return send({ owner, peer, local: local!, remote: remote!, connection });
}

/** `WSPAccept` for another owner (4.3): the caller goes on connecting. @throws WsaError WSAEINVAL */
export function redirect(caller: Caller, key: OwnerKey): AcceptedSocket {
  const { socket, destination: local } = caller;
  const { fabric } = socket.host;
  const owner = fabric.owners.get(numberOf(key));
  if (owner === undefined) throw new WsaError(WSAEINVAL, 'no owner key of this fabric');
  const remote = socket.local!;
  const context = send({ owner, peer: socket, local, remote, connection: fabric.nextNumber() });
  return { socket: NO_SOCKET, context, remote, local };
}

function send(moving: MovingConnection): LoopTicket {
  const { peer } = moving;
  const { fabric } = moving.owner;
  const number = fabric.nextNumber();
  fabric.moving.set(number, moving);
  peer.peerMoves = true;
  peer.moveTimer = setTimeout(() => {
    fabric.moving.delete(number);
    drop(peer);
  }, peer.host.settings.handOverTimeoutMs);
  return { loop: number };
}

/** The new owner does not come. */
function drop(peer: LoopSocket): void {
  if (peer.state === 'connecting') failConnect(peer, WSAETIMEDOUT);
  else dropConnection(peer);
}

/** `WSPSocket` with a context. @param create makes the new owner's socket @throws WsaError WSAEINVAL, and what `create` throws */
export function attach(host: LoopHost, context: unknown, create: () => LoopSocket): LoopSocket {
  const { fabric } = host;
  const number = numberOf(context);
  if (number < 0) throw new WsaError(WSAEINVAL, 'no context of this provider');
  const socket = create();
  socket.state = 'connecting';
  const moving = fabric.moving.get(number);
  if (moving?.owner === host) {
    fabric.moving.delete(number);
    clearTimeout(moving.peer.moveTimer);
    socket.local = moving.local;
    socket.remote = moving.remote;
    // Whoever closes it before it is connected ends the connection.
    socket.movesFrom = moving.peer;
    fabric.schedule(() => join(socket, moving));
  } else fabric.schedule(() => failConnect(socket, WSAECONNRESET));
  return socket;
}

function join(socket: LoopSocket, { peer, connection }: MovingConnection): void {
  socket.movesFrom = null;
  if (socket.state !== 'connecting') return;
  const { state } = peer;
  if (state !== 'connected' && state !== 'connecting') {
    failConnect(socket, WSAECONNRESET);
    return;
  }
  peer.peerMoves = false;
  for (const [near, far] of [[socket, peer] as const, [peer, socket] as const]) {
    near.peer = far;
    near.out = new LoopPipe(near, far);
    near.connection = connection;
  }
  socket.state = 'connected';
  if (state === 'connecting') socket.out!.push({ kind: 'established' });
  else peer.raise(FD_WRITE);
  socket.raise(FD_CONNECT, NO_ERROR, 'connect');
}

/** `WSPCloseSocket` of a socket that moves, or whose peer does: a new owner that is not there yet gives the connection up. */
export function abandon(socket: LoopSocket): void {
  clearTimeout(socket.moveTimer);
  const { movesFrom } = socket;
  socket.movesFrom = null;
  if (movesFrom !== null) drop(movesFrom);
}

/** Why nothing can be sent now: the peer is between two owners, and FD_WRITE follows; 0: it can. */
export function away(socket: LoopSocket): WsaCode {
  return socket.peerMoves ? WSAEWOULDBLOCK : NO_ERROR;
}
