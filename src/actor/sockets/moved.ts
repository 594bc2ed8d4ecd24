/** A socket of an actor that moves to another thread. All of it can be posted. */
import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import type { SocketHandOver } from '../../switch/owner.js';
import type { SocketSettings } from '../intake/setup.js';

/** Where a socket comes from: what a thread must know to go on with it. */
export interface SocketOrigin {
  readonly settings: SocketSettings;
  /** What its listener's ledger calls it; null: nobody waits to hear of its end. */
  readonly account: { readonly listener: number; readonly ticket: number } | null;
  /** How often it has moved, the move under way included. */
  readonly moves: number;
}

/** What a socket has told that its actor has not been called for. */
export type Untold =
  | { readonly kind: 'drained' | 'ended' }
  | { readonly kind: 'received' | 'urgent'; readonly bytes: Uint8Array };

/** A socket under way. */
export interface MovedSocket {
  readonly origin: SocketOrigin;
  readonly connection: SocketHandOver;
  /** In order, before anything that comes with the connection. */
  readonly untold: readonly Untold[];
}

/** One that has come with its actor. */
export interface FollowedSocket {
  readonly stream: StreamSocket<AnyBytes>;
  readonly moved: MovedSocket;
}
