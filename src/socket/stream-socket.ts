/**
 * The stream-socket face: what an application holds. A small primitive with its handlers in one object (no event
 * emitter, no per-message allocation), the same whichever provider carries the bytes (rule 4.2).
 */
import type { DecisionRecord } from '../switch/decisions.js';

type Mutators = 'buffer' | 'copyWithin' | 'fill' | 'reverse' | 'set' | 'sort' | 'subarray';

/**
 * Bytes lent to a `received` handler (`lend: true`): a view of the provider's own memory, dead once the handler has
 * returned. It may lie in memory that the peer writes, so it may change while it is read, and writing to it may end the
 * process. Copy (`slice()`) what must be kept, checked or changed.
 */
export type LentBytes = Readonly<Omit<Uint8Array, Mutators>> & { subarray(begin?: number, end?: number): LentBytes };

/**
 * The application's own memory to receive into (`onread` of `net.connect`): an array of at least one byte that is used again
 * and again, and may be shared by sockets of one thread; or a function that is asked for one before each call of `received`.
 * What a function gives belongs to the socket until `received` is called with it: over a provider with RDMA it may be asked
 * ahead, for memory into which a large send of the peer is then read without a copy, if it fits. An array that is asked for
 * and never shown (the connection ended) is dropped.
 */
export type ReceiveBuffer = Uint8Array | (() => Uint8Array);

/** Either a private copy or lent bytes. */
export type AnyBytes = Uint8Array | LentBytes;

/**
 * What a socket tells its application; every entry is optional. An exception thrown by a handler becomes an uncaught
 * exception of the process, as in `node:net`, and leaves the socket as it was.
 */
export interface SocketHandlers<Bytes extends AnyBytes = Uint8Array> {
  /** Bytes from the peer. Without this handler the socket is paused, until it is set or `receive()` asks for bytes. */
  received?(socket: StreamSocket<Bytes>, bytes: Bytes): void;
  /** The queue that made `send` return false is empty again; exactly once for each such stop. */
  drained?(socket: StreamSocket<Bytes>): void;
  /** Urgent data (rule 5.9); never on TCP/IP. */
  urgent?(socket: StreamSocket<Bytes>, bytes: Uint8Array): void;
  /**
   * The peer will send no more. With a `received` handler and without this one the socket answers with its own `end()`, as
   * `node:net` does unless told otherwise; with it, ending is the application's.
   */
  ended?(socket: StreamSocket<Bytes>): void;
  /** The last event, once: null after an orderly end on both sides (or an `abort` without an error). */
  closed?(socket: StreamSocket<Bytes>, error: Error | null): void;
}

/** `readOnly`: this side has ended; `writeOnly`: the peer has (the words are those of `net.Socket.readyState`). */
export type SocketState = 'open' | 'readOnly' | 'writeOnly' | 'closed';

/** Options of one asynchronous operation. */
export interface Cancellable {
  /** Cancels the operation (rule 5.11); the promise rejects with an `AbortError`. */
  readonly signal?: AbortSignal | undefined;
}

/** The options that a socket has (rule 9.1); where each is answered stands in `switch/options.ts`. */
export type SocketOptionName =
  | 'noDelay'
  | 'keepAlive'
  | 'debug'
  | 'groupId'
  | 'groupPriority'
  | 'qos'
  | 'groupQos'
  | 'maxMessageBytes'
  | 'maxRdmaBytes'
  | 'rdmaThresholdBytes';

/** What can be asked of, and set on, a socket, whoever holds it. */
export interface SocketProperties {
  /** Sets a socket option (rule 9.1). @throws an Error `ENOPROTOOPT` where nobody supports it */
  setOption(name: SocketOptionName, value: unknown): void;
  /** @throws an Error `ENOPROTOOPT` where nobody supports it */
  getOption(name: SocketOptionName): unknown;

  /** Which provider carries the bytes (rule 9.3). */
  readonly provider: string;
  /** Why that provider. */
  readonly decision: DecisionRecord;
  /** The addresses that the application used or would see over TCP/IP, never a provider's native ones (rule 9.2). */
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly family: 'IPv4' | 'IPv6';
  readonly state: SocketState;
  /** Bytes accepted by `send` that have not left the sender's buffers yet. */
  readonly queuedBytes: number;
  /** Bytes accepted by `send`. */
  readonly bytesSent: number;
  /** Bytes that have come, those that wait to be told included. */
  readonly bytesReceived: number;
  readonly highWaterMarkBytes: number;
}

