/**
 * The nouns of the SPI: what crosses the border between the switch and a SAN service provider. Names are Winsock's where
 * Winsock has the thing; everything else says in its comment why it exists.
 */
import { WSA_IO_PENDING, type WsaCode } from './codes.js';

/** A descriptor. Downcalls carry the provider's, upcalls the switch's (rule 2.4); the two number spaces are unrelated. */
export type Socket = number;

/** Address family: IPv4. */
export const AF_INET = 2;
/** Address family: IPv6 (Windows' number). */
export const AF_INET6 = 23;
/** The one socket type that gets a companion (rule 2.2). */
export const SOCK_STREAM = 1;
/** The one protocol that gets a companion. */
export const IPPROTO_TCP = 6;

/** An IP address and TCP port, as the application sees them; `address` is in its canonical text form without brackets. */
export interface SocketAddress {
  readonly family: 4 | 6;
  readonly address: string;
  /** 0 to 65535. */
  readonly port: number;
}

/** A subnet that a provider serves: `address/prefixLength` (`SIO_ADDRESS_LIST_QUERY`, rule 1.2). */
export interface ServedSubnet {
  readonly family: 4 | 6;
  readonly address: string;
  /** 0 to 32 or 128. */
  readonly prefixLength: number;
}

/** A stretch of memory: `length` bytes of `bytes` from `offset` on (Winsock's WSABUF; mutable so that it can be reused). */
export interface WsaBuffer {
  bytes: Uint8Array;
  /** Byte offset within `bytes`. */
  offset: number;
  /** Bytes. */
  length: number;
}

/** Memory that `WSPRegisterMemory` or `WSPRegisterRdmaMemory` registered; opaque to the switch. */
export type MemoryHandle = number;

/** Bytes of an RDMA buffer descriptor: opaque to the switch, carried to the peer in a session message (rules 5.6, 5.7). */
export const RDMA_DESCRIPTOR_BYTES = 16;

/** What `WSPRegisterRdmaMemory` returns: the local handle, and the descriptor that the peer needs to reach the memory. */
export interface RdmaRegistration {
  readonly handle: MemoryHandle;
  /** RDMA_DESCRIPTOR_BYTES long; belongs to the caller. */
  readonly descriptor: Uint8Array;
}

/** Access that a registration for RDMA gives to the one peer (rule 6.1): one does not imply the other. */
export const MEM_READ = 1;
export const MEM_WRITE = 2;

/** Who is told when an overlapped operation has completed; the switch's session implements it. */
export interface CompletionSink {
  /** `overlapped.internal` holds the WSA code, `overlapped.internalHigh` the bytes moved. */
  completed(overlapped: Overlapped): void;
}

const NOTHING = new Uint8Array(0);

/**
 * One overlapped operation (Winsock's WSAOVERLAPPED). It belongs to the switch, which pools it; from the downcall that
 * takes it until its completion the provider may keep it and the buffers of the call.
 */
export class Overlapped implements WsaBuffer {
  /** Status: `WSA_IO_PENDING` while under way, then the WSA code of the outcome. */
  internal: WsaCode = 0;
  /** Bytes moved. */
  internalHigh = 0;
  /** Low bit set: the switch polls with `WSPGetOverlappedResult`, the provider must not notify (rule 5.2). */
  hEvent = 0;
  /** Receives without a buffer: where the provider lends the message, until the completion upcall returns. */
  bytes: Uint8Array = NOTHING;
  offset = 0;
  length = 0;
  /** Whom `WPUCompleteOverlappedRequest` tells. Set by the switch; no business of the provider. */
  sink: CompletionSink;
  /** The switch's own note of what the operation was for. */
  tag = 0;

  constructor(sink: CompletionSink) {
    this.sink = sink;
  }
}

/** Winsock's macro: has the operation an outcome already, whether or not it has been notified yet? */
export function hasOverlappedIoCompleted(overlapped: Overlapped): boolean {
  return overlapped.internal !== WSA_IO_PENDING;
}

/** Network events (`WSPEventSelect`): a bit each. */
export const FD_WRITE = 0x02;
export const FD_ACCEPT = 0x08;
export const FD_CONNECT = 0x10;
export const FD_CLOSE = 0x20;

/** What the provider signals when one of the selected events has happened; the switch then asks which. */
export interface WsaEvent {
  /** Cheap and safe to call from any point of the provider's code; several calls before the switch looks count as one. */
  set(): void;
}

/** Answer of `WSPEnumNetworkEvents`: the events since the last call (reading clears them) and their error codes. */
export interface NetworkEvents {
  /** FD_* bits. */
  readonly events: number;
  /** Outcome of the connect when FD_CONNECT is among `events`. */
  readonly connectError: WsaCode;
  /**
   * Why, where the code alone does not say it: kebab-case, behind `: ` what is for people; of a success only a remark for
   * people. Goes into the decision record.
   */
  readonly connectReason?: string | undefined;
  /** Why the connection ended when FD_CLOSE is among `events`: 0 after an orderly close. */
  readonly closeError: WsaCode;
}

/** What an accept's condition function answers (rule 4.3). */
export const CF_ACCEPT = 0;
export const CF_REJECT = 1;

