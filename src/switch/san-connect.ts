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
import { type ParsedAddress, socketAddress } from './addresses.js';
import { Attempt } from './attempt.js';
import { Companion } from './companion.js';
import type { SwitchContext } from './context.js';
import { StepFailure } from './downcalls.js';
import type { Operation } from './operation.js';
import type { RunningProvider } from './running-provider.js';
import { Session } from './session/session.js';
import { bindSource, type SourceBinding, sourceAddress } from './source.js';
import type { CheckedConnect } from './validate.js';

/** A SAN connection whose session stands. A class, see LITERALS in `session/session-core.ts`. */
export class SanConnection {
  readonly companion: Companion;
  readonly session: Session;
  readonly inbound: Inbound;
  readonly source: SourceBinding;
  /** What the provider has to say about it; for the decision record. */
  readonly note: string | undefined;

  constructor(
    companion: Companion,
    session: Session,
    inbound: Inbound,
    source: SourceBinding,
    note: string | undefined,
  ) {
    this.companion = companion;
    this.session = session;
    this.inbound = inbound;
    this.source = source;
    this.note = note;
  }
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
 * Kebab-case, and behind a colon what is for people. Reasons are keys of the counters: what a provider says is taken for
 * one only if it looks like one.
 */
function splitReason(reason: unknown): { word: string; detail?: string } {
  if (typeof reason !== 'string' || reason === '') return { word: 'connect-failed' };
  const [word, detail] = reason.split(/: (.*)/s) as [string, string?];
  return /^[a-z][a-z0-9-]{0,39}$/.test(word) ? { word, detail } : { word: 'connect-failed', detail: reason };
}

/**
 * Tries one provider. Everything that the attempt had is given back when it fails or is cancelled.
 * @throws AttemptFailure; the operation's reason when it is cancelled
 */
export function connectBySan(
  context: SwitchContext,
  provider: RunningProvider,
  request: CheckedConnect,
  destination: ParsedAddress,
  operation: Operation,
): Promise<SanConnection> {
  return new Promise((resolve, reject) => {
    new SanAttempt(context, provider, request, destination, operation, resolve, reject).begin();
  });
}

/** One attempt to connect. */
class SanAttempt extends Attempt {
  private readonly request: CheckedConnect;
  private readonly destination: ParsedAddress;
  private readonly resolve: (connection: SanConnection) => void;
  private readonly reject: (error: unknown) => void;
  private source: SourceBinding | null = null;
  private note: string | undefined;

  constructor(
    context: SwitchContext,
    provider: RunningProvider,
    request: CheckedConnect,
    destination: ParsedAddress,
    operation: Operation,
    resolve: (connection: SanConnection) => void,
    reject: (error: unknown) => void,
  ) {
    super(context, provider, operation);
    this.request = request;
    this.destination = destination;
    this.resolve = resolve;
    this.reject = reject;
  }

  /** Chooses the source address, which the system may have to be asked for. */
  begin(): void {
    try {
      const from = sourceAddress(this.destination, this.request.localAddress, this.context.local);
      if (from instanceof Promise) {
        from.then(
          (address) => this.connect(address),
          (error) => this.failed(error),
        );
      } else this.connect(from);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Rules 2.4 to 2.9, 3.2: bind, options, events, connect in one go; the outcome comes at once or with FD_CONNECT. */
  private connect(from: ParsedAddress): void {
    const { provider, request, destination, operation } = this;
    try {
      operation.check();
      const companion = Companion.create(provider, destination.family);
      this.companion = companion;
      const source = bindSource(from, request.localPort, provider.info.virtualPorts);
      this.source = source;
      companion.bind(socketAddress(from, source.port));
      companion.replay(request.remembered);
      operation.onCancel(this.cancelled);
      this.limit(this.context.config.sanConnectTimeoutMs);
      this.select(companion);
      const code = companion.connect(socketAddress(destination, request.port));
      if (code !== WSAEWOULDBLOCK) this.outcome(code);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Rule 3.5: a provider that does not make up its mind must not keep the application waiting. */
  private limit(timeoutMs: number): void {
    const expire = (): void => {
      this.failed(new StepFailure('connect-timed-out', WSAETIMEDOUT, `no outcome after ${timeoutMs} ms`));
    };
    // If it was this thread that had no time, the outcome may be there and unseen: two turns of the loop show it.
    this.timer = setTimeout(() => setImmediate(() => setImmediate(expire)), timeoutMs);
  }

  protected outcome(code: WsaCode, reason?: string): void {
    if (this.decided) return;
    if (code === NO_ERROR) {
      this.decide();
      this.note = reason;
      this.negotiate();
      return;
    }
    const { word, detail } = splitReason(reason);
    this.failed(new StepFailure(word, code, detail ?? wsaName(code), true));
  }

  /** Rules 2.7, 3.3, 3.8: the companion goes, promptly. */
  protected failed(error: unknown): void {
    if (this.decided) return;
    this.decide();
    const { operation, source } = this;
    operation.forget(this.cancelled);
    this.companion?.close();
    const kept = error instanceof StepFailure && !operation.cancelled ? source : null;
    if (kept === null) source?.release();
    if (operation.cancelled) this.reject(operation.reason);
    else this.reject(error instanceof StepFailure ? new AttemptFailure(error, kept) : error);
  }

  /**
   * Rule 3.6. A session that fails before it stands is no promise about TCP/IP, whatever the code: the provider did
   * connect.
   */
  private negotiate(): void {
    const { context, request } = this;
    const companion = this.companion as Companion;
    const source = this.source as SourceBinding;
    // The port is the companion's as long as the provider keeps the socket.
    companion.held = source;
    const inbound = new Inbound(request.handlers, request);
    try {
      const session = new Session({
        provider: companion.provider,
        socket: companion.socket,
        handle: companion.handle,
        role: 'connecting',
        events: inbound,
        highWaterMarkBytes: request.highWaterMarkBytes,
        lend: inbound.borrows,
        peer: { address: request.host, port: request.port },
        negotiationTimeoutMs: context.config.negotiationTimeoutMs,
        resumeTimeoutMs: context.config.resumeTimeoutMs,
        negotiated: (error, code) => this.negotiated(inbound, error, code),
      });
      this.session = session;
      companion.session = session;
      session.start();
    } catch (error) {
      // A provider that can't even answer what a session asks of it at its start.
      const fault = companion.provider.fault(`the session could not start: ${(error as Error).message}`, error);
      companion.close();
      this.over(new AttemptFailure(new StepFailure('provider-fault', WSAECONNABORTED, fault.message), null));
    }
  }

  private negotiated(inbound: Inbound, error: Error | null, code: WsaCode): void {
    if (error !== null) {
      const cause = code === NO_ERROR ? WSAECONNABORTED : code;
      this.over(new AttemptFailure(new StepFailure('negotiation-failed', cause, error.message), null));
      return;
    }
    this.operation.forget(this.cancelled);
    const { companion, session, source, note } = this;
    this.resolve(new SanConnection(companion as Companion, session as Session, inbound, source as SourceBinding, note));
  }

  private over(failure: AttemptFailure): void {
    this.operation.forget(this.cancelled);
    this.reject(this.operation.cancelled ? this.operation.reason : failure);
  }
}
