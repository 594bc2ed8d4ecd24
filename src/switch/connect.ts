/** Connecting (section 3): which provider is tried, what its failure means, and TCP/IP where it must or may. */
import type { LookupAddress } from 'node:dns';
import { lookup as lookupName } from 'node:dns/promises';
import { isIP } from 'node:net';
import { ProviderRequiredError } from '../errors.js';
import { Inbound } from '../socket/inbound.js';
import type { SwitchSocket } from '../socket/socket.js';
import { nodeError, WSAETIMEDOUT } from '../spi/codes.js';
import { mapped, type ParsedAddress, parseAddress } from './addresses.js';
import { record, type SwitchContext } from './context.js';
import { DecisionDraft, type DecisionRecord, explainDecision } from './decisions.js';
import { endsOf, establish } from './establish.js';
import { Operation } from './operation.js';
import { SanOptions, TcpOptions } from './options.js';
import type { Objection, Policy } from './policy.js';
import type { RunningProvider } from './running-provider.js';
import { AttemptFailure, connectBySan, isFinal, type SanConnection } from './san-connect.js';
import type { SourceBinding } from './source.js';
import type { CheckedConnect } from './validate.js';

const NO_SUBNET: Objection = { reason: 'no-subnet' };

/** An address of the destination, as text and as the routes compare it. */
interface Destination {
  readonly text: string;
  /** As a text; the address that it stands for may be an IPv4 one. */
  readonly isIPv6: boolean;
  readonly parsed: ParsedAddress;
}

/** @returns null: no provider can be asked for it */
function destinationOf(text: string): Destination | null {
  // A zone names an interface, of which the routes know nothing.
  const parsed = text.includes('%') ? null : parseAddress(text);
  return parsed === null ? null : { text, isIPv6: text.includes(':'), parsed };
}

/**
 * Connects one socket. The promise rejects with the errors of section 3 at the application's edge.
 * @throws AbortError if the application's signal has fired already
 */
export function connect(context: SwitchContext, request: CheckedConnect): Promise<SwitchSocket> {
  const operation = new Operation(context.operations, request.signal);
  const { timeoutMs, host, port } = request;
  if (timeoutMs !== undefined) {
    operation.limit(timeoutMs, () => nodeError(WSAETIMEDOUT, { syscall: 'connect', address: host, port }));
  }
  return new Attempt(context, request, operation).run();
}

/**
 * Connects by a SAN, for whoever has a TCP/IP socket of the platform's ready for when none serves.
 * @param policy who may serve
 * @returns the socket; or the decision that TCP/IP is to serve
 * @throws as `connect`
 */
export function connectBeside(
  context: SwitchContext,
  request: CheckedConnect,
  policy: Policy,
): Promise<SwitchSocket | DecisionRecord> {
  return new Attempt(context, request, new Operation(context.operations, request.signal), policy).runBeside();
}

/**
 * The decision for an address that no SAN provider may serve, if TCP/IP may.
 * @returns null: there is a reason to ask
 */
export function decideTcp(
  context: SwitchContext,
  address: string,
  port: number,
  policy: Policy,
): DecisionRecord | null {
  if (!policy.takesTcp) return null;
  const parsed = parseAddress(address);
  const serving = parsed === null ? [] : context.routes.lookup(parsed);
  if (serving.some(({ name }) => policy.objection(name) === null)) return null;
  const draft = new DecisionDraft('connect', address, port);
  draft.candidates.push(...context.leftOut);
  noteIdle(context, draft, policy);
  draft.add('tcp', 'chosen', tcpReason(context, draft, policy));
  return record(context, draft, 'tcp');
}

/** Names the providers that had no part in a decision, so that the record is complete. */
function noteIdle(context: SwitchContext, draft: DecisionDraft, policy: Policy): void {
  for (const { name } of context.running) {
    if (draft.candidates.some(({ provider }) => provider === name)) continue;
    const { reason, detail } = policy.objection(name) ?? NO_SUBNET;
    draft.add(name, 'not-serving', reason, detail);
  }
}

