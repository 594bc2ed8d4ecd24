/**
 * The service provider interface: the table of functions that a SAN service provider offers (downcalls, `WSP*`), the
 * table that the switch offers to it (upcalls, `WPU*`), and the extension functions that are asked for by name.
 *
 * Two shapes of failure. A downcall whose only result is a status returns a WSA code (0 is success). One that returns a
 * value throws `WsaError` instead. Anything else that a provider throws is its bug: the switch reports it as
 * `ERR_SANSWITCH_PROVIDER_FAULT` and treats the call as failed.
 *
 * One thread: every call in both directions happens on the JavaScript thread that started the provider.
 */
import type { WsaCode } from './codes.js';
import type {
  AcceptCondition,
  AcceptedSocket,
  MemoryHandle,
  NetworkEvents,
  Overlapped,
  OwnerKey,
  ProtocolInfo,
  RdmaRegistration,
  RingReport,
  Socket,
  SocketAddress,
  WsaBuffer,
  WsaEvent,
} from './types.js';

/** The version of this interface that the switch speaks; a provider refuses one that it does not know. */
export const SPI_VERSION = 1;

/** What the switch does for a provider. */
export interface UpcallTable {
  /**
   * Creates the switch's descriptor for a new socket (rule 2.4), inside `WSPSocket` and `WSPAccept`.
   * @param context the descriptor that the provider is about to return
   */
  WPUCreateSocketHandle(context: Socket): Socket;
  /** Gives back the `context` of `WPUCreateSocketHandle`; throws `WsaError(WSAENOTSOCK)` for a handle that is gone. */
  WPUQuerySocketHandleContext(handle: Socket): Socket;
  /** The provider's very last upcall for a socket (rule 7.2). */
  WPUCloseSocketHandle(handle: Socket): WsaCode;
  /**
   * An overlapped operation has ended (rule 5.2). Never from inside the downcall that started the operation, never for
   * one whose `hEvent` has its low bit set, and once only.
   * @param error WSA code, 0 for success
   * @param bytes bytes moved
   */
  WPUCompleteOverlappedRequest(handle: Socket, overlapped: Overlapped, error: WsaCode, bytes: number): void;
}

/** Everything that a provider must have. A stranger's provider extends `NullProvider` and fills in what it can. */
export interface SanProvider {
  /**
   * Starts the provider (rule 1.1). Throws `WsaError` (or anything readable) when it can't: it is then left out; with
   * WSASYSNOTREADY only until the host's addresses or devices change, when it is called again (rule 1.3).
   * @param tcp the TCP/IP provider's protocol information
   * @param options what the configuration says for this provider; validate it
   */
  WSPStartupEx(
    version: number,
    tcp: ProtocolInfo,
    upcalls: UpcallTable,
    options: Readonly<Record<string, unknown>>,
  ): ProtocolInfo | Promise<ProtocolInfo>;
  /** Ends the provider; every socket was closed before. All resources go back (rule 1.5). */
  WSPCleanup(): void | Promise<void>;

  /**
   * Creates a socket and calls `WPUCreateSocketHandle` for it.
   * @param context what `WSPDuplicateSocket`, or a `WSPAccept` whose condition function named this owner, has returned (rule
   *   8.1): the socket connects by itself, and FD_CONNECT tells how that went, within 2 s: 0, WSAETIMEDOUT (the other
   *   side did not come) or WSAECONNRESET (the connection is gone). A context is good for one socket.
   * @throws WsaError (WSAEINVAL: no context of this provider's)
   */
  WSPSocket(family: number, type: number, protocol: number, context?: unknown): Socket;
  /** Binds to the address and port of the TCP socket (rule 2.5); the wildcard only for listeners. */
  WSPBind(socket: Socket, address: SocketAddress): WsaCode;
  WSPSetSockOpt(socket: Socket, level: number, name: number, value: unknown): WsaCode;
  /** @throws WsaError (WSAENOPROTOOPT for an option that the provider does not have) */
  WSPGetSockOpt(socket: Socket, level: number, name: number): unknown;
  /**
   * Queries and controls, see the SIO_* constants. The answer to SIO_ADDRESS_LIST_QUERY may be a promise.
   * @throws WsaError (WSAEOPNOTSUPP, WSAEINVAL)
   */
  WSPIoctl(socket: Socket, control: number, input?: unknown): unknown;

  /** @param backlog connections that may wait for `WSPAccept`; further ones are refused at once (rule 4.4) */
  WSPListen(socket: Socket, backlog: number): WsaCode;
  /** Non-blocking (rule 3.2): 0, WSAEWOULDBLOCK (FD_CONNECT follows), or an error, with the promises of 3.3 and 3.4. */
  WSPConnect(socket: Socket, address: SocketAddress): WsaCode;
  /**
   * Takes one waiting connection. If the condition function names another owner nothing is accepted here: no handle is made
   * and the answer is NO_SOCKET with a context; the caller's connect waits for that owner, at most 2 s.
   * @throws WsaError WSAEWOULDBLOCK none waits, WSAECONNREFUSED the condition rejected it or it is gone, WSAEINVAL no owner
   */
  WSPAccept(socket: Socket, condition: AcceptCondition): AcceptedSocket;
  /** Selects the events (FD_* bits) for which `event` is set; 0 ends it. An event that stands already is signalled. */
  WSPEventSelect(socket: Socket, event: WsaEvent | null, mask: number): WsaCode;
  /** Reads and clears what has happened. @throws WsaError */
  WSPEnumNetworkEvents(socket: Socket): NetworkEvents;

