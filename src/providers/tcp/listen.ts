/** Listening by TCP/IP: `net.Server`, which owns the port (rule 4.1) and whose errors go to the application (rule 2.0). */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { descriptorOf } from './descriptor.js';

/** What `net.Server.listen` understands. */
export interface TcpListenRequest {
  readonly host?: string | undefined;
  readonly port: number;
  readonly backlog?: number | undefined;
  readonly ipv6Only: boolean;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelayMs: number;
  /** An arrival; half-open, not yet read from. */
  arrived(socket: Socket): void;
  /** An error of the standing listener. */
  failed(error: Error): void;
}

/** A TCP/IP listener that stands. */
export interface TcpListener {
  readonly server: Server;
  readonly address: AddressInfo;
  /** The listening socket's descriptor number, for providers that identify themselves by it; -1 where the platform hides it. */
  readonly descriptor: number;
}

/** @throws what `net.Server.listen` throws or emits (EADDRINUSE, EADDRNOTAVAIL, ...) */
export function listenTcp(request: TcpListenRequest): Promise<TcpListener> {
  return new Promise((resolve, reject) => {
    const server = createServer(
      {
        allowHalfOpen: true,
        noDelay: request.noDelay,
        keepAlive: request.keepAlive,
        keepAliveInitialDelay: request.keepAliveInitialDelayMs,
      },
      (socket) => request.arrived(socket),
    );
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      server.on('error', (error) => request.failed(error));
      resolve({ server, address: server.address() as AddressInfo, descriptor: descriptorOf(server) });
    });
    server.listen({
      port: request.port,
      ipv6Only: request.ipv6Only,
      ...(request.host === undefined ? {} : { host: request.host }),
      ...(request.backlog === undefined ? {} : { backlog: request.backlog }),
    });
  });
}
