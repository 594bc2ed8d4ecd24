/** Taking over a connection that another thread has handed over (rule 8.1): companion from its context, session, socket. */
import { InvalidOptionError } from '../errors.js';
import type { Inbound } from '../socket/inbound.js';
import type { SwitchSocket } from '../socket/socket.js';
import { NO_ERROR, nodeError, WSAECONNABORTED, WSAETIMEDOUT, type WsaCode } from '../spi/codes.js';
import { acceptingSession } from './accepting.js';
import { adoptMovedTcp } from './adopt-tcp.js';
import { Attempt } from './attempt.js';
import { Companion } from './companion.js';
import type { SwitchContext } from './context.js';
import { StepFailure } from './downcalls.js';
import { establish } from './establish.js';
import { Operation } from './operation.js';
import { SanOptions } from './options.js';
import type { SocketHandOver } from './owner.js';
import type { RunningProvider } from './running-provider.js';
import type { Session } from './session/session.js';
import { AdoptedPort } from './source.js';
import type { CheckedCommon } from './validate.js';

/** The provider's time is 2 s; one that does not keep to it is not waited for. */
const ADOPT_TIMEOUT_MS = 3_000;

/**
 * Adopts a connection. Rejects with ETIMEDOUT (the peer did not come), ECONNRESET, ECONNABORTED, the session's error, or the
 * operation's reason when it is cancelled.
 * @throws AbortError, InvalidOptionError (a provider that does not run here)
 */
export function adopt(
  context: SwitchContext,
  connection: SocketHandOver,
  request: CheckedCommon,
): Promise<SwitchSocket> {
  if (connection.provider === 'tcp') return adoptMovedTcp(context, connection, request);
  const provider = context.running.find(({ name }) => name === connection.provider);
  if (provider === undefined) {
    throw new InvalidOptionError(`a connection of provider ${connection.provider}, which does not run on this thread`);
  }
  const operation = new Operation(context.operations, request.signal);
  return new Promise<SwitchSocket>((resolve, reject) => {
    new Adoption(context, provider, connection, request, operation, resolve, reject).begin();
  }).finally(() => operation.end());
}

/** One connection on its way in. */
class Adoption extends Attempt {
  private readonly connection: SocketHandOver;
  private readonly request: CheckedCommon;
  private readonly resolve: (socket: SwitchSocket) => void;
  private readonly reject: (error: unknown) => void;

  constructor(
    context: SwitchContext,
    provider: RunningProvider,
    connection: SocketHandOver,
    request: CheckedCommon,
    operation: Operation,
    resolve: (socket: SwitchSocket) => void,
    reject: (error: unknown) => void,
  ) {
    super(context, provider, operation);
    this.connection = connection;
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
  }

  begin(): void {
    const { provider, connection } = this;
    const port = connection.port === null ? null : new AdoptedPort(connection.port);
    try {
      const companion = Companion.create(provider, connection.ends.family === 'IPv6' ? 6 : 4, connection.context);
      this.companion = companion;
      companion.held = port;
      this.operation.onCancel(this.cancelled);
      this.timer = setTimeout(() => this.failed(new StepFailure('adopt-timed-out', WSAETIMEDOUT)), ADOPT_TIMEOUT_MS);
      companion.replay(connection.remembered);
      this.select(companion);
    } catch (error) {
      if (this.companion === null) port?.release();
      this.failed(error);
    }
  }

  protected outcome(code: WsaCode, reason?: string): void {
    if (this.decided) return;
    if (code !== NO_ERROR) throw new StepFailure('adopt-failed', code, reason);
    this.decide();
    this.negotiate(this.companion as Companion);
  }

  protected failed(error: unknown): void {
    if (this.decided) return;
    this.decide();
    this.companion?.close();
    this.over(error instanceof StepFailure ? this.edge(error.code) : error);
  }

  /** Rule 3.6, for a connection on which nothing has been said yet; 8.1 for any other. */
  private negotiate(companion: Companion): void {
    const { ends, moved } = this.connection;
    const peer = { address: ends.remoteAddress, port: ends.remotePort };
    try {
      const negotiated = (error: Error | null): void => {
        if (error === null) this.established(companion, made.session, made.inbound);
        else this.over(error);
      };
      const made = acceptingSession(this.context, companion, this.request, peer, negotiated, moved);
      this.session = made.session;
      made.session.start();
    } catch (error) {
      const fault = this.provider.fault(`the session could not start: ${(error as Error).message}`, error);
      companion.close();
      this.over(fault);
    }
  }

  private established(companion: Companion, session: Session, inbound: Inbound): void {
    const { context, connection, request, provider } = this;
    if (connection.moved === null) context.counters.of(provider.name).accepts += 1;
    const socket = establish(context, {
      transport: session,
      inbound,
      ends: connection.ends,
      decision: connection.decision,
      highWaterMarkBytes: request.highWaterMarkBytes,
      options: new SanOptions(companion, connection.remembered),
      moved: connection.moved,
    });
    this.resolve(socket);
  }

  private over(error: unknown): void {
    if (this.connection.moved === null) this.context.counters.of(this.provider.name).acceptFailures += 1;
    this.reject(this.operation.cancelled ? this.operation.reason : error);
  }

  private edge(code: WsaCode): Error {
    const { remoteAddress: address, remotePort: port } = this.connection.ends;
    const syscall = this.connection.moved === null ? 'accept' : 'read';
    return nodeError(code === NO_ERROR ? WSAECONNABORTED : code, { syscall, address, port });
  }
}
