/** The moment at which a connection becomes a socket of the application. */
import type { Socket as PlatformSocket } from 'node:net';
import { ProviderFaultError, SessionProtocolError } from '../errors.js';
import type { Inbound } from '../socket/inbound.js';
import { type Ends, type Moved, type SocketOptionTarget, type SocketPlace, SwitchSocket } from '../socket/socket.js';
import { activity } from '../stats/activity.js';
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
  /** Of a connection that comes from another owner (rule 8.1); `inbound` has its part of it. */
  readonly moved?: Moved | null;
}

/** Makes the application's socket and keeps the books until it closes. */
export function establish(context: SwitchContext, established: Established): SwitchSocket {
  const { transport, inbound, moved = null } = established;
  const place = new Place(context, established);
  const socket = new SwitchSocket(transport, inbound, place, moved?.stream);
  context.sockets.add(socket);
  activity.note();
  context.counters.of(transport.provider).open += 1;
  if (moved === null) return socket;
  context.counters.of(transport.provider).adopted += 1;
  sendOn(transport, moved);
  return socket;
}

/** What its old owner has not sent. Its senders believe that it has left: that it has not can be told by the end alone. */
function sendOn(transport: Transport, { transport: { unsent, unsentUrgent }, stream }: Moved): void {
  for (const bytes of unsentUrgent) transport.urgent(bytes);
  for (const bytes of unsent) transport.send(bytes, (error) => error && transport.abort(error));
  if (stream.ended) transport.end();
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
    this.left(socket);
  }

  left(socket: SwitchSocket): void {
    const { context } = this;
    const counters = context.counters.of(socket.provider);
    context.sockets.delete(socket);
    counters.open -= 1;
    counters.bytesSent += socket.countedSent;
    counters.bytesReceived += socket.countedReceived;
    counters.bytesCopiedSent += socket.countedCopiedSent;
    counters.bytesCopiedReceived += socket.countedCopiedReceived;
    counters.largeSendsCopied += socket.countedLargeCopied;
    const { past } = context.counters;
    past.sends += socket.sends;
    past.deliveries += socket.deliveries;
    past.stalls += socket.stalls;
    activity.note();
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
