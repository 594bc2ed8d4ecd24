/** A provider that can do nothing, correctly: the base from which a stranger's provider is made. */
import {
  NO_ERROR,
  WSA_IO_INCOMPLETE,
  WSAEINVAL,
  WSAENOBUFS,
  WSAENOPROTOOPT,
  WSAEOPNOTSUPP,
  type WsaCode,
  WsaError,
} from './codes.js';
import type { ExtensionFunctions, ExtensionName, SanProvider, UpcallTable } from './provider.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  hasOverlappedIoCompleted,
  type NetworkEvents,
  type Overlapped,
  type OwnerKey,
  type ProtocolInfo,
  type ServedSubnet,
  SIO_ADDRESS_LIST_QUERY,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  type Socket,
  type SocketAddress,
  type WsaBuffer,
  type WsaEvent,
} from './types.js';

/** A threshold above any size: the session never starts an RDMA transfer (rule 5.12). */
export const NEVER_RDMA_BYTES = 0xffffffff;

const noRemoteMemory = (): never => {
  throw new WsaError(WSAENOBUFS, 'this provider has no remote memory');
};

/** The required extensions of a provider whose RDMA threshold is NEVER_RDMA_BYTES: present, as rule 1.4 wants, and never called. */
const INERT_EXTENSIONS: Partial<ExtensionFunctions> = {
  WSPRegisterMemory: noRemoteMemory,
  WSPDeregisterMemory: () => WSAEINVAL,
  WSPRegisterRdmaMemory: noRemoteMemory,
  WSPDeregisterRdmaMemory: () => WSAEINVAL,
  WSPRdmaWrite: () => WSAEOPNOTSUPP,
};

/**
 * Serves no subnet, so the switch never routes to it; answers both optional extensions and quality of service with
 * WSAEOPNOTSUPP. Override `servedSubnets`, the socket functions and the transfers; override `extensions` for RDMA.
 */
export abstract class NullProvider implements SanProvider {
  /** Set by `WSPStartupEx`. */
  upcalls!: UpcallTable;
  /** What `WSPStartupEx` answers. */
  protected abstract readonly info: ProtocolInfo;
  /** Largest message in bytes (SO_MAX_MSG_SIZE). */
  protected readonly maxMessageBytes: number = 65_536;
  protected readonly maxRdmaBytes: number = 0;
  protected readonly rdmaThresholdBytes: number = NEVER_RDMA_BYTES;

  /** The subnets that this provider serves now (rule 1.2). */
  protected servedSubnets(): ServedSubnet[] | Promise<ServedSubnet[]> {
    return [];
  }

  /** The extension functions that this provider has, by name. */
  protected extensions(): Partial<ExtensionFunctions> {
    return INERT_EXTENSIONS;
  }

  WSPStartupEx(
    _version: number,
    _tcp: ProtocolInfo,
    upcalls: UpcallTable,
    _options: Readonly<Record<string, unknown>>,
  ): ProtocolInfo | Promise<ProtocolInfo> {
    this.upcalls = upcalls;
    return this.info;
  }

  WSPCleanup(): void | Promise<void> {}

  WSPSocket(_family: number, _type: number, _protocol: number, _context?: unknown): Socket {
    throw new WsaError(WSAEOPNOTSUPP);
  }

  WSPBind(_socket: Socket, _address: SocketAddress): WsaCode {
    return WSAEOPNOTSUPP;
  }

  WSPSetSockOpt(_socket: Socket, _level: number, _name: number, _value: unknown): WsaCode {
    return WSAENOPROTOOPT;
  }

  WSPGetSockOpt(_socket: Socket, _level: number, name: number): unknown {
    if (name === SO_MAX_MSG_SIZE) return this.maxMessageBytes;
    if (name === SO_MAX_RDMA_SIZE) return this.maxRdmaBytes;
    if (name === SO_RDMA_THRESHOLD_SIZE) return this.rdmaThresholdBytes;
    throw new WsaError(WSAENOPROTOOPT);
  }

  WSPIoctl(_socket: Socket, control: number, input?: unknown): unknown {
    if (control === SIO_ADDRESS_LIST_QUERY) return this.servedSubnets();
    if (control === SIO_GET_EXTENSION_FUNCTION_POINTER) {
      const extension = this.extensions()[input as ExtensionName];
      if (extension !== undefined) return extension;
    }
    throw new WsaError(WSAEOPNOTSUPP);
  }

  WSPListen(_socket: Socket, _backlog: number): WsaCode {
    return WSAEOPNOTSUPP;
  }

  WSPConnect(_socket: Socket, _address: SocketAddress): WsaCode {
    return WSAEOPNOTSUPP;
  }

  WSPAccept(_socket: Socket, _condition: AcceptCondition): AcceptedSocket {
    throw new WsaError(WSAEOPNOTSUPP);
  }

  WSPEventSelect(_socket: Socket, _event: WsaEvent | null, _mask: number): WsaCode {
    return WSAEOPNOTSUPP;
  }

  WSPEnumNetworkEvents(_socket: Socket): NetworkEvents {
    throw new WsaError(WSAEOPNOTSUPP);
  }

  WSPSend(_socket: Socket, _buffers: readonly WsaBuffer[], _count: number, _overlapped: Overlapped): WsaCode {
    return WSAEOPNOTSUPP;
  }

  WSPRecv(_socket: Socket, _buffers: readonly WsaBuffer[], _count: number, _overlapped: Overlapped): WsaCode {
    return WSAEOPNOTSUPP;
  }

  /** What the operation itself says, whoever has taken it. */
  WSPGetOverlappedResult(_socket: Socket, overlapped: Overlapped): number {
    if (!hasOverlappedIoCompleted(overlapped)) throw new WsaError(WSA_IO_INCOMPLETE);
    if (overlapped.internal !== NO_ERROR) throw new WsaError(overlapped.internal);
    return overlapped.internalHigh;
  }

  WSPDuplicateSocket(_socket: Socket, _owner: OwnerKey): unknown {
    throw new WsaError(WSAEOPNOTSUPP);
  }

  WSPCloseSocket(_socket: Socket): WsaCode {
    return WSAEOPNOTSUPP;
  }
}