/**
 * Names one started provider, on its thread, to others of its name in the same process, so that they can hand sockets over
 * to it (rule 8.1): what `SIO_OWNER_KEY` answers. Opaque to the switch and structured-cloneable.
 */
export type OwnerKey = unknown;

/** Who calls, told to the condition function before anything is said to the peer. */
export interface CallerData {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  /** The peer process where the provider can vouch for it (same host). */
  readonly credentials?: { readonly pid: number; readonly uid: number; readonly gid: number };
}

/**
 * The condition function of `WSPAccept`. `{ owner }`: the connection is accepted by that owner, which may be on another
 * thread; only a provider that answers `SIO_OWNER_KEY` is told so, and only keys of its own kind.
 */
export type AcceptCondition = (
  caller: CallerData,
) => typeof CF_ACCEPT | typeof CF_REJECT | { readonly owner: OwnerKey };

/** The ring through which a connection sends; without one, the peer's receive buffers. */
export interface RingReport {
  /** The process at the other end, in this one's numbers; 0: not known. */
  readonly peerPid: number;
  /** Bytes that it holds; 0: there is none. */
  readonly capacityBytes: number;
  /** Bytes in it that the peer has not read, or whose room it has not given back. */
  readonly usedBytes: number;
}

/** In place of a descriptor: there is no socket here. */
export const NO_SOCKET: Socket = -1;

/** What `WSPAccept` returns. */
export interface AcceptedSocket {
  /** NO_SOCKET: the condition function has named another owner, who makes the socket out of `context`. */
  readonly socket: Socket;
  /** With NO_SOCKET: what that owner calls `WSPSocket` with. Opaque to the switch and structured-cloneable. */
  readonly context?: unknown;
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
}

/** What a provider is and can do, told at start-up and the same for all its sockets. */
export interface ProtocolInfo {
  /** Short and stable: it stands in configurations, decision records and counters. */
  readonly name: string;
  /**
   * The provider has `WSPClaimMessageBuffer`, and so a flow control of its own: a claim fails while the peer has no room.
   * The session then spends no credits. Without it the session's credits do that work (rule 5.4).
   */
  readonly claimsMessageBuffers: boolean;
  /**
   * `WSPRecv` takes no buffers and lends the message in `overlapped.{bytes,offset,length}` until the completion upcall
   * returns. Otherwise the switch posts buffers and a message is placed into one.
   */
  readonly lendsReceives: boolean;
  /** Connections need no real TCP port: the switch binds the companion to a virtual one (rule 2.5). */
  readonly virtualPorts: boolean;
  /**
   * A transfer takes processor time of the thread that asks for it, as with a device that is software. The session then has the
   * peer write (rule 5.7) while it reads itself (rule 5.6), so that both sides' processors move bytes. Default: false.
   */
  readonly transfersOnThread?: boolean;
}

/** Levels and options that the application's own settings are replayed with (rule 2.6). */
export const TCP_NODELAY = 0x0001;
/**
 * Whether an idle connection is probed, so that a peer that has vanished is noticed. The value is a boolean, or a KeepAlive
 * where the application has said how long the connection must be idle.
 */
export const SO_KEEPALIVE = 0x0008;
/** A value of SO_KEEPALIVE that means true. */
export interface KeepAlive {
  /** Milliseconds before the first probe, at least 1. */
  readonly idleMs: number;
}
/** Level of the options of IPv6. */
export const IPPROTO_IPV6 = 41;
/** A listener on `::` takes IPv6 connections only. Set before `WSPBind`. */
export const IPV6_V6ONLY = 27;

/** Options that the switch asks a socket for: SO_MAX_MSG_SIZE, SO_MAX_RDMA_SIZE, SO_RDMA_THRESHOLD_SIZE are bytes (rule 5.5). */
export const SOL_SOCKET = 0xffff;
export const SO_DEBUG = 0x0001;
export const SO_GROUP_ID = 0x2001;
export const SO_GROUP_PRIORITY = 0x2002;
export const SO_MAX_MSG_SIZE = 0x2003;
export const SO_MAX_RDMA_SIZE = 0x700d;
export const SO_RDMA_THRESHOLD_SIZE = 0x700e;
/**
 * Our own option (level SOL_SOCKET): the descriptor number of the TCP/IP listener beside which the companion listens (rule
 * 4.1). It belongs to the TCP/IP provider; a provider may ask the system about it and does nothing else with it. Set
 * before `WSPListen`; a provider that has no use for it answers WSAENOPROTOOPT and is used all the same.
 */
export const SO_TCP_LISTENER = 0x7f01;

/** Controls of `WSPIoctl`. */
export const SIO_ADDRESS_LIST_QUERY = 0x48000016;
export const SIO_GET_EXTENSION_FUNCTION_POINTER = 0xc8000006;
export const SIO_GET_QOS = 0xc8000007;
export const SIO_SET_QOS = 0x8800000b;
export const SIO_SET_GROUP_QOS = 0x8800000c;
/** Our own: the provider's OwnerKey; WSAEOPNOTSUPP where it takes no sockets over (section 8). */
export const SIO_OWNER_KEY = 0x4fff0001;
