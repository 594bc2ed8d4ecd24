/**
 * A SAN service provider from a stranger: plain TypeScript, written against `sanswitch/spi` alone. It carries a host's
 * local connections over Unix sockets. Not fast, and it trusts every process of the host; what it shows is what a provider
 * has to do. `third-party-provider.ts` plugs it in.
 */
import { createServer, isIPv4, connect as netConnect, type Server, type Socket as UnixSocket } from 'node:net';
import {
  type AcceptCondition,
  type AcceptedSocket,
  AF_INET,
  CF_ACCEPT,
  FD_ACCEPT,
  FD_CLOSE,
  FD_CONNECT,
  type NetworkEvents,
  NO_ERROR,
  NullProvider,
  type Overlapped,
  type ProtocolInfo,
  type ServedSubnet,
  SOCK_STREAM,
  type Socket,
  type SocketAddress,
  WSA_IO_PENDING,
  WSA_OPERATION_ABORTED,
  WSAEADDRINUSE,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEINVAL,
  WSAEMSGSIZE,
  WSAENOTCONN,
  WSAENOTSOCK,
  WSAEOPNOTSUPP,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
  type WsaBuffer,
  type WsaCode,
  WsaError,
  type WsaEvent,
} from 'sanswitch/spi';

const HEADER_BYTES = 4;
const ACCEPTED = Buffer.from('yes');
const REJECTED = Buffer.from('no');

/** Both sides' addresses: the first frame of a caller. */
interface Call {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
}

/** A caller that waits for `WSPAccept`. */
interface Caller {
  readonly call: Call;
  readonly wire: Wire;
}

/** Messages over a byte stream: a length, then so many bytes. */
class Wire {
  onMessage: (message: Buffer) => void = () => {};
  onClosed: () => void = () => {};
  readonly #socket: UnixSocket;
  #buffered = Buffer.alloc(0);

  constructor(socket: UnixSocket) {
    this.#socket = socket;
    socket.unref(); // What keeps the program alive is the switch's business.
    socket.on('error', () => {}); // 'close' follows.
    socket.on('close', () => this.onClosed());
    socket.on('data', (bytes) => {
      this.#buffered = Buffer.concat([this.#buffered, bytes]);
      while (this.#buffered.length >= HEADER_BYTES) {
        const end = HEADER_BYTES + this.#buffered.readUInt32LE(0);
        if (this.#buffered.length < end) break;
        const message = this.#buffered.subarray(HEADER_BYTES, end);
        this.#buffered = this.#buffered.subarray(end);
        this.onMessage(message);
      }
    });
  }

  /** `sent` is called when the system has taken the bytes; not at all if it never does. */
  send(parts: readonly Uint8Array[], sent: () => void = () => {}): void {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(parts.reduce((sum, part) => sum + part.length, 0));
    this.#socket.write(Buffer.concat([header, ...parts]), (error) => {
      if (!error) sent();
    });
  }

  close(): void {
    this.#socket.destroy();
  }
}

/** One socket of this provider. */
class Endpoint {
  handle: Socket = -1;
  local: SocketAddress | null = null;
  server: Server | null = null;
  readonly callers: Caller[] = [];
  wire: Wire | null = null;
  connected = false;
  ended = false;
  closed = false;
  readonly sends = new Set<Overlapped>();
  readonly receives: { overlapped: Overlapped; buffer: WsaBuffer }[] = [];
  /** Messages that no receive stands for yet (rule 3.7). The session's credits keep them few (rule 5.4). */
  readonly held: Buffer[] = [];
  event: WsaEvent | null = null;
  mask = 0;
  raised = 0;
  connectError: WsaCode = NO_ERROR;

  raise(bit: number): void {
    this.raised |= bit;
    if ((this.mask & bit) !== 0) this.event?.set();
  }
}

export class UnixProvider extends NullProvider {
  protected readonly info: ProtocolInfo = {
    name: 'unix',
    claimsMessageBuffers: false, // So the session spends credits,
    lendsReceives: false, // posts receive buffers,
    virtualPorts: true, // and needs no TCP port for a connect.
  };
  protected override readonly maxMessageBytes = 16_384;
  readonly #endpoints = new Map<Socket, Endpoint>();
  #nextDescriptor = 1; // Never used again (rule 7.4).

  protected override servedSubnets(): ServedSubnet[] {
    return [{ family: 4, address: '127.0.0.0', prefixLength: 8 }];
  }

