/**
 * The other half of the SPI contract: a switch that does nothing but watch. It keeps every rule itself, and writes down
 * each one that the provider breaks.
 */
import {
  type AcceptCondition,
  AF_INET,
  AF_INET6,
  CF_ACCEPT,
  type CompletionSink,
  type ExtensionFunctions,
  type ExtensionName,
  FD_ACCEPT,
  FD_CLOSE,
  FD_CONNECT,
  FD_WRITE,
  IPPROTO_TCP,
  NO_ERROR,
  OPTIONAL_EXTENSIONS,
  Overlapped,
  type ProtocolInfo,
  REQUIRED_EXTENSIONS,
  type SanProvider,
  SIO_GET_EXTENSION_FUNCTION_POINTER,
  SO_MAX_MSG_SIZE,
  SOCK_STREAM,
  SOL_SOCKET,
  type Socket,
  type SocketAddress,
  SPI_VERSION,
  type UpcallTable,
  WSA_IO_PENDING,
  WSAENOTSOCK,
  WSAEWOULDBLOCK,
  type WsaBuffer,
  type WsaCode,
  WsaError,
} from 'sanswitch/spi';

const TCP: ProtocolInfo = { name: 'tcp', claimsMessageBuffers: false, lendsReceives: false, virtualPorts: false };
const PATIENCE_MS = 5_000;

/** An overlapped operation under observation. */
export class Operation extends Overlapped {
  /** Completions told; more than one is a breach. */
  completions = 0;
  error: WsaCode = -1;
  bytesMoved = -1;
  /** What a receive brought. */
  data: Buffer = Buffer.alloc(0);
  buffer: WsaBuffer | null = null;
}

/** A socket under observation. */
export interface Endpoint {
  readonly socket: Socket;
  readonly handle: Socket;
  readonly remote?: SocketAddress;
  readonly local?: SocketAddress;
  /** Outcomes of the connect, in the order in which FD_CONNECT told them. */
  readonly connects: WsaCode[];
  readonly closes: WsaCode[];
  writable: number;
  acceptable: number;
}

export class Harness implements UpcallTable, CompletionSink {
  readonly spi: SanProvider;
  info: ProtocolInfo = TCP;
  extensions: Partial<ExtensionFunctions> = {};
  /** Rules that the provider broke. */
  readonly breaches: string[] = [];
  /** Handles in the order in which the provider gave them back. */
  readonly closedHandles: Socket[] = [];
  readonly #contexts = new Map<Socket, Socket>();
  readonly #pendingOf = new Map<Socket, Set<Operation>>();
  readonly #open = new Set<Socket>();
  #nextHandle = 1_000;
  #inCall: Overlapped | null = null;

  constructor(spi: SanProvider) {
    this.spi = spi;
  }

  async start(options: Readonly<Record<string, unknown>>): Promise<void> {
    this.info = await this.spi.WSPStartupEx(SPI_VERSION, TCP, this, options);
    const { socket } = this.socket();
    for (const name of [...REQUIRED_EXTENSIONS, ...OPTIONAL_EXTENSIONS]) {
      const extension = this.extension(socket, name);
      if (extension !== undefined) Object.assign(this.extensions, { [name]: extension });
    }
    this.close(socket);
  }