  /**
   * Sends one message, gathered from `count` buffers, at most SO_MAX_MSG_SIZE bytes. Returns WSA_IO_PENDING (rule 5.1) or
   * an error. The buffers belong to the provider until the completion. A message sent successfully before
   * `WSPCloseSocket` reaches the peer before its receives fail. WSAECONNRESET, at once or as the outcome, says that the
   * receives fail too: the switch reads on until they do.
   */
  WSPSend(socket: Socket, buffers: readonly WsaBuffer[], count: number, overlapped: Overlapped): WsaCode;
  /**
   * Receives one message into `buffers[0]`, or, where the provider lends (`lendsReceives`), with `count` 0. Returns
   * WSA_IO_PENDING or an error. Messages that arrive before a receive stands are held, in order (rule 3.7). Receives
   * complete in the order in which they were posted; one that fails does so after all that came before it: by
   * WSAECONNRESET when the peer has gone, or by WSAEDISCON where the provider knows that it ended with its process, which
   * had read everything (rule 7.3).
   */
  WSPRecv(socket: Socket, buffers: readonly WsaBuffer[], count: number, overlapped: Overlapped): WsaCode;
  /** For operations that the switch polls (rule 5.2): bytes moved. @throws WsaError WSA_IO_INCOMPLETE, or the outcome */
  WSPGetOverlappedResult(socket: Socket, overlapped: Overlapped): number;
  /**
   * Only where `claimsMessageBuffers`. Lends the switch a message buffer of registered memory (rule 5.5), in which it
   * writes a message in place: room for at least `minBytes`, at most `maxBytes`, described in `out`. The next `WSPSend`
   * on that socket must be for it (one buffer, same offset, any smaller length); a claim is void if another follows.
   * Returns 0; WSAEWOULDBLOCK: the peer has no room now, FD_WRITE follows when it has; WSAEMSGSIZE: it never will; or
   * WSAECONNRESET as `WSPSend` does.
   */
  WSPClaimMessageBuffer?(socket: Socket, minBytes: number, maxBytes: number, out: WsaBuffer): WsaCode;
  /**
   * Optional, and only where not `claimsMessageBuffers`. Gives the switch a message buffer of memory that is registered
   * already, so that `WSPSend` need not copy what is written there: room for `bytes` (1 to SO_MAX_MSG_SIZE) bytes or more,
   * described in `out`. It is the provider's again with the completion of the `WSPSend` that is for it (one buffer, same
   * `bytes` and offset, any smaller length), when another is asked for on that socket before such a send was taken, or when
   * the socket closes. A send of other memory may come in between, and is copied as ever. No flow control: credits are the
   * session's.
   * Returns 0, or WSAENOBUFS: none is free now; the switch then sends out of memory of its own.
   */
  WSPAllocateMessageBuffer?(socket: Socket, bytes: number, out: WsaBuffer): WsaCode;

  /**
   * Optional. Lends the switch registered memory as the target of one large transfer (rules 5.6, 5.7): at least `bytes` (1 to
   * SO_MAX_RDMA_SIZE) bytes, whose `handle` is good for `WSPRdmaRead`, and whose bytes `WSPRegisterRdmaMemory` takes. What it
   * holds at first means nothing. It is the switch's until `WSPReturnMemory` or the close of the socket; after either the
   * provider gives it to others. The switch may keep several, and one for as long as the application does not read.
   * @returns null: there is none now, or memory is scarce and this socket has some already; the switch then waits until it has
   * not, and only then registers memory of its own (`WSPRegisterMemory`)
   */
  WSPBorrowMemory?(socket: Socket, bytes: number): RdmaLocalBuffer | null;
  /**
   * Present where `WSPBorrowMemory` is. Gives borrowed memory back; never while an operation uses it (rule 6.3), nor while it
   * is registered for the peer. Returns 0, or WSAEINVAL: `handle` is none that this socket has borrowed.
   */
  WSPReturnMemory?(socket: Socket, handle: MemoryHandle): WsaCode;

  /**
   * Optional. Memory for the application that is registered already: sends and receives of any part of it cost no
   * registration on any connection of this provider. Exactly `bytes` (at least 1) bytes, zeroed. It is the caller's for as long
   * as he refers to it, beyond the socket and even the provider, which then means nothing special by it any more.
   * @returns null: it can't be had (too much is registered, or too much memory locked), and the application is told (ENOBUFS)
   */
  WSPAllocateMemory?(socket: Socket, bytes: number): Uint8Array | null;

