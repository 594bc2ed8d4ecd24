/**
 * What carries one connection's bytes, seen from the stream-socket face: a session on a SAN provider, or the platform's
 * own TCP socket. The face holds one and neither knows nor asks which.
 */

import type { OwnerKey, RingReport } from '../spi/types.js';

/** Called with `null` when the bytes have left the caller's buffer, with the error when they never will. */
export type SentCallback = (error: Error | null) => void;

/** What a connection takes along to another owner (rule 8.1). Structured-cloneable. */
export interface MovedTransport {
  /** What the provider makes the new owner's socket of. */
  readonly context: unknown;
  /** The state of its session; null: TCP/IP has none. */
  readonly state: unknown;
  /** What waits to be sent, in order: private copies, whose senders have been told that the bytes have left them. */
  readonly unsent: readonly Uint8Array[];
  readonly unsentUrgent: readonly Uint8Array[];
}

/** A connection that bytes can be written to. */
export interface Transport {
  /** Which provider serves the connection (rule 9.3). */
  readonly provider: string;
  /** Bytes accepted by `send` that have not left the sender's buffers yet. */
  readonly queuedBytes: number;
  /** Bytes of the payload that were copied on this side on their way out, and in, each as often as it was copied here. */
  readonly bytesCopiedSent: number;
  readonly bytesCopiedReceived: number;
  /** Large sends that went by messages, for want of registered memory here or at the peer (rule 5.8). */
  readonly largeSendsCopied: number;
  /** Times that what is to be sent had to wait for the peer. */
  readonly stalls: number;
  /** The provider's ring to the peer, as it is now; null: none that it could tell of. */
  ring(): RingReport | null;
  /**
   * Queues bytes for the peer, in order. The buffer belongs to the transport until the bytes have left it (`sent`, or
   * `queuedBytes` back at 0). Returns false once `queuedBytes` has reached the high-water mark: `drained` follows, once.
   * @param isLent the buffer is the caller's again on return: what can't leave at once is copied. Default false
   */
  send(bytes: Uint8Array, sent?: SentCallback, isLent?: boolean): boolean;
  /**
   * Room for `bytes` (at least 1) bytes of the stream, in the memory from which they leave if the provider has any to give. It
   * ends with the commit, the next reservation, or the turn. Null while `send` says stop: `drained` follows.
   */
  reserve(bytes: number): Uint8Array | null;
  /** Sends the first `bytes` bytes of what is reserved. Returns as `send`; undefined: nothing, or less, is reserved. */
  commit(bytes: number): boolean | undefined;
  /**
   * Memory for the application, zeroed and its own: such as large sends from and receives into cost least, if there is any.
   * @throws Error ENOBUFS: the provider has such memory, and no more of it
   */
  allocate(bytes: number): Uint8Array;
  /**
   * Drops a send that has not begun to leave (rule 5.11): its `sent` is called with an error, now or when a transfer that runs
   * has ended. False: it has begun or is gone, and can't be taken back.
   */
  cancel(sent: SentCallback): boolean;
  /** Bytes: the longest urgent data that travels in one control message; 0 where there is none. */
  readonly urgentBytesMax: number;
  /** Urgent data (rule 5.9), 1 to `urgentBytesMax` bytes. @throws UrgentUnsupportedError on TCP/IP */
  urgent(bytes: Uint8Array): void;
  /** No more bytes will be sent: what is queued goes out, then the peer sees the end of the stream. */
  end(): void;
  /** Stops and restarts delivery; while stopped the peer is slowed down and nothing is lost (rule 5.4). */
  pause(): void;
  resume(): void;
  /** Ends the connection now; the peer sees a reset. `closed` follows with `error`. */
  abort(error: Error | null): void;
  /**
   * Readies the connection for another owner (rule 8.1); until then it must be read. `done(null)`: it is quiet, and `handOver` or
   * `keep` follows at once; a HandOverError: it stays and goes on as before, or has ended.
   */
  suspend(timeoutMs: number, done: (error: Error | null) => void): void;
  /** A connection that is quiet goes on here after all. */
  keep(): void;
  /**
   * A connection that is quiet goes to `owner`; nothing of it is told here any more, not even `closed`.
   * @throws HandOverError: it has ended; what the provider throws: it is still quiet
   */
  handOver(owner: OwnerKey): MovedTransport;
  /** Whether the connection keeps the event loop alive. */
  ref(): void;
  unref(): void;
}

/** What a transport tells its socket. None is called from inside one of the transport's own functions but `received`'s callee. */
export interface TransportEvents {
  /** Bytes from the peer: a private copy, or, where the socket lends, a view that is dead after the return. */
  received(bytes: Uint8Array): void;
  /**
   * Memory of the application's for the next `bytes` bytes of the stream, which come there by themselves: it is the transport's
   * until `placed` or `closed`. Null: it gives none, or not enough. Several may be out, in the order of the stream.
   */
  target?(bytes: number): Uint8Array | null;
  /** The bytes have come to where `target` has said. */
  placed?(bytes: Uint8Array): void;
  /** The queue that made `send` return false is empty again. */
  drained(): void;
  urgent(bytes: Uint8Array): void;
  /** The peer will send no more. */
  ended(): void;
  /** The last event: everything is released. `null` after an orderly end on both sides or an abort without error. */
  closed(error: Error | null): void;
}

/** Hears nothing: the connection is another owner's. */
export const NOBODY: TransportEvents = {
  received() {},
  drained() {},
  urgent() {},
  ended() {},
  closed() {},
};
