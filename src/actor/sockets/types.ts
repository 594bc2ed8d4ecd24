/** What an actor sees of its sockets. Types only. */

import type { AnyBytes, SocketProperties } from '../../socket/stream-socket.js';
import type { ActorContext } from '../types.js';

/** An overlapped operation: a transfer of the actor's own memory, which belongs to the socket until `completed`. */
export interface ActorOverlapped {
  readonly kind: 'send' | 'receive';
  readonly buffer: Uint8Array;
  /** The actor's own word for it; undefined if it gave none. */
  readonly token: unknown;
}

/**
 * A socket that belongs to an actor, which hears of it through its behaviour's hooks. It stays the actor's over a restart, but
 * this object belongs to one life, as the context does: afterwards what would change something throws ActorStoppedError.
 */
export interface ActorSocket extends SocketProperties {
  /**
   * Queues bytes for the peer, in order. The array is the caller's again at once: what can't leave now is copied, so lent
   * bytes may be sent on. Returns false once `queuedBytes` has reached the high-water mark: stop until `drained`. A socket
   * that the peer or the network has closed takes nothing and returns false.
   * @throws TypeError `ERR_INVALID_ARG_TYPE`; Error `ERR_STREAM_WRITE_AFTER_END` after `end()`; Error `ERR_STREAM_DESTROYED`
   *   after `close()` or `abort()`
   */
  send(bytes: AnyBytes): boolean;
  /**
   * Memory that is good for `sendOverlapped`: registered already over a provider that sends out of registered memory, ordinary
   * memory elsewhere. Exactly `bytes` bytes, zeroed, the caller's own for as long as it is referred to.
   * @throws RangeError `ERR_OUT_OF_RANGE`, or what the platform throws if there is no memory
   */
  allocate(bytes: number): Uint8Array;
  /**
   * Room for the next `bytes` bytes, to be written and then sent by `commit`: straight into the memory that the peer reads
   * where the provider has some to give. Null while `send` says stop: `drained` follows. It ends with the commit, the next
   * `reserve`, and the first `await`; the view is dead then, and writing to it breaks the stream. Other sends between the two
   * may go before or after. @throws as `send`; RangeError ERR_OUT_OF_RANGE
   */
  reserve(bytes: number): Uint8Array | null;
  /**
   * Sends the first `bytes` bytes of what is reserved; 0 gives it up. Returns as `send`.
   * @throws as `send`; InvalidOptionError if nothing, or less, is reserved (the reservation is over then)
   */
  commit(bytes: number): boolean;
  /**
   * Sends without a copy: the buffer is the socket's until `completed` has told what became of it, and must not be changed
   * before. In order with `send`. Counts in `queuedBytes`. The end of one that a life which is over has begun is told to nobody.
   * @throws as `send`
   */
  sendOverlapped(buffer: Uint8Array, token?: unknown): ActorOverlapped;
  /**
   * Has the next bytes put into the buffer instead of told by `received`: as many as there are, at most what fits, at least
   * one; 0 when the peer has ended. Operations complete in the order in which they were begun; `pause` holds up those that are not filled yet. Those that a
   * restart leaves behind are taken back unused. @throws TypeError `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` for an empty buffer;
   *   InvalidOptionError if the behaviour has no hook `completed`
   */
  receiveOverlapped(buffer: Uint8Array, token?: unknown): ActorOverlapped;
  /** Sends urgent data (rule 5.9). @throws UrgentUnsupportedError on TCP/IP */
  urgent(bytes: Uint8Array): void;
  /** Stops `received` and overlapped receives; the peer is slowed down and nothing is lost. */
  pause(): void;
  resume(): void;
  /** Half-close: what is queued goes out, then the peer sees the end; receiving goes on. */
  end(): void;
  /** Ends in order, as `StreamSocket.close` does; `closed` tells when it is over. What the peer still sends is dropped. */
  close(): void;
  /** Resets the connection now; `closed` follows with `error`. */
  abort(error?: Error | null): void;
}

/**
 * What a behaviour is told of its actor's sockets, in one order with its messages: an event takes its place behind the
 * messages that are in the mailbox when it happens. Every hook is optional. A returned promise holds back this actor's next
 * event or message.
 */
export interface SocketHooks<M> {
  /** The actor has this socket: before anything else of it, and again after each restart, for each that it has not closed. */
  connected?(socket: ActorSocket, context: ActorContext<M>): void | Promise<void>;
  /**
   * Bytes from the peer: a private copy by default. Declare `LentBytes` where the listener says `lend` or has a receive buffer:
   * they are dead once the hook has returned, a promise that it returns notwithstanding. Without this hook, and with no
   * overlapped receive, bytes wait and the peer is slowed down.
   */
  received?(socket: ActorSocket, bytes: Uint8Array, context: ActorContext<M>): void | Promise<void>;
  /** An overlapped operation has ended: its buffer is the actor's again. `error` is null if all went well, else `bytes` is 0. */
  completed?(
    socket: ActorSocket,
    overlapped: ActorOverlapped,
    error: Error | null,
    bytes: number,
    context: ActorContext<M>,
  ): void | Promise<void>;
  /** The queue that made `send` return false is empty again; exactly once for each such stop. */
  drained?(socket: ActorSocket, context: ActorContext<M>): void | Promise<void>;
  /** Urgent data (rule 5.9); never on TCP/IP. */
  urgent?(socket: ActorSocket, bytes: Uint8Array, context: ActorContext<M>): void | Promise<void>;
  /** The peer will send no more. Without this hook the socket answers with its own `end()`. */
  ended?(socket: ActorSocket, context: ActorContext<M>): void | Promise<void>;
  /** The last event of a socket: null after an orderly end on both sides. After that of its last socket the actor stops. */
  closed?(socket: ActorSocket, error: Error | null, context: ActorContext<M>): void | Promise<void>;
}

/** A socket of an actor, for those who look at a host from outside. */
export interface ActorSocketInfo {
  readonly provider: string;
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly queuedBytes: number;
}
