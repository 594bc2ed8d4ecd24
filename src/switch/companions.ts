/** The companions beside one TCP/IP listener (rule 4.1), and what becomes of their callers: sockets here or on other threads. */
import type { AddressInfo } from 'node:net';
import { ProviderFaultError, ProviderRequiredError } from '../errors.js';
import { rethrowLater } from '../rethrow.js';
import type { Ends, SwitchSocket } from '../socket/socket.js';
import { CF_ACCEPT, type SocketAddress } from '../spi/types.js';
import { isWildcard, type ParsedAddress, parseAddress } from './addresses.js';
import { record, type SwitchContext } from './context.js';
import { type DecisionCandidate, DecisionDraft, type DecisionRecord, explainDecision } from './decisions.js';
import { StepFailure } from './downcalls.js';
import { establish } from './establish.js';
import { SanOptions } from './options.js';
import type { SocketHandOver } from './owner.js';
import { Policy } from './policy.js';
import type { Caller, Placed } from './requests.js';
import type { RunningProvider } from './running-provider.js';
import { type Accepted, type Answer, type Redirected, SanListener } from './san-listener.js';
import type { CheckedBeside } from './validate.js';

/** Most callers' answer. */
const HERE: Answer<never> = { condition: CF_ACCEPT, tag: null };

/** The TCP/IP listener. */
export interface ListenerPlace {
  readonly address: AddressInfo;
  /** Its descriptor; -1: unknown. */
  readonly descriptor: number;
}

/** Whom the companions tell. `tag` is what `place` gave; null: it gave none. None of these may be left out for one caller. */
export interface CompanionsOwner<T> {
  /** Rule 4.3: asked once per caller, before anything is said to it. False rejects it, null: it is served here. May throw. */
  place(caller: Caller): false | null | Placed<T>;
  connected(socket: SwitchSocket, tag: T | null): void;
  handedOver(connection: SocketHandOver, tag: T): void;
  /** A caller that had been placed came to nothing. */
  withdrawn(tag: T): void;
  /** A companion can't go on. */
  failed(error: Error): void;
}

function endsOf(remote: SocketAddress, local: SocketAddress): Ends {
  return {
    localAddress: local.address,
    localPort: local.port,
    remoteAddress: remote.address,
    remotePort: remote.port,
    family: remote.family === 6 ? 'IPv6' : 'IPv4',
  };
}

/** A companion that listens. */
interface Listening<T> {
  readonly listener: SanListener<T>;
  readonly provider: RunningProvider;
  /** An IPv6 one takes IPv4 as well unless the application does not want that. */
  readonly family: 4 | 6;
}

/** The companions of one listener. */
export class CompanionSet<T> {
  private readonly context: SwitchContext;
  private readonly request: CheckedBeside;
  private readonly place: ListenerPlace;
  private readonly owner: CompanionsOwner<T>;
  private readonly policy: Policy;
  private readonly listeners: Listening<T>[] = [];
  /** Providers that could not go on, which the owner has been told. */
  private readonly lost = new Set<RunningProvider>();
  private decided: DecisionRecord | null = null;

  constructor(context: SwitchContext, request: CheckedBeside, place: ListenerPlace, owner: CompanionsOwner<T>) {
    this.context = context;
    this.request = request;
    this.place = place;
    this.owner = owner;
    this.policy = request.ruling === undefined ? context.policy : new Policy(context.config.demanded, request.ruling);
  }

  /**
   * Rule 4.1: a companion on each provider that serves the address.
   * @param draft of the listener's decision @throws ProviderRequiredError; nothing listens then
   */
  open(draft: DecisionDraft): void {
    const { context } = this;
    this.consider(draft);
    const missing = this.policy.takesTcp ? undefined : this.missingProvider();
    const { address, port } = this.place.address;
    this.decided = record(context, draft, missing === undefined ? 'tcp' : null, port);
    if (missing === undefined) return;
    this.close();
    const error = new ProviderRequiredError(
      `the configuration demands ${missing} for listening on ${address}:${port}: ${explainDecision(this.decided)}`,
      { syscall: 'listen', address, port },
    );
    error.decision = this.decided;
    throw error;
  }

  /** The listener's decision, as it is by now. */
  get decision(): DecisionRecord {
    return this.decided as DecisionRecord;
  }

  /** Rule 1.3: a companion on each provider that has come to serve the address. It is a decision of its own if it is another. */
  addressesChanged(): void {
    const { address, port, candidates } = this.decision;
    const draft = new DecisionDraft('listen', address, port);
    this.consider(draft);
    const words = (list: readonly DecisionCandidate[]) => list.map(({ provider, reason }) => `${provider} ${reason}`);
    if (words(candidates).join() !== words(draft.candidates).join()) this.decided = record(this.context, draft, 'tcp');
  }

  /** Callers that are not handed over yet see a refusal or a reset. Idempotent. */
  close(): void {
    for (const { listener } of this.listeners.splice(0)) listener.close();
  }

