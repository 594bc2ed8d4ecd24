/** Connecting (section 3): which provider, the companion's attempt, and TCP/IP where it must or may. */
import { Inbound } from '../socket/inbound.js';
import type { SwitchSocket } from '../socket/socket.js';
import { nodeError, WSAETIMEDOUT } from '../spi/codes.js';
import { record, type SwitchContext } from './context.js';
import { DecisionDraft } from './decisions.js';
import { endsOf, handOver } from './hand-over.js';
import { Operation } from './operation.js';
import { TcpOptions } from './options.js';
import type { CheckedConnect } from './validate.js';

/** Connects one socket. @throws the errors of section 3 at the application's edge */
export async function connect(context: SwitchContext, request: CheckedConnect): Promise<SwitchSocket> {
  const operation = new Operation(context.operations, request.signal);
  const { timeoutMs, host, port } = request;
  if (timeoutMs !== undefined) {
    operation.limit(timeoutMs, () => nodeError(WSAETIMEDOUT, { syscall: 'connect', address: host, port }));
  }
  const draft = new DecisionDraft('connect', host, port);
  try {
    return await connectByTcp(context, request, operation, draft);
  } finally {
    operation.end();
  }
}

async function connectByTcp(
  context: SwitchContext,
  request: CheckedConnect,
  operation: Operation,
  draft: DecisionDraft,
): Promise<SwitchSocket> {
  const inbound = new Inbound(request.handlers, false);
  try {
    const { transport, socket } = await context.tcp.connect({ ...request, signal: operation.signal, events: inbound });
    draft.add('tcp', 'chosen', 'no-san-provider');
    const counters = context.counters.of('tcp');
    counters.connects += 1;
    return handOver(context, {
      transport,
      inbound,
      ends: endsOf(socket),
      decision: record(context, draft, 'tcp'),
      highWaterMarkBytes: request.highWaterMarkBytes,
      options: new TcpOptions(socket, request.remembered),
    });
  } catch (error) {
    draft.add('tcp', 'failed', operation.signal.aborted ? 'cancelled' : 'connect-failed', (error as Error).message);
    context.counters.of('tcp').connectFailures += 1;
    record(context, draft, null);
    throw error;
  }
}