  extension(socket: Socket, name: ExtensionName): unknown {
    try {
      return this.spi.WSPIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, name);
    } catch (error) {
      if (!(error instanceof WsaError)) throw error;
      return undefined;
    }
  }

  // ----------------------------------------------------------------- upcalls

  WPUCreateSocketHandle(context: Socket): Socket {
    const handle = this.#nextHandle++;
    this.#contexts.set(handle, context);
    this.#pendingOf.set(handle, new Set());
    return handle;
  }

  WPUQuerySocketHandleContext(handle: Socket): Socket {
    const context = this.#contexts.get(handle);
    if (context === undefined) throw new WsaError(WSAENOTSOCK);
    return context;
  }

  WPUCloseSocketHandle(handle: Socket): WsaCode {
    if (!this.#contexts.has(handle)) this.breaches.push('7.2: WPUCloseSocketHandle twice, or of an unknown handle');
    else if (this.#open.has(this.#contexts.get(handle)!)) this.breaches.push('7.4: closed a handle that nobody closed');
    if ((this.#pendingOf.get(handle)?.size ?? 0) > 0)
      this.breaches.push('7.2: operations were pending at the last upcall');
    this.#contexts.delete(handle);
    this.closedHandles.push(handle);
    return NO_ERROR;
  }

  WPUCompleteOverlappedRequest(handle: Socket, overlapped: Overlapped, error: WsaCode, bytes: number): void {
    const operation = overlapped as Operation;
    if (!this.#contexts.has(handle)) this.breaches.push('7.2: a completion after the last upcall');
    if (overlapped === this.#inCall) this.breaches.push('5.2: a completion from inside the downcall that started it');
    if ((overlapped.hEvent & 1) !== 0) this.breaches.push('5.2: a polled operation was notified');
    if (!this.#pendingOf.get(handle)?.delete(operation)) this.breaches.push('5.2: a completion of what is not pending');
    overlapped.internalHigh = bytes;
    overlapped.internal = error;
    this.completed(operation);
  }

  completed(overlapped: Overlapped): void {
    const operation = overlapped as Operation;
    operation.completions += 1;
    operation.error = overlapped.internal;
    operation.bytesMoved = overlapped.internalHigh;
    if (operation.error !== NO_ERROR) return;
    const { bytes, offset } = operation.buffer ?? operation;
    operation.data = Buffer.from(bytes.subarray(offset, offset + operation.bytesMoved));
  }

  // --------------------------------------------------------------- downcalls

  handleOf(socket: Socket): Socket {
    for (const [handle, context] of this.#contexts) if (context === socket) return handle;
    throw new Error(`2.4: WPUCreateSocketHandle was not called for descriptor ${socket}`);
  }

  socket(family: 4 | 6 = 4, context?: unknown): Endpoint {
    const more = context === undefined ? [] : [context];
    return this.#endpoint(this.spi.WSPSocket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_TCP, ...more));
  }

  #endpoint(socket: Socket, addresses?: { remote: SocketAddress; local: SocketAddress }): Endpoint {
    if (this.#open.has(socket)) this.breaches.push('7.4: a descriptor was given out twice');
    this.#open.add(socket);
    const handle = this.handleOf(socket);
    return { socket, handle, connects: [], closes: [], writable: 0, acceptable: 0, ...addresses };
  }

  close(socket: Socket): void {
    this.#open.delete(socket);
    const code = this.spi.WSPCloseSocket(socket);
    if (code !== NO_ERROR) this.breaches.push(`WSPCloseSocket returned ${code}`);
  }

  /** Selects every event of `endpoint` and notes what comes, from outside the provider's call. */
  watch(endpoint: Endpoint): void {
    const look = () => {
      if (!this.#open.has(endpoint.socket)) return;
      const { events, connectError, closeError } = this.spi.WSPEnumNetworkEvents(endpoint.socket);
      if ((events & FD_CONNECT) !== 0) endpoint.connects.push(connectError);
      if ((events & FD_CLOSE) !== 0) endpoint.closes.push(closeError);
      if ((events & FD_WRITE) !== 0) endpoint.writable += 1;
      if ((events & FD_ACCEPT) !== 0) endpoint.acceptable += 1;
    };
    const mask = FD_CONNECT | FD_CLOSE | FD_WRITE | FD_ACCEPT;
    this.spi.WSPEventSelect(endpoint.socket, { set: () => void setImmediate(look) }, mask);
  }

  /** @throws WsaError as `WSPAccept` does */
  accept(listener: Endpoint, condition: AcceptCondition = () => CF_ACCEPT): Endpoint {
    const { socket, remote, local } = this.spi.WSPAccept(listener.socket, condition);
    return this.#endpoint(socket, { remote, local });
  }

  tryAccept(listener: Endpoint): Endpoint | null {
    try {
      return this.accept(listener);
    } catch (error) {
      if (error instanceof WsaError && error.wsaCode === WSAEWOULDBLOCK) return null;
      throw error;
    }
  }

  messageBytesMax(endpoint: Endpoint): number {
    return this.spi.WSPGetSockOpt(endpoint.socket, SOL_SOCKET, SO_MAX_MSG_SIZE) as number;
  }

  /** Calls a transfer function and checks what it may answer (5.1). */
  begin(endpoint: Endpoint, operation: Operation, call: () => WsaCode): WsaCode {
    operation.internal = WSA_IO_PENDING;
    const pending = this.#pendingOf.get(endpoint.handle)!;
    if ((operation.hEvent & 1) === 0) pending.add(operation);
    this.#inCall = operation;
    const code = call();
    this.#inCall = null;
    if (code === NO_ERROR) this.breaches.push('5.1: a transfer that succeeds at once');
    if (code !== WSA_IO_PENDING) pending.delete(operation);
    return code;
  }

  /** @returns the operation, or the code of a send that could not begin */
  send(endpoint: Endpoint, message: Uint8Array, options: { polled?: boolean } = {}): Operation | WsaCode {
    const operation = new Operation(this);
    if (options.polled) operation.hEvent = 1;
    let buffers: WsaBuffer[] = [{ bytes: message, offset: 0, length: message.length }];
    if (this.info.claimsMessageBuffers) {
      const out: WsaBuffer = { bytes: message, offset: 0, length: 0 };
      const claimed = this.spi.WSPClaimMessageBuffer!(endpoint.socket, message.length, message.length, out);
      if (claimed !== NO_ERROR) return claimed;
      if (out.length < message.length) this.breaches.push('5.5: a claim gave less than was asked for');
      out.bytes.set(message, out.offset);
      buffers = [{ bytes: out.bytes, offset: out.offset, length: message.length }];
    }
    const code = this.begin(endpoint, operation, () => this.spi.WSPSend(endpoint.socket, buffers, 1, operation));
    return code === WSA_IO_PENDING ? operation : code;
  }

  receive(endpoint: Endpoint, options: { polled?: boolean; bytes?: number } = {}): Operation {
    const operation = new Operation(this);
    if (options.polled) operation.hEvent = 1;
    const lent = this.info.lendsReceives;
    const length = options.bytes ?? this.messageBytesMax(endpoint);
    if (!lent) operation.buffer = { bytes: new Uint8Array(length), offset: 0, length };
    const code = this.begin(endpoint, operation, () =>
      this.spi.WSPRecv(endpoint.socket, operation.buffer === null ? [] : [operation.buffer], lent ? 0 : 1, operation),
    );
    if (code !== WSA_IO_PENDING) {
      operation.completions = 1;
      operation.error = code;
    }
    return operation;
  }

  /** Lets the provider work until `condition` holds. */
  async until(what: string, condition: () => boolean): Promise<void> {
    const endMs = Date.now() + PATIENCE_MS;
    while (!condition()) {
      if (Date.now() > endMs) throw new Error(`waited in vain: ${what}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async done(...operations: readonly Operation[]): Promise<void> {
    await this.until('a completion', () => operations.every(({ completions }) => completions > 0));
  }

  /** Lets everything happen that can. */
  async settle(): Promise<void> {
    const quietMs = 20;
    const endMs = Date.now() + quietMs;
    while (Date.now() < endMs) await new Promise((resolve) => setImmediate(resolve));
  }

  get openHandles(): number {
    return this.#contexts.size;
  }

  /** Closes what is still open and waits for the last upcalls. */
  async closeAll(): Promise<void> {
    for (const socket of [...this.#open]) this.close(socket);
    await this.until('the last upcall of every socket', () => this.#contexts.size === 0);
    await this.spi.WSPCleanup();
  }
}
