/** The moment at which a connection becomes a socket of the application. */
import type { Socket as PlatformSocket } from 'node:net';
import { ProviderFaultError, SessionProtocolError } from '../errors.js';
import type { Inbound } from '../socket/inbound.js';
import { type SocketOptionTarget, SwitchSocket } from '../socket/socket.js';
import type { SwitchContext } from './context.js';
import type { DecisionRecord } from './decisions.js';
import { countedFaults } from './startup.js';
import type { Transport } from './transport.js';

/** The two ends as the application sees them (rule 9.2). */
export interface Ends {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly family: 'IPv4' | 'IPv6';
}

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
  const { transport, inbound, ends, decision, highWaterMarkBytes, options } = established;
  const counters = context.counters.of(transport.provider);
  const socket = new SwitchSocket(transport, inbound, {
    ...ends,
    decision,
    highWaterMarkBytes,
    closeTimeoutMs: context.config.closeTimeoutMs,
    options,
    closed(closed) {
      // Faults that the session found itself are counted here; those of upcalls have been.
      const error = inbound.closeError;
      if (error instanceof ProviderFaultError && !countedFaults.has(error)) counters.faults += 1;
      else if (error instanceof SessionProtocolError) counters.breaches += 1;
      context.sockets.delete(closed);
      counters.open -= 1;
      counters.bytesSent += closed.bytesSent;
      counters.bytesReceived += closed.bytesReceived;
    },
  });
  context.sockets.add(socket);
  counters.open += 1;
  return socket;
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
