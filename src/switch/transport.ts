/**
 * What carries one connection's bytes, seen from the stream-socket face: a session on a SAN provider, or the platform's
 * own TCP socket. The face holds one and neither knows nor asks which.
 */

/** Called with `null` when the bytes have left the caller's buffer, with the error when they never will. */
export type SentCallback = (error: Error | null) => void;

/** A connection that bytes can be written to. */
export interface Transport {
  /** Which provider serves the connection (rule 9.3). */
  readonly provider: string;
  /** Bytes accepted by `send` that have not left the sender's buffers yet. */
  readonly queuedBytes: number;
  /**
   * Queues bytes for the peer, in order. The buffer belongs to the transport until the bytes have left it (`sent`, or
   * `queuedBytes` back at 0). Returns false once `queuedBytes` has reached the high-water mark: `drained` follows, once.
   */
  send(bytes: Uint8Array, sent?: SentCallback): boolean;
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
  /** Whether the connection keeps the event loop alive. */
  ref(): void;
  unref(): void;
}

/** What a transport tells its socket. None is called from inside one of the transport's own functions but `received`'s callee. */
export interface TransportEvents {
  /** Bytes from the peer: a private copy, or, where the socket lends, a view that is dead after the return. */
  received(bytes: Uint8Array): void;
  /** The queue that made `send` return false is empty again. */
  drained(): void;
  urgent(bytes: Uint8Array): void;
  /** The peer will send no more. */
  ended(): void;
  /** The last event: everything is released. `null` after an orderly end on both sides or an abort without error. */
  closed(error: Error | null): void;
}
