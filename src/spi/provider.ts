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
  ProtocolInfo,
  RdmaRegistration,
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
   * Starts the provider (rule 1.1). Throws `WsaError` (or anything readable) when it can't: it is then left out.
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

  /** Creates a socket and calls `WPUCreateSocketHandle` for it. @throws WsaError */
  WSPSocket(family: number, type: number, protocol: number): Socket;
  /** Binds to the address and port of the TCP socket (rule 2.5); the wildcard only for listeners. */
  WSPBind(socket: Socket, address: SocketAddress): WsaCode;
  WSPSetSockOpt(socket: Socket, level: number, name: number, value: unknown): WsaCode;
  /** @throws WsaError (WSAENOPROTOOPT for an option that the provider does not have) */
  WSPGetSockOpt(socket: Socket, level: number, name: number): unknown;
  /** Queries and controls, see the SIO_* constants. @throws WsaError (WSAEOPNOTSUPP, WSAEINVAL) */
  WSPIoctl(socket: Socket, control: number, input?: unknown): unknown;

  /** @param backlog connections that may wait for `WSPAccept`; further ones are refused at once (rule 4.4) */
  WSPListen(socket: Socket, backlog: number): WsaCode;
  /** Non-blocking (rule 3.2): 0, WSAEWOULDBLOCK (FD_CONNECT follows), or an error, with the promises of 3.3 and 3.4. */
  WSPConnect(socket: Socket, address: SocketAddress): WsaCode;
  /** Takes one waiting connection. @throws WsaError WSAEWOULDBLOCK none waits, WSAECONNREFUSED the condition rejected it */
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
   * complete in the order in which they were posted; one that fails does so after all that came before it.
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

  /** Optional: how often peers were refused or broke the provider's protocol, by `what:reason`; shown by `sw.stats()`. */
  WSPQueryRefusals?(): Readonly<Record<string, number>>;

  /** Moves the socket's context to another owner (section 8). @throws WsaError (WSAEOPNOTSUPP) */
  WSPDuplicateSocket(socket: Socket, owner: number): unknown;
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
/** Registers memory for the one peer of this connection (rule 6.1). @throws WsaError WSAENOBUFS */
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