function tcpReason(context: SwitchContext, draft: DecisionDraft, policy: Policy): string {
  if (draft.candidates.some(({ outcome }) => outcome === 'failed')) return 'fallback';
  return context.running.some(({ name }) => policy.objection(name) === null) ? 'not-served' : 'no-san-provider';
}

/** What one connect has learnt so far. */
class Attempt {
  private readonly context: SwitchContext;
  private readonly request: CheckedConnect;
  private readonly operation: Operation;
  private readonly policy: Policy;
  private readonly draft: DecisionDraft;
  /** Errors of addresses for which a provider promised that TCP/IP would fail too (rule 3.3). */
  private readonly final: NodeJS.ErrnoException[] = [];
  /** Some address is left for TCP/IP. */
  private tcpMayServe = false;
  /** A TCP socket bound for a companion that failed (rule 2.5). */
  private source: SourceBinding | null = null;
  private found: LookupAddress[] | null = null;

  constructor(context: SwitchContext, request: CheckedConnect, operation: Operation, policy = context.policy) {
    this.context = context;
    this.request = request;
    this.operation = operation;
    this.policy = policy;
    this.draft = new DecisionDraft('connect', request.host, request.port);
    this.draft.candidates.push(...context.leftOut);
  }

  run(): Promise<SwitchSocket> {
    return this.decide(() => this.byTcp());
  }

  runBeside(): Promise<SwitchSocket | DecisionRecord> {
    return this.decide(() => {
      this.source?.release();
      const { context, draft, policy } = this;
      draft.add('tcp', 'chosen', tcpReason(context, draft, policy));
      return record(context, draft, 'tcp');
    });
  }

  /** @param otherwise if no SAN serves and TCP/IP may */
  private async decide<T>(otherwise: () => T | Promise<T>): Promise<SwitchSocket | T> {
    const { context, draft, operation, policy } = this;
    try {
      // Nothing ever listens on port 0, and the system has its own error for that.
      if (this.request.port === 0) return await otherwise();
      const socket = context.running.length > 0 ? await this.trySan() : null;
      if (socket !== null) return socket;
      if (!this.tcpMayServe && this.final.length > 0) throw this.finalError();
      if (!policy.takesTcp) throw this.requiredError();
      return await otherwise();
    } catch (error) {
      this.source?.release();
      // The decision that nobody serves is recorded where it is made, but for a cancelled one.
      if (operation.cancelled) {
        if (draft.candidates.every(({ reason }) => reason !== 'cancelled')) {
          draft.add('tcp', 'failed', 'cancelled', (error as Error).message);
        }
        record(context, draft, null);
      }
      throw error;
    } finally {
      operation.end();
    }
  }

  /** Rule 3.1, for each address of the destination in its order. Null: no SAN serves. */
  private async trySan(): Promise<SwitchSocket | null> {
    const { host, family } = this.request;
    const isAddress = parseAddress(host) !== null;
    const texts = isAddress ? [host] : await this.lookUp(host, family);
    const destinations = texts.map(destinationOf).filter((destination) => destination !== null);
    this.tcpMayServe = destinations.length === 0;
    for (const destination of destinations) {
      const serving = this.context.routes
        .lookup(destination.parsed)
        .filter(({ name }) => this.policy.objection(name) === null);
      if (serving.length === 0) {
        this.tcpMayServe = true;
        continue;
      }
      let left = false;
      for (const provider of serving) {
        const outcome = await this.tryProvider(provider, destination);
        left = outcome === 'next';
        if (outcome === 'final') break;
        if (outcome !== 'next') return outcome;
      }
      this.tcpMayServe ||= left;
      // Rule 3.3: TCP/IP may reach this address, so it has its turn before a later one.
      if (left && this.policy.takesTcp) break;
    }
    noteIdle(this.context, this.draft, this.policy);
    return null;
  }

