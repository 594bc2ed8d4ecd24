/**
 * The companion socket (rules 2.4 to 2.9): the SAN socket beside the application's. This class makes the downcalls of its
 * life up to the session, which takes the socket over, and keeps its place in the provider's handle table to the end.
 */
import type { ProviderFaultError } from '../errors.js';
import type { SocketOptionName } from '../socket/stream-socket.js';
import { NO_ERROR, WSAECONNABORTED, WSAENOPROTOOPT, WSAEWOULDBLOCK, type WsaCode } from '../spi/codes.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  AF_INET,
  AF_INET6,
  IPPROTO_TCP,
  type NetworkEvents,
  NO_SOCKET,
  SOCK_STREAM,
  type Socket,
  type SocketAddress,
  type WsaEvent,
} from '../spi/types.js';
import { failureOf, isWsaError, resultOf, StepFailure, statusOf } from './downcalls.js';
import type { HandleOwner } from './handles.js';
import { REPLAYED } from './options.js';
import type { RunningProvider } from './running-provider.js';
import type { Session } from './session/session.js';
import type { HeldPort } from './source.js';

/** An event of a companion, handled outside of the provider's code: `set` may be called from any point of that. */
class CompanionEvent implements WsaEvent {
  private queued = false;
  private readonly handle: () => void;

  constructor(handle: () => void) {
    this.handle = handle;
  }

  set(): void {
    if (this.queued) return;
    this.queued = true;
    process.nextTick(fire, this);
  }

  fire(): void {
    this.queued = false;
    this.handle();
  }
}

function fire(event: CompanionEvent): void {
  event.fire();
}

/** One companion socket. */
export class Companion implements HandleOwner {
  readonly provider: RunningProvider;
  /** The provider's descriptor; downcalls carry it. */
  socket: Socket = -1;
  /** The switch's descriptor; upcalls carry it. */
  handle: Socket = -1;
  /** Has taken the socket over, once there is one. */
  session: Session | null = null;
  /** Called when the provider broke the SPI before there is a session. */
  onFault: ((failure: StepFailure) => void) | null = null;
  /** What is held for the socket (port, descriptor) until the provider has released it. */
  held: HeldPort | null = null;
  private closed = false;

  private constructor(provider: RunningProvider) {
    this.provider = provider;
  }

  /**
   * `WSPSocket`, during which the provider calls `WPUCreateSocketHandle` (rule 2.4).
   * @param context of a socket that was handed over (rule 8.1), which connects by itself
   * @throws StepFailure
   */
  static create(provider: RunningProvider, family: 4 | 6, context?: unknown): Companion {
    const companion = new Companion(provider);
    const { spi, handles, fault } = provider;
    const made = resultOf('WSPSocket', 'socket-failed', fault, () =>
      handles.creating(
        companion,
        () => spi.WSPSocket(family === 4 ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_TCP, context),
        (socket) => socket,
      ),
    );
    companion.socket = made.result;
    companion.handle = made.handle;
    return companion;
  }

  /** `WSPBind` with the address and port that the application's socket has (rule 2.5). @throws StepFailure */
  bind(address: SocketAddress): void {
    this.demand('WSPBind', 'bind-failed', () => this.provider.spi.WSPBind(this.socket, address));
  }

  /** Rule 2.6: what the application has set on its socket, each as far as the provider supports it. @throws StepFailure */
  replay(remembered: ReadonlyMap<SocketOptionName, unknown>): void {
    for (const [name, value] of remembered) {
      const place = REPLAYED[name];
      if (place !== undefined) this.setOption(place.level, place.name, value);
    }
  }

  /** `WSPSetSockOpt`. @returns whether the provider knows the option @throws StepFailure for any other refusal */
  setOption(level: number, name: number, value: unknown): boolean {
    const code = statusOf('WSPSetSockOpt', 'option-failed', this.provider.fault, () =>
      this.provider.spi.WSPSetSockOpt(this.socket, level, name, value),
    );
    if (code !== NO_ERROR && code !== WSAENOPROTOOPT) throw new StepFailure('option-failed', code);
    return code === NO_ERROR;
  }