  #find(socket: Socket): Endpoint {
    const endpoint = this.#endpoints.get(socket);
    if (endpoint === undefined) throw new WsaError(WSAENOTSOCK);
    return endpoint;
  }

  #create(): [Socket, Endpoint] {
    const descriptor = this.#nextDescriptor++;
    const endpoint = new Endpoint();
    endpoint.handle = this.upcalls.WPUCreateSocketHandle(descriptor); // Rule 2.4.
    this.#endpoints.set(descriptor, endpoint);
    return [descriptor, endpoint];
  }

  override WSPSocket(family: number, type: number): Socket {
    if (family !== AF_INET || type !== SOCK_STREAM) throw new WsaError(WSAEOPNOTSUPP);
    return this.#create()[0];
  }

  override WSPBind(socket: Socket, address: SocketAddress): WsaCode {
    this.#find(socket).local = address;
    return NO_ERROR;
  }

  // --------------------------------------------------- listening, connecting

  override WSPListen(socket: Socket, backlog: number): WsaCode {
    const endpoint = this.#find(socket);
    const { local } = endpoint;
    if (local === null || endpoint.server !== null) return WSAEINVAL;
    endpoint.server = createServer((connection) => {
      const wire = new Wire(connection);
      wire.onMessage = (message) => {
        const call = callOf(message);
        if (call === null) {
          wire.close();
          return;
        }
        if (endpoint.callers.length >= backlog) {
          wire.send([REJECTED]); // Rule 4.4: a full backlog refuses at once.
          return;
        }
        const caller = { call, wire };
        endpoint.callers.push(caller);
        wire.onMessage = () => {};
        wire.onClosed = () => {
          const index = endpoint.callers.indexOf(caller);
          if (index >= 0) endpoint.callers.splice(index, 1);
        };
        endpoint.raise(FD_ACCEPT);
      };
    });
    endpoint.server.on('error', () => {});
    endpoint.server.listen(pathOf(local)).unref();
    return endpoint.server.listening ? NO_ERROR : WSAEADDRINUSE;
  }

  override WSPConnect(socket: Socket, remote: SocketAddress): WsaCode {
    const endpoint = this.#find(socket);
    const { local } = endpoint;
    if (local === null || endpoint.connected) return WSAEINVAL;
    const attempt = (paths: readonly string[]) => {
      const wire = new Wire(netConnect(paths[0] as string));
      endpoint.wire = wire;
      wire.onMessage = (answer) => {
        if (answer.equals(ACCEPTED)) {
          this.#join(endpoint, wire);
          this.#connectDone(endpoint, NO_ERROR);
        } else this.#connectDone(endpoint, WSAECONNREFUSED);
      };
      wire.onClosed = () => {
        if (paths.length > 1) attempt(paths.slice(1));
        // Nobody of ours listens; perhaps a plain TCP server does, so we promise nothing (rule 3.4).
        else this.#connectDone(endpoint, WSAETIMEDOUT);
      };
      const call: Call = { remote: local, local: remote };
      wire.send([Buffer.from(JSON.stringify(call))]);
    };
    attempt([pathOf(remote), pathOf({ ...remote, address: '0.0.0.0' })]);
    return WSAEWOULDBLOCK;
  }

  #connectDone(endpoint: Endpoint, code: WsaCode): void {
    if (endpoint.closed) return;
    endpoint.connectError = code;
    endpoint.raise(FD_CONNECT);
    if (code !== NO_ERROR && endpoint.wire !== null) endpoint.wire.onClosed = () => {};
  }

  override WSPAccept(socket: Socket, condition: AcceptCondition): AcceptedSocket {
    const caller = this.#find(socket).callers.shift();
    if (caller === undefined) throw new WsaError(WSAEWOULDBLOCK);
    const { call, wire } = caller;
    if (condition(call) !== CF_ACCEPT) {
      wire.onClosed = () => {};
      wire.send([REJECTED]);
      throw new WsaError(WSAECONNREFUSED);
    }
    const [descriptor, endpoint] = this.#create();
    endpoint.local = call.local;
    endpoint.wire = wire;
    this.#join(endpoint, wire);
    wire.send([ACCEPTED]);
    return { socket: descriptor, ...call };
  }

  /** The connection stands: from now on every frame is a message. */
  #join(endpoint: Endpoint, wire: Wire): void {
    endpoint.connected = true;
    wire.onMessage = (message) => {
      endpoint.held.push(Buffer.from(message));
      this.#place(endpoint);
    };
    wire.onClosed = () => {
      endpoint.ended = true;
      for (const overlapped of endpoint.sends) this.#complete(endpoint, overlapped, WSAECONNRESET, 0);
      endpoint.sends.clear();
      this.#place(endpoint);
      endpoint.raise(FD_CLOSE);
    };
  }

  override WSPEventSelect(socket: Socket, event: WsaEvent | null, mask: number): WsaCode {
    const endpoint = this.#find(socket);
    endpoint.event = event;
    endpoint.mask = mask;
    if ((endpoint.raised & mask) !== 0) event?.set();
    return NO_ERROR;
  }

  override WSPEnumNetworkEvents(socket: Socket): NetworkEvents {
    const endpoint = this.#find(socket);
    const events = endpoint.raised;
    endpoint.raised = 0;
    return { events, connectError: endpoint.connectError, closeError: endpoint.ended ? WSAECONNRESET : NO_ERROR };
  }

  // ---------------------------------------------------------------- transfers

  override WSPSend(socket: Socket, buffers: readonly WsaBuffer[], count: number, overlapped: Overlapped): WsaCode {
    const endpoint = this.#find(socket);
    if (!endpoint.connected || endpoint.wire === null) return WSAENOTCONN;
    if (endpoint.ended) return WSAECONNRESET;
    const parts = buffers.slice(0, count).map(({ bytes, offset, length }) => bytes.subarray(offset, offset + length));
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    if (length > this.maxMessageBytes) return WSAEMSGSIZE;
    endpoint.sends.add(overlapped);
    endpoint.wire.send(parts, () => {
      if (endpoint.sends.delete(overlapped)) this.#complete(endpoint, overlapped, NO_ERROR, length);
    });
    return WSA_IO_PENDING;
  }

  override WSPRecv(socket: Socket, buffers: readonly WsaBuffer[], count: number, overlapped: Overlapped): WsaCode {
    const endpoint = this.#find(socket);
    if (!endpoint.connected) return WSAENOTCONN;
    if (count !== 1) return WSAEINVAL;
    endpoint.receives.push({ overlapped, buffer: { ...(buffers[0] as WsaBuffer) } });
    this.#place(endpoint);
    return WSA_IO_PENDING;
  }

  /** Brings messages and receives together; a receive for which no message can come any more fails (rule 7.3). */
  #place(endpoint: Endpoint): void {
    for (;;) {
      const receive = endpoint.receives[0];
      const message = endpoint.held[0];
      if (receive === undefined || (message === undefined && !endpoint.ended)) return;
      endpoint.receives.shift();
      endpoint.held.shift();
      if (message === undefined) this.#complete(endpoint, receive.overlapped, WSAECONNRESET, 0);
      else if (message.length > receive.buffer.length) this.#complete(endpoint, receive.overlapped, WSAEMSGSIZE, 0);
      else {
        receive.buffer.bytes.set(message, receive.buffer.offset);
        this.#complete(endpoint, receive.overlapped, NO_ERROR, message.length);
      }
    }
  }

  /** Tells the switch, but never from inside the downcall that started the operation (rule 5.2). */
  #complete(endpoint: Endpoint, overlapped: Overlapped, error: WsaCode, bytes: number): void {
    process.nextTick(() => {
      overlapped.internalHigh = bytes;
      if ((overlapped.hEvent & 1) !== 0) overlapped.internal = error;
      else this.upcalls.WPUCompleteOverlappedRequest(endpoint.handle, overlapped, error, bytes);
    });
  }

  // ------------------------------------------------------------------ closing

  override WSPCloseSocket(socket: Socket): WsaCode {
    const endpoint = this.#find(socket);
    this.#endpoints.delete(socket);
    endpoint.closed = true;
    endpoint.event = null;
    endpoint.server?.close();
    for (const { wire } of endpoint.callers.splice(0)) wire.close();
    if (endpoint.wire !== null) {
      endpoint.wire.onMessage = () => {};
      endpoint.wire.onClosed = () => {};
      endpoint.wire.close();
    }
    // Rule 7.2: what is pending is aborted, and giving the handle back is the last thing that the switch hears.
    const pending = [...endpoint.sends, ...endpoint.receives.map(({ overlapped }) => overlapped)];
    endpoint.sends.clear();
    endpoint.receives.length = 0;
    for (const overlapped of pending) this.#complete(endpoint, overlapped, WSA_OPERATION_ABORTED, 0);
    process.nextTick(() => this.upcalls.WPUCloseSocketHandle(endpoint.handle));
    return NO_ERROR;
  }
}

/** What a caller says of itself; null if it is nonsense. */
function callOf(message: Buffer): Call | null {
  try {
    const { remote, local } = JSON.parse(message.toString()) as Call;
    return [remote, local].every(({ address, port }) => isIPv4(address) && Number.isInteger(port))
      ? { remote, local }
      : null;
  } catch {
    return null;
  }
}

/** An abstract Unix socket name: it goes with its last descriptor. */
function pathOf({ address, port }: SocketAddress): string {
  return `\0unix-provider/${address}/${port}`;
}
