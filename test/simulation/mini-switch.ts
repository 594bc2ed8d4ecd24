/** As much of a switch as a session needs: handles, upcalls, a listener, a connect. Strict about every upcall. */

import {
  type AcceptedSocket,
  AF_INET,
  CF_ACCEPT,
  type ExtensionFunctions,
  FD_ACCEPT,
  FD_CONNECT,
  IPPROTO_TCP,
  NO_ERROR,
  OPTIONAL_EXTENSIONS,
  type Overlapped,
  type OwnerKey,
  type ProtocolInfo,
  REQUIRED_EXTENSIONS,
  type SanProvider,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SIO_OWNER_KEY,
  SOCK_STREAM,
  type Socket,
  SPI_VERSION,
  type UpcallTable,
  WSA_IO_PENDING,
  WSAEWOULDBLOCK,
  type WsaCode,
  WsaError,
} from 'sanswitch/spi';
import type { StartedProvider } from '#src/switch/started-provider.js';

const TCP: ProtocolInfo = { name: 'tcp', claimsMessageBuffers: false, lendsReceives: false, virtualPorts: false };

/** Who wants to know that a handle is gone. */
interface HandleOwner {
  handleClosed(): void;
}

export class MiniSwitch implements UpcallTable {
  readonly spi: SanProvider;
  /** Breaches by the provider; a correct one leaves none. */
  readonly faults: string[] = [];
  readonly #contexts = new Map<Socket, Socket>();
  readonly #owners = new Map<Socket, HandleOwner>();
  #nextHandle = 1;
  #info: ProtocolInfo = TCP;
  #extensions: Partial<ExtensionFunctions> = {};

  constructor(spi: SanProvider) {
    this.spi = spi;
    this.#info = spi.WSPStartupEx(SPI_VERSION, TCP, this, {}) as ProtocolInfo;
    const socket = spi.WSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    for (const name of [...REQUIRED_EXTENSIONS, ...OPTIONAL_EXTENSIONS]) {
      try {
        const extension = spi.WSPIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, name);
        Object.assign(this.#extensions, { [name]: extension });
      } catch {
        // Optional ones may be missing.
      }
    }
    spi.WSPCloseSocket(socket);
  }

  get started(): StartedProvider {
    return { name: this.#info.name, spi: this.spi, info: this.#info, extensions: this.#extensions };
  }

  /** Handles that the provider has not given back. */
  get openHandles(): number {
    return this.#contexts.size;
  }

  handleOf(context: Socket): Socket {
    for (const [handle, known] of this.#contexts) if (known === context) return handle;
    throw new Error(`no handle for ${context}`);
  }

  own(handle: Socket, owner: HandleOwner): void {
    this.#owners.set(handle, owner);
  }

  WPUCreateSocketHandle(context: Socket): Socket {
    const handle = this.#nextHandle++;
    this.#contexts.set(handle, context);
    return handle;
  }

  WPUQuerySocketHandleContext(handle: Socket): Socket {
    return this.#contexts.get(handle) ?? -1;
  }

  WPUCloseSocketHandle(handle: Socket): WsaCode {
    if (!this.#contexts.delete(handle)) this.faults.push(`handle ${handle} closed twice`);
    const owner = this.#owners.get(handle);
    this.#owners.delete(handle);
    owner?.handleClosed();
    return NO_ERROR;
  }

  WPUCompleteOverlappedRequest(handle: Socket, overlapped: Overlapped, error: WsaCode, bytes: number): void {
    if (!this.#contexts.has(handle)) this.faults.push(`a completion after handle ${handle} was closed`);
    if (overlapped.internal !== WSA_IO_PENDING) this.faults.push('a completion of what is not pending');
    overlapped.internalHigh = bytes;
    overlapped.internal = error;
    overlapped.sink.completed(overlapped);
  }

  /** @returns the listening descriptor */
  listen(port: number, accepted: (socket: AcceptedSocket) => void): Socket {
    const { spi } = this;
    const socket = spi.WSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    spi.WSPBind(socket, { family: 4, address: '127.0.0.1', port });
    const accept = () => {
      for (;;) {
        try {
          accepted(spi.WSPAccept(socket, () => CF_ACCEPT));
        } catch (error) {
          if (error instanceof WsaError && error.wsaCode === WSAEWOULDBLOCK) return;
          throw error;
        }
      }
    };
    spi.WSPEventSelect(socket, { set: () => process.nextTick(accept) }, FD_ACCEPT);
    spi.WSPListen(socket, 8);
    return socket;
  }

  /** @returns what cancels the connect (3.8) as long as it has no outcome */
  connect(localPort: number, port: number, outcome: (socket: Socket, code: WsaCode) => void): () => void {
    const { spi } = this;
    const socket = spi.WSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    spi.WSPBind(socket, { family: 4, address: '127.0.0.1', port: localPort });
    const cancel = this.#awaitConnect(socket, outcome);
    const code = spi.WSPConnect(socket, { family: 4, address: '127.0.0.1', port });
    if (code !== WSAEWOULDBLOCK) throw new Error(`connect: ${code}`);
    return cancel;
  }

  /** The provider's key for those who hand connections over (8.1). */
  get ownerKey(): OwnerKey {
    const socket = this.spi.WSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    const key = this.spi.WSPIoctl(socket, SIO_OWNER_KEY);
    this.spi.WSPCloseSocket(socket);
    return key;
  }

  /** Takes over what was handed over (8.1). @returns what gives it up as long as there is no outcome */
  attach(context: unknown, outcome: (socket: Socket, code: WsaCode) => void): () => void {
    return this.#awaitConnect(this.spi.WSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, context), outcome);
  }

  #awaitConnect(socket: Socket, outcome: (socket: Socket, code: WsaCode) => void): () => void {
    const { spi } = this;
    let settled = false;
    const look = () => {
      if (settled) return;
      const { events, connectError } = spi.WSPEnumNetworkEvents(socket);
      if ((events & FD_CONNECT) === 0) return;
      settled = true;
      spi.WSPEventSelect(socket, null, 0);
      outcome(socket, connectError);
    };
    spi.WSPEventSelect(socket, { set: () => process.nextTick(look) }, FD_CONNECT);
    return () => {
      if (settled) return;
      settled = true;
      spi.WSPCloseSocket(socket);
    };
  }
}
