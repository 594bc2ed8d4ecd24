/** Listening, connecting, accepting and closing over a `LoopFabric` (rules 3.2 to 3.8, 4.1 to 4.7, 7.2). */
import {
  NO_ERROR,
  WSAEADDRINUSE,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEINVAL,
  WSAEISCONN,
  WSAENETUNREACH,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
  type WsaCode,
  WsaError,
} from '../../spi/codes.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  CF_ACCEPT,
  FD_ACCEPT,
  FD_CONNECT,
  type SocketAddress,
} from '../../spi/types.js';
import { takeBack } from './lending.js';
import { abandon, redirect } from './move.js';
import { LoopPipe } from './pipe.js';
import type { Caller, LoopSocket } from './socket.js';

/** `WSPListen` (4.1): at most `backlog` callers wait, further ones are refused. @returns 0, WSAEADDRINUSE, WSAEINVAL */
export function listen(socket: LoopSocket, backlog: number): WsaCode {
  if (socket.state !== 'bound') return socket.state === 'listening' ? NO_ERROR : WSAEINVAL;
  if (!socket.host.fabric.listen(socket, socket.local!)) return WSAEADDRINUSE;
  socket.state = 'listening';
  socket.backlog = Math.max(1, backlog);
  return NO_ERROR;
}

/**
 * `WSPConnect` (3.2): the outcome comes by FD_CONNECT.
 * @param serves whether the provider serves an address
 * @returns WSAEWOULDBLOCK, WSAEINVAL, WSAEISCONN, WSAENETUNREACH
 */
export function connect(
  socket: LoopSocket,
  destination: SocketAddress,
  serves: (address: SocketAddress) => boolean,
): WsaCode {
  if (socket.state !== 'bound') return socket.peer === null ? WSAEINVAL : WSAEISCONN;
  if (isWildcard(socket.local!) || destination.port === 0) return WSAEINVAL;
  if (!serves(destination)) return WSAENETUNREACH;
  socket.state = 'connecting';
  socket.remote = destination;
  socket.host.fabric.schedule(() => call(socket, destination));
  return WSAEWOULDBLOCK;
}

/** The call reaches the listener, or nobody. */
function call(socket: LoopSocket, destination: SocketAddress): void {
  if (socket.state !== 'connecting') return;
  const listener = socket.host.fabric.listenerFor(destination);
  if (listener === undefined) {
    failConnect(socket, socket.host.settings.noListener === 'reset' ? WSAECONNRESET : WSAETIMEDOUT);
  } else if (listener.callers.length >= listener.backlog) {
    failConnect(socket, WSAECONNREFUSED); // Rule 4.4: at once, without waking the switch.
  } else {
    listener.callers.push({ socket, destination });
    socket.waitsAt = listener;
    listener.raise(FD_ACCEPT);
  }
}

/** FD_CONNECT tells why. */
export function failConnect(socket: LoopSocket, code: WsaCode): void {
  if (socket.state !== 'connecting') return;
  socket.state = 'failed';
  socket.waitsAt = null;
  socket.raise(FD_CONNECT, code, 'connect');
}

/**
 * Takes the oldest caller that is still there.
 * @param create makes the accepted socket, its switch's handle included
 * @throws WsaError WSAEWOULDBLOCK, WSAECONNREFUSED, and what `create` throws
 */
export function accept(listener: LoopSocket, condition: AcceptCondition, create: () => LoopSocket): AcceptedSocket {
  if (listener.state !== 'listening') throw new WsaError(WSAEINVAL, 'not listening');
  const caller = listener.callers.shift();
  if (caller === undefined) throw new WsaError(WSAEWOULDBLOCK);
  const { socket } = caller;
  socket.waitsAt = null;
  if (listener.callers.length > 0) listener.raise(FD_ACCEPT);
  let accepted: LoopSocket;
  let code = WSAECONNREFUSED;
  try {
    const answer = condition({ remote: socket.local!, local: caller.destination });
    if (typeof answer === 'object') {
      code = WSAETIMEDOUT; // An owner that can't be reached promises nothing about TCP (3.4).
      return redirect(caller, answer.owner);
    }
    if (answer !== CF_ACCEPT) {
      throw new WsaError(WSAECONNREFUSED, 'the condition function rejected the caller');
    }
    accepted = create();
  } catch (error) {
    socket.host.fabric.schedule(() => failConnect(socket, code));
    throw error;
  }
  join(caller, accepted);
  return { socket: accepted.descriptor, remote: accepted.remote!, local: accepted.local! };
}

function join({ socket, destination }: Caller, accepted: LoopSocket): void {
  const connection = socket.host.fabric.nextNumber();
  accepted.state = 'connected';
  accepted.local = destination;
  accepted.remote = socket.local;
  for (const [near, far] of [[socket, accepted] as const, [accepted, socket] as const]) {
    near.peer = far;
    near.out = new LoopPipe(near, far);
    near.connection = connection;
  }
  accepted.out!.push({ kind: 'established' });
}

/** Rule 7.2, and 3.8 for a socket that is still connecting. */
export function close(socket: LoopSocket): void {
  const { state } = socket;
  if (state === 'listening') {
    socket.host.fabric.unlisten(socket.local!);
    for (const { socket: caller } of socket.callers.splice(0)) {
      socket.host.fabric.schedule(() => failConnect(caller, WSAECONNREFUSED));
    }
  }
  if (socket.waitsAt !== null) {
    const { callers } = socket.waitsAt;
    callers.splice(
      callers.findIndex((caller) => caller.socket === socket),
      1,
    );
    socket.waitsAt = null;
  }
  socket.host.memory.releaseAll(socket); // Memory first, signals after.
  socket.claim?.release();
  socket.claim = null;
  socket.out?.abortSends();
  takeBack(socket);
  socket.held.length = 0;
  socket.retire();
  abandon(socket);
  if (state !== 'broken' && state !== 'moved') socket.out?.push({ kind: 'close' });
}

/** Does the address stand for all addresses of its family? */
export function isWildcard(address: SocketAddress): boolean {
  return address.address === '0.0.0.0' || address.address === '::';
}
