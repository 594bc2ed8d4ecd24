/** TLS on the thread of the actor: the handshake of each accepted connection, by one `tls.Server` that never listens. */
import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';

/** How long a handshake may take where the application says nothing. */
const HANDSHAKE_TIMEOUT_MS = 10_000;

/** What becomes of a handshake: the secured socket, or null when the connection is gone. Called once. */
type Settled = (secured: TLSSocket | null) => void;

/** A connection's two ends: unique while it lives. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

/** The handshakes of one listener on one thread; its secure context is made once. */
export class TlsEntrance {
  private readonly server: Server;
  private readonly underWay = new Map<string, Settled>();

  /** @throws what `tls.createServer` throws */
  constructor(options: TlsOptions) {
    this.server = createServer({ handshakeTimeout: HANDSHAKE_TIMEOUT_MS, ...options });
    this.server.on('secureConnection', (secured) => this.secured(secured));
    // What it failed of is the peer's business; the connection goes, and its end is told by the socket below.
    this.server.on('tlsClientError', (_, secured) => secured.destroy());
  }

  /** Begins the handshake on a connection that was accepted. */
  enter(socket: Socket, settled: Settled): void {
    const key = keyOf(socket);
    const gone = (): void => {
      this.underWay.delete(key);
      settled(null);
    };
    this.underWay.set(key, (secured) => {
      socket.off('close', gone);
      settled(secured);
    });
    socket.once('close', gone);
    socket.on('error', () => {});
    this.server.emit('connection', socket);
  }

  private secured(secured: TLSSocket): void {
    const key = keyOf(secured);
    const settled = this.underWay.get(key);
    this.underWay.delete(key);
    // Without its connection, which has gone in the same moment, it is nobody's.
    if (settled === undefined) secured.destroy();
    else settled(secured);
  }
}
