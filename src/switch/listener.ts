/** Listening (section 4): the TCP/IP listener that owns the port, its companions, and the one stream of accepted sockets. */
import type { AddressInfo, Socket as PlatformSocket } from 'node:net';
import { ProviderFaultError, ProviderRequiredError } from '../errors.js';
import { rethrowLater } from '../rethrow.js';
import { Inbound } from '../socket/inbound.js';
import type { Ends, SwitchSocket } from '../socket/socket.js';
import type { CallerData } from '../spi/types.js';
import { isWildcard, type ParsedAddress, parseAddress } from './addresses.js';
import { record, type SwitchContext } from './context.js';
import { DecisionDraft, type DecisionRecord, explainDecision } from './decisions.js';
import { StepFailure } from './downcalls.js';
import { endsOf, handOver } from './hand-over.js';
import { Operation } from './operation.js';
import { SanOptions, TcpOptions } from './options.js';
import type { RunningProvider } from './running-provider.js';
import { type Accepted, SanListener } from './san-listener.js';
import type { CheckedListen } from './validate.js';

type TcpListener = Awaited<ReturnType<SwitchContext['tcp']['listen']>>;
type Connected = (socket: SwitchSocket) => void;

/** A listener as the switch keeps it; the application sees the part that `Listener` describes. */
export class SwitchListener {
  private readonly context: SwitchContext;
  private readonly request: CheckedListen;
  private readonly connected: Connected;
  private readonly tcp: TcpListener;
  private readonly companions: SanListener[] = [];
  private decided: DecisionRecord | null = null;
  private closing: Promise<void> | null = null;

  private constructor(context: SwitchContext, request: CheckedListen, connected: Connected, tcp: TcpListener) {
    this.context = context;
    this.request = request;
    this.connected = connected;
    this.tcp = tcp;
  }

  /**
   * Rule 4.1: TCP/IP listens first, always.
   * @throws its errors (EADDRINUSE, EADDRNOTAVAIL: rule 2.0); ProviderRequiredError; the reason of a cancellation
   */
  static async open(context: SwitchContext, request: CheckedListen, connected: Connected): Promise<SwitchListener> {
    const operation = new Operation(context.operations, request.signal);
    const draft = new DecisionDraft('listen', request.host ?? '', request.port);
    draft.candidates.push(...context.leftOut);
    const early: PlatformSocket[] = [];
    let listener: SwitchListener | null = null;
    try {
      const tcp = await operation.race(
        context.tcp.listen({
          ...request,
          arrived: (socket) => (listener === null ? early.push(socket) : listener.arrived(socket)),
          failed: (error) => request.failed?.(error),
        }),
        (late) => late.server.close(),
      );
      listener = new SwitchListener(context, request, connected, tcp);
      listener.addCompanions(draft);
      context.listeners.add(listener);
      for (const socket of early) listener.arrived(socket);
      return listener;
    } catch (error) {
      if (listener === null) {
        draft.add('tcp', 'failed', operation.cancelled ? 'cancelled' : 'listen-failed', (error as Error).message);
        record(context, draft, null);
      }
      throw error;
    } finally {
      operation.end();
    }
  }

  address(): AddressInfo {
    return this.tcp.address;
  }

