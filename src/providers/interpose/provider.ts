/**
 * `interpose` puts concerns between the switch and any SAN provider: each sees every downcall, every upcall and every
 * event, and may record, delay, drop or fail it. Neither the switch nor the provider knows. For tests and for looking at
 * what a provider does; the price is a closure or two per call.
 */
import type { ExtensionFunctions, ExtensionName, SanProvider, UpcallTable } from '../../spi/provider.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  type NetworkEvents,
  type Overlapped,
  type OwnerKey,
  type ProtocolInfo,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  type Socket,
  type SocketAddress,
  type WsaBuffer,
  type WsaEvent,
} from '../../spi/types.js';
import type { DowncallName, UpcallName } from './calls.js';

/** Makes the call that was intercepted, and gives its result. */
export type Proceed = () => unknown;

/** One thing that is done to the traffic of an SPI. What it does not define passes untouched. */
export interface Concern {
  /** Called instead of the downcall; calls `proceed` (once, or not at all) and returns the result that the switch sees. */
  downcall?(name: DowncallName, args: readonly unknown[], proceed: Proceed): unknown;
  /** Called instead of the upcall; a `WPU*` that returns nothing may proceed later. */
  upcall?(name: UpcallName, args: readonly unknown[], proceed: Proceed): unknown;
  /** Called instead of `event.set()` of the event that was selected for `socket`. */
  event?(socket: Socket, proceed: Proceed): void;
}

/** `provider` seen through `concerns`; the first one is nearest to the switch. */
export function interpose(provider: SanProvider, ...concerns: readonly Concern[]): SanProvider {
  return new InterposeProvider(provider, concerns);
}

/** Downcalls that a provider may not have. */
type OptionalDowncall =
  | 'WSPClaimMessageBuffer'
  | 'WSPAllocateMessageBuffer'
  | 'WSPBorrowMemory'
  | 'WSPReturnMemory'
  | 'WSPAllocateMemory'
  | 'WSPProbePeer';

class InterposeProvider implements SanProvider {
  readonly #inner: SanProvider;
  readonly #concerns: readonly Concern[];
  /** Missing where the provider has none, as the SPI wants it. */
  readonly WSPClaimMessageBuffer?: SanProvider['WSPClaimMessageBuffer'];
  readonly WSPAllocateMessageBuffer?: SanProvider['WSPAllocateMessageBuffer'];
  readonly WSPBorrowMemory?: SanProvider['WSPBorrowMemory'];
  readonly WSPReturnMemory?: SanProvider['WSPReturnMemory'];
  readonly WSPAllocateMemory?: SanProvider['WSPAllocateMemory'];
  readonly WSPProbePeer?: SanProvider['WSPProbePeer'];
  readonly WSPQueryRefusals?: SanProvider['WSPQueryRefusals'];
  readonly WSPQueryRing?: SanProvider['WSPQueryRing'];

  constructor(inner: SanProvider, concerns: readonly Concern[]) {
    this.#inner = inner;
    this.#concerns = concerns;
    if (inner.WSPQueryRefusals !== undefined) this.WSPQueryRefusals = () => inner.WSPQueryRefusals!();
    if (inner.WSPQueryRing !== undefined) this.WSPQueryRing = (socket) => inner.WSPQueryRing!(socket);
    this.WSPClaimMessageBuffer = this.#optional('WSPClaimMessageBuffer');
    this.WSPAllocateMessageBuffer = this.#optional('WSPAllocateMessageBuffer');
    this.WSPBorrowMemory = this.#optional('WSPBorrowMemory');
    this.WSPReturnMemory = this.#optional('WSPReturnMemory');
    this.WSPAllocateMemory = this.#optional('WSPAllocateMemory');
    this.WSPProbePeer = this.#optional('WSPProbePeer');
  }

  #optional<Name extends OptionalDowncall>(name: Name): SanProvider[Name] {
    const call = this.#inner[name] as ((...args: unknown[]) => unknown) | undefined;
    if (call === undefined) return undefined;
    return ((...args: unknown[]) => this.#down(name, args, () => call.apply(this.#inner, args))) as SanProvider[Name];
  }

