/** The session of a connection that was accepted (rules 3.6, 4.6), here or on another thread, or that has moved here (8.1). */
import { Inbound } from '../socket/inbound.js';
import type { Moved } from '../socket/socket.js';
import type { WsaCode } from '../spi/codes.js';
import type { SocketAddress } from '../spi/types.js';
import type { Companion } from './companion.js';
import type { SwitchContext } from './context.js';
import { Session } from './session/session.js';
import type { SessionState } from './session/session-state.js';
import type { CheckedCommon } from './validate.js';

/** A session that does not stand yet. */
export interface Accepting {
  readonly session: Session;
  readonly inbound: Inbound;
}

/**
 * Makes the session; the caller starts it.
 * @param negotiated called once, never from inside of `start`
 * @param moved where the connection stands; null: nothing has been said on it yet
 * @throws what a provider throws that can't answer what a session asks
 */
export function acceptingSession(
  context: SwitchContext,
  companion: Companion,
  request: CheckedCommon,
  peer: Pick<SocketAddress, 'address' | 'port'>,
  negotiated: (error: Error | null, code: WsaCode) => void,
  moved: Moved | null = null,
): Accepting {
  const inbound = new Inbound(request.handlers, request);
  if (moved !== null) inbound.restore(moved.stream);
  const state = (moved?.transport.state ?? null) as SessionState | null;
  const session = new Session({
    provider: companion.provider,
    socket: companion.socket,
    handle: companion.handle,
    role: state?.role ?? 'accepting',
    state,
    events: inbound,
    highWaterMarkBytes: request.highWaterMarkBytes,
    lend: inbound.borrows,
    peer: { address: peer.address, port: peer.port },
    negotiationTimeoutMs: context.config.negotiationTimeoutMs,
    resumeTimeoutMs: context.config.resumeTimeoutMs,
    negotiated,
  });
  companion.session = session;
  return { session, inbound };
}
