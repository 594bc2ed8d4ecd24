/** A connection by TCP/IP that somebody else has accepted becomes a socket of this switch. */
import type { Socket as PlatformSocket } from 'node:net';
import { Inbound } from '../socket/inbound.js';
import type { SwitchSocket } from '../socket/socket.js';
import type { AnyBytes } from '../socket/stream-socket.js';
import { record, type SwitchContext } from './context.js';
import { DecisionDraft } from './decisions.js';
import { endsOf, establish } from './establish.js';
import { TcpOptions } from './options.js';
import type { SocketHandOver } from './owner.js';
import type { Underneath } from './registry.js';
import type { CommonOptions } from './requests.js';
import { type CheckedCommon, checkCommon } from './validate.js';

/** What a socket is taken over with. */
export interface AdoptTcpOptions extends Omit<CommonOptions<AnyBytes>, 'signal' | 'debug'> {
  /** The TCP socket below the given one, or the same, whose peer is to see a reset if this thread dies. */
  readonly underneath?: Underneath | undefined;
}

/**
 * A connection by TCP/IP that another owner has handed over (rule 8.1).
 * @throws InvalidOptionError; what the platform says of the descriptor (EBADF, ENOTSOCK)
 */
export async function adoptMovedTcp(
  context: SwitchContext,
  connection: SocketHandOver,
  request: CheckedCommon,
): Promise<SwitchSocket> {
  const { tcp } = context;
  const { moved, ends, decision, remembered } = connection;
  const { highWaterMarkBytes } = request;
  request.signal?.throwIfAborted();
  const inbound = new Inbound(request.handlers, request, true);
  if (moved !== null) inbound.restore(moved.stream);
  const { socket, transport } = tcp.takeOver(tcp.checkContext(connection.context), inbound, highWaterMarkBytes);
  const options = new TcpOptions(socket, remembered);
  return establish(context, { transport, inbound, ends, decision, highWaterMarkBytes, options, moved });
}

/** @param platform connected, with `allowHalfOpen`, not yet read from @throws TypeError, InvalidOptionError */
export function adoptTcp(context: SwitchContext, platform: PlatformSocket, options: AdoptTcpOptions): SwitchSocket {
  const request = checkCommon(options, context.config.highWaterMarkBytes);
  const { underneath } = options;
  const { highWaterMarkBytes, noDelay, keepAlive, keepAliveInitialDelayMs } = request;
  const socket = underneath?.socket ?? platform;
  socket.setNoDelay(noDelay);
  if (keepAlive) socket.setKeepAlive(true, keepAliveInitialDelayMs);
  const ends = endsOf(socket);
  const draft = new DecisionDraft('accept', ends.localAddress, ends.localPort);
  draft.add('tcp', 'chosen', 'arrived');
  context.counters.of('tcp').accepts += 1;
  const inbound = new Inbound(request.handlers, request, true);
  return establish(context, {
    transport: new context.tcp.Transport(platform, inbound, highWaterMarkBytes, underneath),
    inbound,
    ends,
    decision: record(context, draft, 'tcp'),
    highWaterMarkBytes,
    options: new TcpOptions(socket, request.remembered),
  });
}
