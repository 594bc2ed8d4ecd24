/** Connecting by TCP/IP: `node:net` with all that it does itself (names, happy eyeballs, its errors). */
import type { LookupAddress } from 'node:dns';
import { type LookupFunction, Socket, type SocketConnectOpts } from 'node:net';
import { setResetOnClose } from '../../native/tcp.js';
import type { TransportEvents } from '../../switch/transport.js';
import { descriptorOf } from './descriptor.js';
import { TcpTransport, type Underneath } from './transport.js';

/** What `net.Socket.connect` understands, and what the socket needs besides. */
export interface TcpConnectRequest {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  readonly family?: number | undefined;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelayMs: number;
  readonly highWaterMarkBytes: number;
  /** What a look-up of `host` has found already, so that it is not made twice; null: nobody has looked. */
  readonly found?: readonly LookupAddress[] | null;
  /** A bound TCP socket to connect (it is taken over), instead of a new one with `localAddress` and `localPort`; -1: none. */
  readonly descriptor?: number;
  /** Closing the socket, whoever does it, resets the connection until the application ends it. */
  readonly resetOnDeath?: boolean;
  /** Cancels the connect; its reason is the error. */
  readonly signal: AbortSignal;
  /** The application is content with views that are dead after its return: all such connections of a thread are read into one buffer. */
  readonly lends: boolean;
  /** Told of the established connection; delivery starts with the transport's first `resume`. */
  readonly events: TransportEvents;
}

/** Into which the connections that lend are read, each read dealt with before the next. A read takes no more than this. */
let common: Uint8Array | null = null;
const COMMON_BYTES = 65_536;

/** Reads that make no buffers and do not pass the platform's streams. */
function commonReads(events: TransportEvents): object {
  common ??= new Uint8Array(COMMON_BYTES);
  return {
    onread: {
      buffer: common,
      callback: (bytes: number, buffer: Uint8Array) => {
        events.received(buffer.subarray(0, bytes));
        return true;
      },
    },
  };
}

/** A connection and the addresses of its two ends. */
export interface TcpConnection {
  readonly transport: TcpTransport;
  readonly socket: Socket;
}

/**
 * Connects. The platform's socket object costs microseconds and its descriptor comes into being with the connect itself, so
 * the application's socket (rule 2.1) is made here, when it is known that TCP/IP is wanted, and not ahead of a SAN attempt.
 * @throws what `net.Socket.connect` throws or emits; the signal's reason; NativeUnavailableError (`resetOnDeath`)
 */
export function connectTcp(request: TcpConnectRequest): Promise<TcpConnection> {
  return new Promise((resolve, reject) => {
    const { descriptor = -1 } = request;
    const socket = new Socket({
      allowHalfOpen: true,
      writableHighWaterMark: request.highWaterMarkBytes,
      ...(request.lends ? commonReads(request.events) : {}),
      // Not connected yet: nothing can be read from it.
      ...(descriptor < 0 ? {} : { fd: descriptor, pauseOnCreate: true }),
    } as object);
    const { signal } = request;
    const cancelled = (): void => {
      socket.destroy();
      reject(signal.reason);
    };
    const failed = (error: Error): void => {
      signal.removeEventListener('abort', cancelled);
      reject(error);
    };
    if (signal.aborted) return cancelled();
    signal.addEventListener('abort', cancelled, { once: true });
    socket.once('error', failed);
    socket.once('connect', () => {
      signal.removeEventListener('abort', cancelled);
      socket.off('error', failed);
      try {
        const underneath = request.resetOnDeath === true ? resetOnDeath(socket) : null;
        // In the same turn as the connect, so that no event of the socket can come between.
        resolve({
          transport: new TcpTransport(socket, request.events, request.highWaterMarkBytes, underneath),
          socket,
        });
      } catch (error) {
        socket.destroy();
        reject(error);
      }
    });
    socket.connect(platformOptions(request));
  });
}

/** @throws NativeUnavailableError, SystemError */
function resetOnDeath(socket: Socket): Underneath {
  const descriptor = descriptorOf(socket);
  setResetOnClose(descriptor, true);
  return { socket, descriptor };
}

function platformOptions(request: TcpConnectRequest): SocketConnectOpts {
  const bound = (request.descriptor ?? -1) >= 0;
  return {
    host: request.host,
    port: request.port,
    noDelay: request.noDelay,
    keepAlive: request.keepAlive,
    keepAliveInitialDelay: request.keepAliveInitialDelayMs,
    ...(request.found == null ? {} : { lookup: answering(request.found) }),
    ...(bound || request.localAddress === undefined ? {} : { localAddress: request.localAddress }),
    ...(bound || request.localPort === undefined ? {} : { localPort: request.localPort }),
    ...(request.family === undefined ? {} : { family: request.family }),
  };
}

/** A look-up function that answers what is known. */
function answering(found: readonly LookupAddress[]): LookupFunction {
  return (_host, options, callback) => {
    const family = options.family === 'IPv6' ? 6 : options.family === 'IPv4' ? 4 : (options.family ?? 0);
    const fitting = found.filter((entry) => family === 0 || entry.family === family);
    process.nextTick(() => {
      const [first] = fitting;
      if (options.all) callback(null, fitting as LookupAddress[]);
      else callback(null, first?.address ?? '', first?.family ?? 0);
    });
  };
}
