/** One attempt to connect by one SAN provider (rules 2.4 to 2.9, 3.2 to 3.8): companion, connect, session. */
import { Inbound } from '../socket/inbound.js';
import {
  NO_ERROR,
  WSAECONNABORTED,
  WSAECONNREFUSED,
  WSAECONNRESET,
  WSAEHOSTUNREACH,
  WSAETIMEDOUT,
  WSAEWOULDBLOCK,
  type WsaCode,
  wsaName,
} from '../spi/codes.js';
import { FD_CONNECT, type SocketAddress } from '../spi/types.js';
import { type ParsedAddress, socketAddress } from './addresses.js';
import { Companion } from './companion.js';
import type { SwitchContext } from './context.js';
import { StepFailure } from './downcalls.js';
import type { Operation } from './operation.js';
import type { RunningProvider } from './running-provider.js';
import { Session } from './session/session.js';
import { bindSource, type SourceBinding, sourceAddress } from './source.js';
import type { CheckedConnect } from './validate.js';

/** A SAN connection whose session stands. */
export interface SanConnection {
  readonly companion: Companion;
  readonly session: Session;
  readonly inbound: Inbound;
  readonly source: SourceBinding;
  /** What the provider has to say about it; for the decision record. */
  readonly note: string | undefined;
}

/** The codes with which a provider promises that TCP/IP would fail too (rule 3.3). */
const PROMISES: ReadonlySet<WsaCode> = new Set([WSAECONNRESET, WSAECONNREFUSED, WSAEHOSTUNREACH]);

/** Whether TCP/IP is not to be tried after this failure (rule 3.3). */
export function isFinal(failure: StepFailure): boolean {
  return failure.promised && PROMISES.has(failure.code);
}

/** An attempt that failed, with what is left of it for TCP/IP. */
export class AttemptFailure extends Error {
  readonly failure: StepFailure;
  /** The bound TCP socket to fall back to (rule 2.5); the caller releases it. */
  readonly source: SourceBinding | null;

  constructor(failure: StepFailure, source: SourceBinding | null) {
    super(failure.message);
    this.failure = failure;
    this.source = source;
  }
}

/**
 * Tries one provider. Everything that the attempt had is given back when it fails or is cancelled.
 * @throws AttemptFailure; the operation's reason when it is cancelled
 */
export async function connectBySan(
  context: SwitchContext,
  provider: RunningProvider,
  request: CheckedConnect,
  destination: ParsedAddress,
  operation: Operation,
): Promise<SanConnection> {
  let source: SourceBinding | null = null;
  let companion: Companion | null = null;
  let note: string | undefined;
  try {
    const from = await sourceAddress(destination, request.localAddress, context.local);
    operation.check();
    // Rule 2.4. What follows up to WSPConnect happens in one go: bind, options, events, connect.
    companion = Companion.create(provider, destination.family);
    source = bindSource(from, request.localPort, provider.info.virtualPorts);
    companion.bind(socketAddress(from, source.port));
    companion.replay(request.remembered);
    const { sanConnectTimeoutMs } = context.config;
    note = await connected(companion, socketAddress(destination, request.port), sanConnectTimeoutMs, operation);
  } catch (error) {
    // Rules 2.7, 3.3, 3.8: the companion goes, promptly.
    companion?.close();
    const kept = error instanceof StepFailure && !operation.signal.aborted ? source : null;
    if (kept === null) source?.release();
    if (operation.signal.aborted) throw operation.signal.reason;
    if (error instanceof StepFailure) throw new AttemptFailure(error, kept);
    throw error;
  }
  const bound = source;
  // The port is the companion's as long as the provider keeps the socket.
  companion.onReleased = () => bound.release();
  const established = await negotiate(context, companion, request, operation);
  return { companion, ...established, source: bound, note };
}

/**
 * Kebab-case, and behind a colon what is for people. Reasons are keys of the counters: what a provider says is taken for
 * one only if it looks like one.
 */
