/** How an actor comes by a socket. */
import { NoBehaviourError } from '../../errors.js';
import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import type { ActorCell } from '../cell.js';
import { type AnyBehaviour, hasSocketHooks } from '../define.js';
import { stopFor } from '../ending.js';
import { beginEnding } from '../lifecycle.js';
import { Connections } from './connections.js';
import type { FollowedSocket, SocketOrigin } from './moved.js';

/** Gives an actor that has just been spawned a socket. @throws NoBehaviourError if it would never hear of it; it ends then */
export function giveSocket(cell: ActorCell, stream: StreamSocket<AnyBytes>, origin: SocketOrigin | null): void {
  if (!hasSocketHooks(cell.behaviour as AnyBehaviour)) {
    beginEnding(cell, stopFor('failed'));
    throw new NoBehaviourError('the behaviour of an actor that is given a socket has none of the hooks for sockets');
  }
  cell.connections ??= new Connections(cell);
  cell.connections.add(stream, origin);
}

/** Gives an actor that has come from another thread its sockets. */
export function takeSockets(cell: ActorCell, sockets: readonly FollowedSocket[]): void {
  cell.connections = new Connections(cell);
  cell.connections.goOn(sockets);
}