  /** `WSPEventSelect`: `happened` is called in a turn of its own. @throws StepFailure */
  select(mask: number, happened: () => void): void {
    const event = new CompanionEvent(() => {
      // The session has selected its own, and nothing is asked of a closed socket.
      if (!this.closed && this.session === null) happened();
    });
    this.demand('WSPEventSelect', 'select-failed', () => this.provider.spi.WSPEventSelect(this.socket, event, mask));
  }

  /** `WSPEnumNetworkEvents`. @throws StepFailure */
  events(): NetworkEvents {
    const { spi, fault } = this.provider;
    return resultOf('WSPEnumNetworkEvents', 'events-failed', fault, () => {
      const events = spi.WSPEnumNetworkEvents(this.socket);
      if (typeof events?.events !== 'number') throw new TypeError(`it returned ${String(events)}`);
      return events;
    });
  }

  /** `WSPConnect`: its code, whatever it is. @throws StepFailure of a faulty provider, or one that says why it can't */
  connect(address: SocketAddress): WsaCode {
    const { spi, fault } = this.provider;
    return statusOf('WSPConnect', 'connect-failed', fault, () => spi.WSPConnect(this.socket, address));
  }

  /** `WSPListen`. @throws StepFailure */
  listen(backlog: number): void {
    this.demand('WSPListen', 'listen-failed', () => this.provider.spi.WSPListen(this.socket, backlog));
  }

  /**
   * `WSPAccept`; the accepted socket gets its own handle (rule 4.5).
   * @returns null: nobody waits; without a companion: the provider says that another owner has it
   * @throws StepFailure with the provider's code (WSAECONNREFUSED: rejected), or of a faulty provider
   */
  accept(condition: AcceptCondition): { companion: Companion | null; accepted: AcceptedSocket } | null {
    const { spi, handles, fault } = this.provider;
    const companion = new Companion(this.provider);
    let made: { handle: Socket; result: AcceptedSocket };
    try {
      made = handles.creating(
        companion,
        () => spi.WSPAccept(this.socket, condition),
        (result) => (result?.socket === NO_SOCKET ? null : result?.socket),
      );
    } catch (error) {
      // The ordinary end of a turn's accepts, not worth another error.
      if (isWsaError(error) && error.wsaCode === WSAEWOULDBLOCK) return null;
      throw failureOf('WSPAccept', 'accept-failed', fault, error);
    }
    if (made.handle === NO_SOCKET) return { companion: null, accepted: made.result };
    companion.socket = made.result.socket;
    companion.handle = made.handle;
    return { companion, accepted: made.result };
  }

  /** `WSPCloseSocket`: also cancels a connect (rule 3.8) and ends a listener. Idempotent; not for a session's socket. */
  close(): void {
    if (this.closed || this.session !== null) return;
    this.closed = true;
    const { spi, fault, handles } = this.provider;
    try {
      statusOf('WSPCloseSocket', 'close-failed', fault, () => spi.WSPCloseSocket(this.socket));
    } catch {
      // Counted; such a provider's last upcall can't be hoped for.
      handles.abandon(this.handle);
      this.released();
    }
  }

  /** Rule 7.2: the provider's last upcall. */
  handleClosed(): void {
    if (this.session !== null) {
      this.session.handleClosed();
      this.session = null;
      this.closed = true;
    } else if (!this.closed) {
      this.closed = true;
      this.faulted(this.provider.fault('WPUCloseSocketHandle for a socket that the switch has not closed'));
    }
    this.released();
  }

  /** See HandleOwner. */
  faulted(error: ProviderFaultError): void {
    if (this.session !== null) this.session.abort(error);
    else this.onFault?.(new StepFailure('provider-fault', WSAECONNABORTED, error.message));
  }

  private released(): void {
    const { held } = this;
    this.held = null;
    held?.release();
  }

  private demand(call: string, reason: string, run: () => WsaCode): void {
    const { fault } = this.provider;
    let code: WsaCode;
    let detail: string | undefined;
    const noting = (): WsaCode => {
      try {
        return run();
      } catch (error) {
        // What the provider says of its code goes into the decision record.
        if (isWsaError(error)) detail = error.message;
        throw error;
      }
    };
    try {
      code = statusOf(call, reason, fault, noting);
    } catch (error) {
      throw failureOf(call, reason, fault, error);
    }
    if (code !== NO_ERROR) throw new StepFailure(reason, code, detail);
  }
}
