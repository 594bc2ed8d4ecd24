/** A companion that listens (rules 4.1, 4.3 to 4.7): event-driven accepts, each of which becomes a session. */
import { isIPv4 } from 'node:net';
import { rethrowLater } from '../rethrow.js';
import type { Inbound } from '../socket/inbound.js';
import { WSAECONNREFUSED } from '../spi/codes.js';
import {
  type AcceptCondition,
  type AcceptedSocket,
  type CallerData,
  CF_ACCEPT,
  CF_REJECT,
  FD_ACCEPT,
  IPPROTO_IPV6,
  IPV6_V6ONLY,
  type OwnerKey,
  SO_TCP_LISTENER,
  SOL_SOCKET,
  type SocketAddress,
} from '../spi/types.js';
import { acceptingSession } from './accepting.js';
import { mapped } from './addresses.js';
import { Companion } from './companion.js';
import type { SwitchContext } from './context.js';
import { failureOf, StepFailure } from './downcalls.js';
import type { Caller } from './requests.js';
import { Roster } from './roster.js';
import type { RunningProvider } from './running-provider.js';
import type { Session } from './session/session.js';
import type { CheckedBeside } from './validate.js';

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
export interface Accepted<T> {
  readonly companion: Companion;
  readonly session: Session;
  readonly inbound: Inbound;
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  /** As the condition was told; null: nothing. */
  readonly tag: T | null;
}

/** A connection that another owner is to accept. */
export interface Redirected<T> {
  readonly remote: SocketAddress;
  readonly local: SocketAddress;
  /** The provider's word for it. */
  readonly connection: unknown;
  readonly tag: T;
}

/** What becomes of a caller. */
export interface Answer<T> {
  readonly condition: typeof CF_ACCEPT | { readonly owner: OwnerKey };
  /** The owner's own note of the caller; never null with another owner. */
  readonly tag: T | null;
}

/** Whom a listening companion tells. */
export interface SanListenerOwner<T> {
  /** Rule 4.3: asked before anything is said to the peer; null rejects it. May throw. */
  answer(caller: Caller): Answer<T> | null;
  accepted(accepted: Accepted<T>): void;
  redirected(redirected: Redirected<T>): void;
  /** A caller that was answered came to nothing. */
  withdrawn(tag: T): void;
  /** The companion can't go on. */
  failed(failure: StepFailure): void;
}

/** One listening companion. */
export class SanListener<T> {
  readonly provider: RunningProvider;
  private readonly context: SwitchContext;
  private readonly request: CheckedBeside;
  private readonly place: ListenPlace;
  private readonly owner: SanListenerOwner<T>;
  private readonly companion: Companion;
  /** Accepted, and their sessions do not stand yet. */
  private readonly negotiating = new Roster<Session>();
  private closed = false;
  private continues = false;
  /** What the caller was answered who is being accepted. */
  private answered: Answer<T> | null = null;
  /** The condition function, made once. */
  private readonly asking: AcceptCondition = (caller) => {
    this.answered = this.condition(caller);
    return this.answered?.condition ?? CF_REJECT;
  };

  /** Rules 2.4 to 2.9 for a listener. @throws StepFailure; the companion is closed then (rule 2.7) */
  constructor(
    context: SwitchContext,
    provider: RunningProvider,
    request: CheckedBeside,
    place: ListenPlace,
    owner: SanListenerOwner<T>,
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
      const taken = this.companion.accept(this.asking);
      if (taken === null) return false;
      const { companion, accepted } = taken;
      if (companion !== null) this.begin(companion, accepted, this.takeTag());
      else this.redirect(accepted);
      return true;
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      this.withdraw(this.takeTag());
      // The condition function rejected the caller, or it went away: the next one, please.
      if (error.code === WSAECONNREFUSED) return true;
      this.context.counters.of(this.provider.name).acceptFailures += 1;
      // A provider that breaks the SPI here might do so for ever: this turn is over, the next caller has a chance.
      return error.reason !== 'provider-fault';
    }
  }

  /** Rule 4.3. Whatever goes wrong in here, the provider gets an answer. */
  private condition(caller: CallerData): Answer<T> | null {
    try {
      const { remote, local, credentials } = caller;
      const provider = this.provider.name;
      const shown = { remote: this.shown(remote), local: this.shown(local), credentials, provider };
      const foreign = this.request.ipv6Only && isIPv4(caller.local.address);
      const answer = this.closed || foreign ? null : this.owner.answer(shown);
      if (answer !== null) return answer;
    } catch (error) {
      rethrowLater(error);
    }
    this.context.counters.of(this.provider.name).rejects += 1;
    return null;
  }

  private redirect({ remote, local, context }: AcceptedSocket): void {
    const { answered } = this;
    if (answered === null || answered.tag === null || answered.condition === CF_ACCEPT) {
      const { fault } = this.provider;
      throw failureOf('WSPAccept', 'accept-failed', fault, new Error('no socket, though nobody else was named'));
    }
    const tag = this.takeTag() as T;
    this.owner.redirected({ remote: this.shown(remote), local: this.shown(local), connection: context, tag });
  }

  private takeTag(): T | null {
    const tag = this.answered?.tag ?? null;
    this.answered = null;
    return tag;
  }

  private withdraw(tag: T | null): void {
    if (tag !== null) this.owner.withdrawn(tag);
  }

  /** Rules 4.6 and 3.6: the application gets the socket when its session stands. */
  private begin(companion: Companion, accepted: AcceptedSocket, tag: T | null): void {
    const { context, request } = this;
    const counters = context.counters.of(this.provider.name);
    const remote = this.shown(accepted.remote);
    const local = this.shown(accepted.local);
    try {
      // A provider need not pass on what the listener was told (rule 2.6).
      companion.replay(request.remembered);
      const { session, inbound } = acceptingSession(context, companion, request, remote, (error) => {
        this.negotiating.delete(session);
        if (error === null && !this.closed) {
          this.owner.accepted({ companion, session, inbound, remote, local, tag });
          return;
        }
        if (error !== null) counters.acceptFailures += 1;
        else session.abort(null);
        this.withdraw(tag);
      });
      this.negotiating.add(session);
      session.start();
    } catch (error) {
      this.provider.fault(`the session could not start: ${(error as Error).message}`, error);
      counters.acceptFailures += 1;
      companion.close();
      this.withdraw(tag);
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
