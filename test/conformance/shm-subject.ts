/** The shm provider under test: a TCP listener that owns the port (rule 4.1), virtual ports, and the provider itself. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { SO_TCP_LISTENER, SOL_SOCKET } from 'sanswitch/spi';
import { acquireVirtualPort, releaseVirtualPort } from '#src/ports/virtual-ports.js';
import { ShmProvider } from '#src/providers/shm/provider.js';
import type { HandOverSubject } from './hand-over-suite.js';

/** One provider; others that `another` makes reach it. */
export function shm(): HandOverSubject & { provider: ShmProvider } {
  const provider = new ShmProvider();
  const servers = new Map<number, Server>();
  const ports: number[] = [];
  return {
    provider,
    another: () => new ShmProvider(),
    async listenerPort() {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      servers.set(port, server);
      return port;
    },
    sourcePort() {
      const port = acquireVirtualPort('127.0.0.1');
      if (port === null) throw new Error('no virtual port');
      ports.push(port);
      return port;
    },
    beforeListen(socket, port) {
      const { fd } = (servers.get(port) as unknown as { _handle: { fd: number } })._handle;
      provider.WSPSetSockOpt(socket, SOL_SOCKET, SO_TCP_LISTENER, fd);
    },
    dispose() {
      for (const server of servers.values()) server.close();
      for (const port of ports) releaseVirtualPort('127.0.0.1', port);
    },
  };
}