  #down(name: DowncallName, args: readonly unknown[], call: Proceed): unknown {
    let proceed = call;
    for (let index = this.#concerns.length - 1; index >= 0; index--) {
      const concern = this.#concerns[index]!;
      if (concern.downcall === undefined) continue;
      const next = proceed;
      proceed = () => concern.downcall!(name, args, next);
    }
    return proceed();
  }

  /** Upcalls travel from the provider to the switch: the concern nearest to the provider sees them first. */
  #up(name: UpcallName, args: readonly unknown[], call: Proceed): unknown {
    let proceed = call;
    for (const concern of this.#concerns) {
      if (concern.upcall === undefined) continue;
      const next = proceed;
      proceed = () => concern.upcall!(name, args, next);
    }
    return proceed();
  }

  #wrapUpcalls(upcalls: UpcallTable): UpcallTable {
    return {
      WPUCreateSocketHandle: (context) =>
        this.#up('WPUCreateSocketHandle', [context], () => upcalls.WPUCreateSocketHandle(context)) as Socket,
      WPUQuerySocketHandleContext: (handle) =>
        this.#up('WPUQuerySocketHandleContext', [handle], () => upcalls.WPUQuerySocketHandleContext(handle)) as Socket,
      WPUCloseSocketHandle: (handle) =>
        (this.#up('WPUCloseSocketHandle', [handle], () => upcalls.WPUCloseSocketHandle(handle)) as number) ?? 0,
      WPUCompleteOverlappedRequest: (handle, overlapped, error, bytes) =>
        void this.#up('WPUCompleteOverlappedRequest', [handle, overlapped, error, bytes], () =>
          upcalls.WPUCompleteOverlappedRequest(handle, overlapped, error, bytes),
        ),
    };
  }

  #wrapEvent(socket: Socket, event: WsaEvent | null): WsaEvent | null {
    if (event === null || !this.#concerns.some((concern) => concern.event !== undefined)) return event;
    let proceed: Proceed = () => event.set();
    for (const concern of this.#concerns) {
      if (concern.event === undefined) continue;
      const next = proceed;
      proceed = () => concern.event!(socket, next);
    }
    return { set: () => void proceed() };
  }

  WSPStartupEx(
    version: number,
    tcp: ProtocolInfo,
    upcalls: UpcallTable,
    options: Readonly<Record<string, unknown>>,
  ): ProtocolInfo | Promise<ProtocolInfo> {
    return this.#down('WSPStartupEx', [version, tcp, upcalls, options], () =>
      this.#inner.WSPStartupEx(version, tcp, this.#wrapUpcalls(upcalls), options),
    ) as ProtocolInfo | Promise<ProtocolInfo>;
  }

  WSPCleanup(): void | Promise<void> {
    return this.#down('WSPCleanup', [], () => this.#inner.WSPCleanup()) as void | Promise<void>;
  }

  WSPSocket(...args: [number, number, number, unknown?]): Socket {
    return this.#down('WSPSocket', args, () => this.#inner.WSPSocket(...args)) as Socket;
  }

  WSPBind(...args: [Socket, SocketAddress]): number {
    return this.#down('WSPBind', args, () => this.#inner.WSPBind(...args)) as number;
  }

  WSPSetSockOpt(...args: [Socket, number, number, unknown]): number {
    return this.#down('WSPSetSockOpt', args, () => this.#inner.WSPSetSockOpt(...args)) as number;
  }

  WSPGetSockOpt(...args: [Socket, number, number]): unknown {
    return this.#down('WSPGetSockOpt', args, () => this.#inner.WSPGetSockOpt(...args));
  }

  WSPIoctl(...args: [Socket, number, unknown?]): unknown {
    const result = this.#down('WSPIoctl', args, () => this.#inner.WSPIoctl(...args));
    if (args[1] !== SIO_GET_EXTENSION_FUNCTION_POINTER || typeof result !== 'function') return result;
    return this.#wrapExtension(args[2] as ExtensionName, result as ExtensionFunctions[ExtensionName]);
  }

  #wrapExtension(name: ExtensionName, extension: ExtensionFunctions[ExtensionName]): unknown {
    const call = extension as (...args: unknown[]) => unknown;
    return (...args: unknown[]) => this.#down(name, args, () => call(...args));
  }

  WSPListen(...args: [Socket, number]): number {
    return this.#down('WSPListen', args, () => this.#inner.WSPListen(...args)) as number;
  }

  WSPConnect(...args: [Socket, SocketAddress]): number {
    return this.#down('WSPConnect', args, () => this.#inner.WSPConnect(...args)) as number;
  }

  WSPAccept(...args: [Socket, AcceptCondition]): AcceptedSocket {
    return this.#down('WSPAccept', args, () => this.#inner.WSPAccept(...args)) as AcceptedSocket;
  }

  WSPEventSelect(socket: Socket, event: WsaEvent | null, mask: number): number {
    return this.#down('WSPEventSelect', [socket, event, mask], () =>
      this.#inner.WSPEventSelect(socket, this.#wrapEvent(socket, event), mask),
    ) as number;
  }

  WSPEnumNetworkEvents(...args: [Socket]): NetworkEvents {
    return this.#down('WSPEnumNetworkEvents', args, () => this.#inner.WSPEnumNetworkEvents(...args)) as NetworkEvents;
  }

  WSPSend(...args: [Socket, readonly WsaBuffer[], number, Overlapped]): number {
    return this.#down('WSPSend', args, () => this.#inner.WSPSend(...args)) as number;
  }

  WSPRecv(...args: [Socket, readonly WsaBuffer[], number, Overlapped]): number {
    return this.#down('WSPRecv', args, () => this.#inner.WSPRecv(...args)) as number;
  }

  WSPGetOverlappedResult(...args: [Socket, Overlapped]): number {
    return this.#down('WSPGetOverlappedResult', args, () => this.#inner.WSPGetOverlappedResult(...args)) as number;
  }

  WSPDuplicateSocket(...args: [Socket, OwnerKey]): unknown {
    return this.#down('WSPDuplicateSocket', args, () => this.#inner.WSPDuplicateSocket(...args));
  }

  WSPCloseSocket(...args: [Socket]): number {
    return this.#down('WSPCloseSocket', args, () => this.#inner.WSPCloseSocket(...args)) as number;
  }
}