function splitReason(reason: unknown): { word: string; detail?: string } {
  if (typeof reason !== 'string' || reason === '') return { word: 'connect-failed' };
  const [word, detail] = reason.split(/: (.*)/s) as [string, string?];
  return /^[a-z][a-z0-9-]{0,39}$/.test(word) ? { word, detail } : { word: 'connect-failed', detail: reason };
}

/** Rule 3.2: non-blocking; the outcome comes at once or with FD_CONNECT. @returns the provider's note @throws StepFailure */
function connected(
  companion: Companion,
  destination: SocketAddress,
  timeoutMs: number,
  operation: Operation,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const { signal } = operation;
    const cancelled = (): void => settle(() => reject(signal.reason));
    // Rule 3.5: a provider that does not make up its mind must not keep the application waiting.
    const expire = (): void => {
      settle(() => reject(new StepFailure('connect-timed-out', WSAETIMEDOUT, `no outcome after ${timeoutMs} ms`)));
    };
    // If it was this thread that had no time, the outcome may be there and unseen: two turns of the loop show it.
    const timer = setTimeout(() => setImmediate(() => setImmediate(expire)), timeoutMs);
    let settled = false;
    const settle = (outcome: () => void): void => {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      signal.removeEventListener('abort', cancelled);
      companion.onFault = null;
      outcome();
    };
    const outcome = (code: WsaCode, reason?: string): void => {
      if (code === NO_ERROR) return settle(() => resolve(reason));
      const { word, detail } = splitReason(reason);
      settle(() => reject(new StepFailure(word, code, detail ?? wsaName(code), true)));
    };
    signal.addEventListener('abort', cancelled, { once: true });
    companion.onFault = (failure) => settle(() => reject(failure));
    try {
      companion.select(FD_CONNECT, () => {
        try {
          const { events, connectError, connectReason } = companion.events();
          if ((events & FD_CONNECT) !== 0) outcome(connectError, connectReason);
        } catch (error) {
          settle(() => reject(error));
        }
      });
      const code = companion.connect(destination);
      if (code !== WSAEWOULDBLOCK) outcome(code);
    } catch (error) {
      settle(() => reject(error));
    }
  });
}

/**
 * Rule 3.6. A session that fails before it stands is no promise about TCP/IP, whatever the code: the provider did connect.
 * @throws AttemptFailure; the operation's reason
 */
async function negotiate(
  context: SwitchContext,
  companion: Companion,
  request: CheckedConnect,
  operation: Operation,
): Promise<{ session: Session; inbound: Inbound }> {
  const inbound = new Inbound(request.handlers, request);
  const { signal } = operation;
  let cancelled: (() => void) | undefined;
  try {
    const session = await new Promise<Session>((resolve, reject) => {
      const made = new Session({
        provider: companion.provider,
        socket: companion.socket,
        handle: companion.handle,
        role: 'connecting',
        events: inbound,
        highWaterMarkBytes: request.highWaterMarkBytes,
        lend: inbound.borrows,
        peer: { address: request.host, port: request.port },
        negotiationTimeoutMs: context.config.negotiationTimeoutMs,
        negotiated: (error, code) => {
          if (error === null) resolve(made);
          else reject(new StepFailure('negotiation-failed', code === NO_ERROR ? WSAECONNABORTED : code, error.message));
        },
      });
      companion.session = made;
      cancelled = () => made.abort(null);
      signal.addEventListener('abort', cancelled, { once: true });
      made.start();
    });
    if (signal.aborted) {
      session.abort(null);
      throw signal.reason;
    }
    return { session, inbound };
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof StepFailure) throw new AttemptFailure(error, null);
    // A provider that can't even answer what a session asks of it at its start.
    const fault = companion.provider.fault(`the session could not start: ${(error as Error).message}`, error);
    companion.close();
    throw new AttemptFailure(new StepFailure('provider-fault', WSAECONNABORTED, fault.message), null);
  } finally {
    if (cancelled !== undefined) signal.removeEventListener('abort', cancelled);
  }
}
