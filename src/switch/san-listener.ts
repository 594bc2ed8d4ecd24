/** A companion that listens (rules 4.1, 4.3 to 4.7): event-driven accepts, each of which becomes a session. */
import { isIPv4 } from 'node:net';
import { rethrowLater } from '../rethrow.js';
import { Inbound } from '../socket/inbound.js';
import { WSAECONNREFUSED } from '../spi/codes.js';
import {
  type AcceptedSocket,
  type CallerData,
  CF_ACCEPT,
  CF_REJECT,
  FD_ACCEPT,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  SO_TCP_LISTENER,
  SOL_SOCKET,
  type SocketAddress,
} from '../spi/types.js';
import { mapped } from './addresses.js';
import { Companion } from './companion.js';
import type { SwitchContext } from './context.js';
import { failureOf, StepFailure } from './downcalls.js';
import { Roster } from './roster.js';
import type { RunningProvider } from './running-provider.js';
import { Session } from './session/session.js';
import type { CheckedListen } from './validate.js';

/** Accepts in one go; then the event loop has its turn, so that a flood of callers starves nobody. */
const ACCEPTS_PER_TURN = 64;

/** Where a companion listens. */
export interface ListenPlace {
  /** The address of the TCP/IP listener, or its wildcard (rule 2.5). */
  readonly address: SocketAddress;
  /** The TCP/IP listener's descriptor; -1: unknown. */
  readonly descriptor: number;
  /** The listener is an IPv6 one: IPv4 callers are shown as IPv4-mapped, as TCP/IP shows them. */
  readonly showsMapped: boolean;
}

/** A connection that was accepted and whose session stands. */
export interface Accepted {
  readonly companion: Companion;
  readonly session: Session;
  readonly inbound: Inbound;
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
}

/** Whom a listening companion tells. */
export interface SanListenerOwner {
  /** Rule 4.3: asked before anything is said to the peer. May throw. */
  admits(caller: CallerData, provider: string): boolean;
  accepted(accepted: Accepted): void;
  /** The companion can't go on. */
  failed(failure: StepFailure): void;
}

/** One listening companion. */
export class SanListener {
  readonly provider: RunningProvider;
  private readonly context: SwitchContext;
  private readonly request: CheckedListen;
  private readonly place: ListenPlace;
  private readonly owner: SanListenerOwner;
  private readonly companion: Companion;
  /** Accepted, and their sessions do not stand yet. */
  private readonly negotiating = new Roster<Session>();
  private closed = false;
  private continues = false;

  /** Rules 2.4 to 2.9 for a listener. @throws StepFailure; the companion is closed then (rule 2.7) */
  constructor(
    context: SwitchContext,
    provider: RunningProvider,
    request: CheckedListen,
    place: ListenPlace,
    owner: SanListenerOwner,
  ) {
    this.context = context;
    this.provider = provider;
    this.request = request;
    this.place = place;
    this.owner = owner;
    const companion = Companion.create(provider, place.address.family);
    this.companion = companion;
    companion.onFault = (failure) => this.fail(failure);
    try {
      // Before the bind, as the system wants it of TCP sockets too.
      if (request.ipv6Only && place.address.family === 6) companion.setOption(IPPROTO_IPV6, IPV6_V6ONLY, true);
      companion.bind(place.address);
      companion.replay(request.remembered);
      if (place.descriptor >= 0) companion.setOption(SOL_SOCKET, SO_TCP_LISTENER, place.descriptor);
      companion.select(FD_ACCEPT, () => this.networkEvent());
      companion.listen(context.config.sanBacklog);
    } catch (error) {
      companion.close();
      throw failureOf('listening', 'listen-failed', provider.fault, error);
    }
  }

  /** Rule 4.7: what was accepted and is not handed over yet goes too. Idempotent. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.companion.close();
    for (const session of this.negotiating) session.abort(null);
  }

  private networkEvent(): void {
    try {
      if ((this.companion.events().events & FD_ACCEPT) !== 0) this.acceptSome();
    } catch (error) {
      this.fail(failureOf('WSPEnumNetworkEvents', 'events-failed', this.provider.fault, error));
    }
  }

  private acceptSome(): void {
    for (let count = 0; count < ACCEPTS_PER_TURN; count += 1) {
      if (this.closed || !this.acceptOne()) return;
    }
    if (this.continues) return;
    this.continues = true;
    setImmediate(() => {
      this.continues = false;
      this.acceptSome();
    });
  }

  /** @returns whether another caller may be waiting */
  private acceptOne(): boolean {
    try {
      const taken = this.companion.accept((caller) => this.condition(caller));
      if (taken !== null) this.begin(taken.companion, taken.accepted);
      return taken !== null;
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      // The condition function rejected the caller, or it went away: the next one, please.
      if (error.code === WSAECONNREFUSED) return true;
      this.context.counters.of(this.provider.name).acceptFailures += 1;
      // A provider that breaks the SPI here might do so for ever: this turn is over, the next caller has a chance.
      return error.reason !== 'provider-fault';
    }
  }

  /** Rule 4.3. Whatever goes wrong in here, the provider gets an answer. */
  private condition(caller: CallerData): typeof CF_ACCEPT | typeof CF_REJECT {
    try {
      const { remote, local, credentials } = caller;
      const shown = { remote: this.shown(remote), local: this.shown(local), credentials };
      const foreign = this.request.ipv6Only && isIPv4(caller.local.address);
      if (!this.closed && !foreign && this.owner.admits(shown, this.provider.name)) return CF_ACCEPT;
    } catch (error) {
      rethrowLater(error);
    }
    this.context.counters.of(this.provider.name).rejects += 1;
    return CF_REJECT;
  }

  /** Rules 4.6 and 3.6: the application gets the socket when its session stands. */
  private begin(companion: Companion, accepted: AcceptedSocket): void {
    const { context, request } = this;
    const counters = context.counters.of(this.provider.name);
    const remote = this.shown(accepted.remote);
    const local = this.shown(accepted.local);
    const inbound = new Inbound(request.handlers, request);
    try {
      const session: Session = new Session({
        provider: this.provider,
        socket: companion.socket,
        handle: companion.handle,
        role: 'accepting',
        events: inbound,
        highWaterMarkBytes: request.highWaterMarkBytes,
        lend: inbound.borrows,
        peer: { address: remote.address, port: remote.port },
        negotiationTimeoutMs: context.config.negotiationTimeoutMs,
        negotiated: (error) => {
          this.negotiating.delete(session);
          if (error !== null) counters.acceptFailures += 1;
          else if (this.closed) session.abort(null);
          else this.owner.accepted({ companion, session, inbound, remote, local });
        },
      });
      companion.session = session;
      this.negotiating.add(session);
      session.start();
    } catch (error) {
      this.provider.fault(`the session could not start: ${(error as Error).message}`, error);
      counters.acceptFailures += 1;
      companion.close();
    }
  }

  private shown(address: SocketAddress): SocketAddress {
    if (!this.place.showsMapped || address.family === 6) return address;
    return { family: 6, address: mapped(address.address), port: address.port };
  }

  private fail(failure: StepFailure): void {
    if (this.closed) return;
    this.close();
    this.owner.failed(failure);
  }
}