/** One connected stream socket. */
export interface StreamSocket<Bytes extends AnyBytes = Uint8Array> extends SocketProperties {
  /** Replaceable at any time; setting or unsetting `received` starts or stops delivery. */
  handlers: SocketHandlers<Bytes>;

  /**
   * Queues bytes for the peer, in order. The buffer belongs to the socket until the bytes have left it (`queuedBytes` is 0,
   * or use `sendAsync`). Returns false once `queuedBytes` has reached the high-water mark: stop until `drained`. A
   * socket that the peer or the network has closed takes nothing and returns false.
   * @param sent called once, maybe before the return: with null when the bytes have left the buffer, with the error when they
   *   never will
   * @throws TypeError `ERR_INVALID_ARG_TYPE`; Error `ERR_STREAM_WRITE_AFTER_END` after `end()`; Error `ERR_STREAM_DESTROYED`
   *   after `close()` or `abort()`
   */
  send(bytes: Uint8Array, sent?: (error: Error | null) => void): boolean;
  /** `send` that leaves the buffer the caller's: what can't leave at once is copied. */
  sendCopied(bytes: AnyBytes): boolean;
  /**
   * Memory that is good for large sends: over a provider that sends out of registered memory it is registered already, and so
   * costs less than any other (elsewhere it is ordinary memory). For receives it can be what `receiveBuffer` gives. Exactly
   * `bytes` bytes, zeroed, the caller's own, usable with any socket, and for as long as it is referred to.
   * @throws RangeError `ERR_OUT_OF_RANGE`, or what the platform throws if there is no memory; Error `ENOBUFS` over such a
   *   provider where no more can be registered: the connection goes on, and ordinary memory will do, which is copied if need be
   */
  allocate(bytes: number): Uint8Array;
  /**
   * Room for the next `bytes` bytes, to be written and then sent by `commit`: over a provider that has memory to give, the very
   * memory that the peer reads, so that nothing is copied on this side. Null while `send` says stop: `drained` follows. What is
   * there before it is written is undefined. The view is dead after the commit, with the next `reserve` (which takes its
   * place), or when the turn ends, that is at the first `await`: writing to it then breaks the stream. Other sends between the two
   * may go before or after. @throws as `send`; RangeError ERR_OUT_OF_RANGE
   */
  reserve(bytes: number): Uint8Array | null;
  /**
   * Sends the first `bytes` bytes of what is reserved; 0 gives it up. Returns as `send`.
   * @throws as `send`; InvalidOptionError if nothing, or less, is reserved (the reservation is over then)
   */
  commit(bytes: number): boolean;
  /** `send` that resolves when the bytes have left the caller's buffer, and rejects when they never will. */
  sendAsync(bytes: Uint8Array, options?: Cancellable): Promise<void>;
  /** The next bytes from the peer, always a private copy; null at the end. Only without a `received` handler. */
  receive(options?: Cancellable): Promise<Uint8Array | null>;
  /** Sends urgent data (rule 5.9). @throws UrgentUnsupportedError on TCP/IP */
  urgent(bytes: Uint8Array): void;
  /** Stops delivery; the peer is slowed down and nothing is lost. */
  pause(): void;
  resume(): void;
  /** Half-close: what is queued goes out, then the peer sees the end; receiving goes on. */
  end(): void;
  /**
   * Ends in order: `end()`, then the peer's end is awaited (what it still sends is dropped), at most the switch's
   * `closeTimeoutMs`, after which the connection is reset. Resolves when the socket is closed; never rejects.
   */
  close(): Promise<void>;
  /** Resets the connection now; `closed` follows with `error`. */
  abort(error?: Error | null): void;
  /** Whether the socket keeps the event loop alive (it does unless `unref` was called). Both return the socket. */
  ref(): this;
  unref(): this;

  /** What `received` is given is dead, or overwritten, after its return (`lend`, `receiveBuffer`). */
  readonly lends: boolean;

  /** Iterates over what `receive()` gives; leaving the loop early closes the socket. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array>;
  /** `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}