  /**
   * Optional, for providers that learn that a peer has vanished only by what is under way to it: the switch waits for the
   * peer's word, and asks again every half second for as long as it does. If nothing is under way, the provider asks the
   * peer's side, which answers without the switch there, so that a peer that just does not read is left alone. If it
   * does not answer, the connection ends as any other that is lost (7.3).
   */
  WSPProbePeer?(socket: Socket): void;

  /** Optional: how often peers were refused or broke the provider's protocol, by `what:reason`; shown by `sw.stats()`. */
  WSPQueryRefusals?(): Readonly<Record<string, number>>;

  /**
   * Optional: the ring to the peer, for who looks at the connection from outside. Null: the socket has none now. Where it is
   * missing, a provider without flow control is reported by its credits (rule 5.4).
   */
  WSPQueryRing?(socket: Socket): RingReport | null;

  /**
   * Hands a connected socket over (rule 8.1). It must be quiet: neither side has a message under way, nothing is claimed, and
   * neither sends until the new owner's socket is connected. The receives posted here complete with success and zero
   * bytes; the peer's stay posted, and it notices nothing else. Only `WSPCloseSocket` may follow; the peer does not see it.
   * @returns what the new owner calls `WSPSocket` with; structured-cloneable
   * @throws WsaError WSAEOPNOTSUPP; WSAENOTCONN, WSAECONNRESET; WSAEINVAL: not quiet, or no key of this process. The socket
   *   is then as it was
   */
  WSPDuplicateSocket(socket: Socket, owner: OwnerKey): unknown;
  /**
   * Tears the connection down (rule 7.2): every pending operation completes with WSA_OPERATION_ABORTED, memory first and
   * signals after, `WPUCloseSocketHandle` last; that may be after this call has returned. Also cancels a connect (3.8).
   */
  WSPCloseSocket(socket: Socket): WsaCode;
}

/** A local part of an RDMA transfer: a stretch of memory and its registration. */
export interface RdmaLocalBuffer extends WsaBuffer {
  handle: MemoryHandle;
}

/** Registers memory for local use by this provider (rule 6.1). @throws WsaError WSAENOBUFS when no memory can be locked */
export type WSPRegisterMemory = (socket: Socket, bytes: Uint8Array, access: number) => MemoryHandle;
/** Ends a local registration; never while an operation uses it (rule 6.3). */
export type WSPDeregisterMemory = (socket: Socket, handle: MemoryHandle) => WsaCode;
/**
 * Registers memory for the one peer of this connection (rule 6.1).
 * @throws WsaError WSAENOBUFS: no memory can be locked, or memory is scarce and this connection has some for its peer already; the
 * switch then waits until it has not
 */
export type WSPRegisterRdmaMemory = (socket: Socket, bytes: Uint8Array, access: number) => RdmaRegistration;
/** Ends a remote registration. */
export type WSPDeregisterRdmaMemory = (socket: Socket, handle: MemoryHandle) => WsaCode;
/** Reads `local.length` bytes of the peer's memory, from `remoteOffset` of what `descriptor` describes (rule 5.6). */
export type WSPRdmaRead = (
  socket: Socket,
  local: RdmaLocalBuffer,
  descriptor: Uint8Array,
  remoteOffset: number,
  overlapped: Overlapped,
) => WsaCode;
/** Writes `local` into the peer's memory (rule 5.7); in order before any message sent after it. */
export type WSPRdmaWrite = WSPRdmaRead;
/** Tells the provider that the addresses of `bytes` are about to mean something else (rule 6.2). */
export type WSPMemoryRegistrationCacheCallback = (bytes: Uint8Array) => void;

/** The extension functions by the names with which the switch asks (SIO_GET_EXTENSION_FUNCTION_POINTER, rule 1.4). */
export interface ExtensionFunctions {
  WSPRegisterMemory: WSPRegisterMemory;
  WSPDeregisterMemory: WSPDeregisterMemory;
  WSPRegisterRdmaMemory: WSPRegisterRdmaMemory;
  WSPDeregisterRdmaMemory: WSPDeregisterRdmaMemory;
  WSPRdmaWrite: WSPRdmaWrite;
  /** May be answered with WSAEOPNOTSUPP. */
  WSPRdmaRead: WSPRdmaRead;
  /** May be answered with WSAEOPNOTSUPP. */
  WSPMemoryRegistrationCacheCallback: WSPMemoryRegistrationCacheCallback;
}

/** The name by which an extension function is asked for. */
export type ExtensionName = keyof ExtensionFunctions;

/** Extensions without which a provider is left out (rule 1.4). */
export const REQUIRED_EXTENSIONS = [
  'WSPRegisterMemory',
  'WSPDeregisterMemory',
  'WSPRegisterRdmaMemory',
  'WSPDeregisterRdmaMemory',
  'WSPRdmaWrite',
] as const satisfies readonly ExtensionName[];

/** Extensions that may be answered with WSAEOPNOTSUPP (rule 1.4). */
export const OPTIONAL_EXTENSIONS = [
  'WSPRdmaRead',
  'WSPMemoryRegistrationCacheCallback',
] as const satisfies readonly ExtensionName[];