  private consider(draft: DecisionDraft): void {
    const { context } = this;
    draft.candidates.push(...context.leftOut);
    draft.add('tcp', 'chosen', 'owns-the-port');
    for (const provider of context.running) {
      if (this.request.withheld !== undefined) draft.add(provider.name, 'not-serving', this.request.withheld);
      else if (this.lost.has(provider)) draft.add(provider.name, 'failed', 'provider-fault', provider.lastFault);
      else {
        const objection = this.policy.objection(provider.name);
        if (objection === null) this.add(provider, draft);
        else draft.add(provider.name, 'not-serving', objection.reason, objection.detail);
      }
    }
  }

  /** A demanded provider whose companion does not listen. */
  private missingProvider(): string | undefined {
    return [...this.policy.demanded].find((name) => {
      return !this.listeners.some(({ provider }) => provider.name === name);
    });
  }

  private add(provider: RunningProvider, draft: DecisionDraft): void {
    const { context, request } = this;
    const bound = parseAddress(this.place.address.address) as ParsedAddress;
    const dual = bound.family === 6 && isWildcard(bound) && !request.ipv6Only;
    const family = context.routes.listenFamily(provider, bound, dual);
    if (family === null) {
      // A companion from before goes on listening, for when its provider serves the address again.
      draft.add(provider.name, 'not-serving', 'no-subnet');
      return;
    }
    const there = this.listeners.filter((one) => one.provider === provider);
    if (there.some((one) => one.family === family || (dual && one.family === 6))) {
      draft.add(provider.name, 'chosen', 'listens');
      return;
    }
    // IPv4 has its companion already, from before IPv6 was served.
    const own = there.length > 0 ? { ...request, ipv6Only: true } : request;
    try {
      const listener = this.listen(provider, own, family, family === bound.family ? bound.address : '0.0.0.0');
      this.listeners.push({ listener, provider, family });
      draft.add(provider.name, 'chosen', 'listens');
    } catch (error) {
      // Rule 2.7: TCP/IP carries on alone.
      if (!(error instanceof StepFailure)) throw error;
      draft.add(provider.name, 'failed', error.reason, error.detail);
    }
  }

  /** @throws StepFailure */
  private listen(provider: RunningProvider, request: CheckedBeside, family: 4 | 6, address: string): SanListener<T> {
    const { port, family: shown } = this.place.address;
    const { descriptor } = this.place;
    const place = { address: { family, address, port }, descriptor, showsMapped: shown === 'IPv6' };
    const listener: SanListener<T> = new SanListener<T>(this.context, provider, request, place, {
      answer: (caller) => this.answer(provider, caller),
      accepted: (accepted) => this.accepted(provider, accepted),
      redirected: (redirected) => this.redirected(provider, redirected),
      withdrawn: (tag) => this.owner.withdrawn(tag),
      failed: (failure) => this.failed(listener, failure),
    });
    return listener;
  }

  /** Rule 4.3. A provider that hands nothing over serves the caller here, whoever was named. */
  private answer(provider: RunningProvider, caller: Caller): Answer<T> | null {
    const placed = this.owner.place(caller);
    if (placed === false) return null;
    const { owners } = this.context;
    if (placed === null) return HERE;
    const key = placed.owner === owners.own ? undefined : owners.keyFor(provider, placed.owner);
    return { condition: key === undefined ? CF_ACCEPT : { owner: key }, tag: placed.tag };
  }

  private decisionFor(provider: RunningProvider, { address, port }: SocketAddress, reason: string): DecisionRecord {
    const draft = new DecisionDraft('accept', address, port);
    draft.localPortKind = 'real';
    draft.add(provider.name, 'chosen', reason);
    return record(this.context, draft, provider.name);
  }

  private accepted(provider: RunningProvider, accepted: Accepted<T>): void {
    const { companion, session, inbound, remote, local, tag } = accepted;
    const { context, request } = this;
    context.counters.of(provider.name).accepts += 1;
    const socket = establish(context, {
      transport: session,
      inbound,
      ends: endsOf(remote, local),
      decision: this.decisionFor(provider, local, 'arrived'),
      highWaterMarkBytes: request.highWaterMarkBytes,
      options: new SanOptions(companion, request.remembered),
    });
    this.tell(() => this.owner.connected(socket, tag));
  }

  private redirected(provider: RunningProvider, { remote, local, connection, tag }: Redirected<T>): void {
    const handedOver: SocketHandOver = {
      provider: provider.name,
      context: connection,
      ends: endsOf(remote, local),
      decision: this.decisionFor(provider, local, 'redirected'),
      remembered: this.request.remembered,
      port: null,
      moved: null,
    };
    this.tell(() => this.owner.handedOver(handedOver, tag));
  }

  private failed(listener: SanListener<T>, failure: StepFailure): void {
    const at = this.listeners.findIndex((one) => one.listener === listener);
    this.listeners.splice(at, 1);
    this.lost.add(listener.provider);
    const { name } = listener.provider;
    const error = new ProviderFaultError(`provider ${name} no longer listens: ${failure.message}`);
    this.tell(() => this.owner.failed(error));
  }

  private tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      rethrowLater(error);
    }
  }
}
