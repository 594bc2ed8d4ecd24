/** The moment at which a connection becomes a socket of the application. */
import type { Socket as PlatformSocket } from 'node:net';
import { ProviderFaultError, SessionProtocolError } from '../errors.js';
import type { Inbound } from '../socket/inbound.js';
import { type Ends, type SocketOptionTarget, type SocketPlace, SwitchSocket } from '../socket/socket.js';
import type { SwitchContext } from './context.js';
import type { DecisionRecord } from './decisions.js';
import { countedFaults } from './startup.js';
import type { Transport } from './transport.js';

/** A connection that stands. */
export interface Established {
  readonly transport: Transport;
  readonly inbound: Inbound;
  readonly ends: Ends;
  readonly decision: DecisionRecord;
  readonly highWaterMarkBytes: number;
  readonly options: SocketOptionTarget;
}

/** Makes the application's socket and keeps the books until it closes. */
export function handOver(context: SwitchContext, established: Established): SwitchSocket {
  const { transport, inbound } = established;
  const socket = new SwitchSocket(transport, inbound, new Place(context, established));
  context.sockets.add(socket);
  context.counters.of(transport.provider).open += 1;
  return socket;
}

class Place implements SocketPlace {
  readonly decision: DecisionRecord;
  readonly ends: Ends;
  readonly highWaterMarkBytes: number;
  readonly options: SocketOptionTarget;
  private readonly context: SwitchContext;

  constructor(context: SwitchContext, { decision, ends, highWaterMarkBytes, options }: Established) {
    this.decision = decision;
    this.ends = ends;
    this.highWaterMarkBytes = highWaterMarkBytes;
    this.options = options;
    this.context = context;
  }

  get closeTimeoutMs(): number {
    return this.context.config.closeTimeoutMs;
  }

  closed(socket: SwitchSocket, error: Error | null): void {
    const { context } = this;
    const counters = context.counters.of(socket.provider);
    // Faults that the session found itself are counted here; those of upcalls have been.
    if (error instanceof ProviderFaultError && !countedFaults.has(error)) counters.faults += 1;
    else if (error instanceof SessionProtocolError) counters.breaches += 1;
    context.sockets.delete(socket);
    counters.open -= 1;
    counters.bytesSent += socket.bytesSent;
    counters.bytesReceived += socket.bytesReceived;
  }
}

/** The ends of a TCP/IP connection, asked of the system once: the answers are gone when the socket is. */
export function endsOf(socket: PlatformSocket): Ends {
  return {
    localAddress: socket.localAddress ?? '',
    localPort: socket.localPort ?? 0,
    remoteAddress: socket.remoteAddress ?? '',
    remotePort: socket.remotePort ?? 0,
    family: socket.remoteFamily === 'IPv6' ? 'IPv6' : 'IPv4',
  };
}