  get decision(): DecisionRecord {
    return this.decided as DecisionRecord;
  }

  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      this.context.listeners.delete(this);
      for (const companion of this.companions) companion.close();
      // The platform's own callback waits for the sockets that were accepted, which live on: listening ends at once.
      this.tcp.server.close();
      setImmediate(resolve);
    });
    return this.closing;
  }

  ref(): this {
    this.tcp.server.ref();
    return this;
  }

  unref(): this {
    this.tcp.server.unref();
    return this;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Rule 4.1: a companion on each provider that serves the address. @throws ProviderRequiredError; nothing listens then */
  private addCompanions(draft: DecisionDraft): void {
    const { context } = this;
    draft.add('tcp', 'chosen', 'owns-the-port');
    for (const provider of context.running) {
      if (context.isCandidate(provider)) this.addCompanion(provider, draft);
      else draft.add(provider.name, 'not-serving', 'not-demanded');
    }
    const missing = context.tcpAllowed ? undefined : this.missingProvider();
    this.decided = record(context, draft, missing === undefined ? 'tcp' : null, this.tcp.address.port);
    if (missing === undefined) return;
    void this.close();
    const { address, port } = this.tcp.address;
    const error = new ProviderRequiredError(
      `the configuration demands ${missing} for listening on ${address}:${port}: ${explainDecision(this.decided)}`,
      { syscall: 'listen', address, port },
    );
    error.decision = this.decided;
    throw error;
  }

  /** A demanded provider whose companion does not listen. */
  private missingProvider(): string | undefined {
    return [...this.context.config.demanded].find((name) => {
      return !this.companions.some(({ provider }) => provider.name === name);
    });
  }

  private addCompanion(provider: RunningProvider, draft: DecisionDraft): void {
    const { context, request } = this;
    const { address: text, port } = this.tcp.address;
    const bound = parseAddress(text) as ParsedAddress;
    const dual = bound.family === 6 && isWildcard(bound) && !request.ipv6Only;
    const family = context.routes.listenFamily(provider, bound, dual);
    if (family === null) {
      draft.add(provider.name, 'not-serving', 'no-subnet');
      return;
    }
    const address = family === bound.family ? bound.address : '0.0.0.0';
    const place = {
      address: { family, address, port },
      descriptor: this.tcp.descriptor,
      showsMapped: this.tcp.address.family === 'IPv6',
    };
    try {
      const companion: SanListener = new SanListener(context, provider, request, place, {
        admits: (caller, name) => this.admits(caller, name),
        accepted: (accepted) => this.sanAccepted(provider, accepted),
        failed: (failure) => this.companionFailed(companion, failure),
      });
      this.companions.push(companion);
      draft.add(provider.name, 'chosen', 'listens');
    } catch (error) {
      // Rule 2.7: TCP/IP carries on alone.
      if (!(error instanceof StepFailure)) throw error;
      draft.add(provider.name, 'failed', error.reason, error.detail);
    }
  }

  private companionFailed(companion: SanListener, failure: StepFailure): void {
    this.companions.splice(this.companions.indexOf(companion), 1);
    this.reportFailure(
      new ProviderFaultError(`provider ${companion.provider.name} no longer listens: ${failure.message}`),
    );
  }

  private reportFailure(error: Error): void {
    try {
      this.request.failed?.(error);
    } catch (thrown) {
      rethrowLater(thrown);
    }
  }

  private admits(caller: CallerData, provider: string): boolean {
    const { admit } = this.request;
    return admit === undefined || admit({ ...caller, provider }) === true;
  }

  private sanAccepted(provider: RunningProvider, { companion, session, inbound, remote, local }: Accepted): void {
    const { context, request } = this;
    const draft = new DecisionDraft('accept', local.address, local.port);
    draft.localPortKind = 'real';
    draft.add(provider.name, 'chosen', 'arrived');
    context.counters.of(provider.name).accepts += 1;
    const ends: Ends = {
      localAddress: local.address,
      localPort: local.port,
      remoteAddress: remote.address,
      remotePort: remote.port,
      family: remote.family === 6 ? 'IPv6' : 'IPv4',
    };
    this.deliver(
      handOver(context, {
        transport: session,
        inbound,
        ends,
        decision: record(context, draft, provider.name),
        highWaterMarkBytes: request.highWaterMarkBytes,
        options: new SanOptions(companion, request.remembered),
      }),
    );
  }

  private arrived(platform: PlatformSocket): void {
    const { context, request } = this;
    const ends = endsOf(platform);
    const draft = new DecisionDraft('accept', ends.localAddress, ends.localPort);
    const refusal = this.refusalOf(ends);
    if (refusal !== null) {
      platform.on('error', () => {});
      platform.resetAndDestroy();
      context.counters.of('tcp').rejects += 1;
      draft.add('tcp', 'failed', refusal);
      record(context, draft, null);
      return;
    }
    draft.add('tcp', 'chosen', 'arrived');
    const inbound = new Inbound(request.handlers, request, true);
    const transport = new context.tcp.Transport(platform, inbound, request.highWaterMarkBytes);
    context.counters.of('tcp').accepts += 1;
    this.deliver(
      handOver(context, {
        transport,
        inbound,
        ends,
        decision: record(context, draft, 'tcp'),
        highWaterMarkBytes: request.highWaterMarkBytes,
        options: new TcpOptions(platform, request.remembered),
      }),
    );
  }

  /** Why an arrival by TCP/IP is reset; null: it is welcome. */
  private refusalOf(ends: Ends): string | null {
    // What a switch that demands a provider gets by TCP/IP is a fallback of the peer's.
    if (!this.context.tcpAllowed) return 'provider-required';
    if (this.request.admit === undefined) return null;
    const family = ends.family === 'IPv6' ? 6 : 4;
    const caller: CallerData = {
      remote: { family, address: ends.remoteAddress, port: ends.remotePort },
      local: { family, address: ends.localAddress, port: ends.localPort },
    };
    try {
      return this.admits(caller, 'tcp') ? null : 'not-admitted';
    } catch (error) {
      rethrowLater(error);
      return 'not-admitted';
    }
  }

  private deliver(socket: SwitchSocket): void {
    try {
      this.connected(socket);
    } catch (error) {
      rethrowLater(error);
    }
  }
}