  /** One provider, one address. `final`: no provider and no TCP/IP can reach it; `next`: another may. */
  private async tryProvider(
    provider: RunningProvider,
    destination: Destination,
  ): Promise<SwitchSocket | 'final' | 'next'> {
    const { context, request, operation, draft } = this;
    this.source?.release();
    this.source = null;
    try {
      const connection = await connectBySan(context, provider, request, destination.parsed, operation);
      return this.handOverSan(provider, connection, destination);
    } catch (error) {
      if (!(error instanceof AttemptFailure)) {
        if (operation.cancelled) draft.add(provider.name, 'failed', 'cancelled', (error as Error).message);
        throw error;
      }
      const { failure } = error;
      context.counters.of(provider.name).connectFailures += 1;
      this.source = error.source;
      draft.add(provider.name, 'failed', failure.reason, failure.detail);
      if (!isFinal(failure)) return 'next';
      this.final.push(nodeError(failure.code, { syscall: 'connect', address: destination.text, port: request.port }));
      return 'final';
    }
  }

  private handOverSan(provider: RunningProvider, connection: SanConnection, destination: Destination): SwitchSocket {
    const { context, request, draft } = this;
    const { session, inbound, source, companion, note } = connection;
    draft.localPortKind = source.kind;
    draft.add(provider.name, 'chosen', 'served', note);
    context.counters.of(provider.name).connects += 1;
    const isMapped = destination.isIPv6 && destination.parsed.family === 4;
    return establish(context, {
      transport: session,
      inbound,
      ends: {
        localAddress: isMapped ? mapped(source.address.address) : source.address.address,
        localPort: source.port,
        remoteAddress: destination.text,
        remotePort: request.port,
        family: destination.isIPv6 ? 'IPv6' : 'IPv4',
      },
      decision: record(context, draft, provider.name),
      highWaterMarkBytes: request.highWaterMarkBytes,
      options: new SanOptions(companion, request.remembered),
    });
  }

  /** The destination's addresses in the order in which the system gives them. @throws what a lookup throws */
  private async lookUp(host: string, family: number): Promise<string[]> {
    try {
      this.found = await this.operation.race(lookupName(host, { all: true, family }));
      return this.found.map(({ address }) => address);
    } catch (error) {
      if (!this.operation.cancelled) {
        this.draft.add('tcp', 'failed', 'lookup-failed', (error as Error).message);
        record(this.context, this.draft, null);
      }
      throw error;
    }
  }

  /** Several addresses that all failed look as they do in `net.connect`. */
  private finalError(): Error {
    record(this.context, this.draft, null);
    const [first] = this.final as [NodeJS.ErrnoException];
    if (this.final.length === 1) return first;
    return Object.assign(new AggregateError(this.final), { code: first.code });
  }

  private requiredError(): ProviderRequiredError {
    const { host, port } = this.request;
    const decision = record(this.context, this.draft, null);
    const demanded = [...this.policy.demanded].join(' or ');
    const error = new ProviderRequiredError(
      `the configuration demands ${demanded} for ${host}:${port}: ${explainDecision(decision)}`,
      { syscall: 'connect', address: host, port },
    );
    error.decision = decision;
    return error;
  }

  private async byTcp(): Promise<SwitchSocket> {
    const { context, request, operation, draft, found } = this;
    const inbound = new Inbound(request.handlers, request);
    // Rule 2.5: the same bound descriptor, where there is one and only one address it could go to.
    const descriptor = isIP(request.host) !== 0 ? (this.source?.takeDescriptor() ?? -1) : -1;
    this.source?.release();
    this.source = null;
    const reason = tcpReason(context, draft, this.policy);
    const counters = context.counters.of('tcp');
    try {
      const { transport, socket } = await context.tcp.connect({
        ...request,
        signal: operation.signal,
        events: inbound,
        lends: inbound.borrows,
        found,
        descriptor,
      });
      draft.add('tcp', 'chosen', reason);
      counters.connects += 1;
      return establish(context, {
        transport,
        inbound,
        ends: endsOf(socket),
        decision: record(context, draft, 'tcp'),
        highWaterMarkBytes: request.highWaterMarkBytes,
        options: new TcpOptions(socket, request.remembered),
      });
    } catch (error) {
      if (!operation.cancelled) {
        draft.add('tcp', 'failed', 'connect-failed', (error as Error).message);
        record(context, draft, null);
      }
      counters.connectFailures += 1;
      throw error;
    }
  }
}
