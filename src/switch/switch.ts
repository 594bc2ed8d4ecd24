/** The switch: what an application creates once per thread, and asks for its sockets and listeners. */
import type { AddressInfo, Socket as PlatformSocket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SwitchClosedError } from '../errors.js';
import { invalidArgType } from '../misuse.js';
import type { SwitchSocket } from '../socket/socket.js';
import type { AnyBytes, LentBytes, StreamSocket } from '../socket/stream-socket.js';
import { activity } from '../stats/activity.js';
import { Counters, type SwitchStats } from '../stats/counters.js';
import { addCounterSource, removeCounterSource } from '../stats/publisher.js';
import { type WatchAddresses, watchSystemAddresses } from './address-changes.js';
import { adopt } from './adopt.js';
import { type AdoptTcpOptions, adoptTcp } from './adopt-tcp.js';
import { CompanionSet } from './companions.js';
import { checkConfig, integerOption, type SwitchOptions } from './config.js';
import { connect, connectBeside, decideTcp } from './connect.js';
import type { SwitchContext } from './context.js';
import { DecisionDraft, DecisionHistory, type DecisionRecord } from './decisions.js';
import { discardHandOver, HAND_OVER_TIMEOUT_MS, handOver } from './hand-over.js';
import { SwitchListener } from './listener.js';
import { OwnerKeys, type SocketHandOver, type SwitchOwner } from './owner.js';
import { Policy, type Ruling } from './policy.js';
import { checkProviders, ProviderSet, RELEASE_TIMEOUT_MS } from './provider-set.js';
import { PublishedSwitch } from './published.js';
import { deviceDriven, tcp } from './registry.js';
import { Requery } from './requery.js';
import type {
  AdoptOptions,
  BesideOptions,
  Companions,
  ConnectOptions,
  LendingConnectOptions,
  LendingListenOptions,
  ListenOptions,
} from './requests.js';
import { Roster } from './roster.js';
import { RouteTable } from './routes.js';
import type { ProviderStatus } from './running-provider.js';
import { LocalAddresses } from './source.js';
import { checkAdopt, checkBeside, checkConnect, checkListen, TIMEOUT_MAX_MS } from './validate.js';

/** A listener: one port, one stream of accepted sockets, whichever provider they come by (rule 4.2). */
export interface Listener {
  /** As `net.Server.address()`: the port is the real one. */
  address(): AddressInfo;
  /** Which companions listen beside TCP/IP at this moment, and why others don't: rule 1.3 may add some. */
  readonly decision: DecisionRecord;
  /** Stops accepting; sockets that were accepted live on. Idempotent. */
  close(): Promise<void>;
  /** Whether the listener keeps the event loop alive (it does unless `unref` was called). */
  ref(): this;
  unref(): this;
  /** `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Made by `createSwitch`. */
export class Switch {
  private readonly context: SwitchContext;
  private readonly requery: Requery;
  private readonly published: PublishedSwitch;
  private closing: Promise<void> | null = null;

  /** Use `createSwitch`. */
  constructor(context: SwitchContext, requery: Requery) {
    this.context = context;
    this.requery = requery;
    requery.begin(context);
    this.published = new PublishedSwitch(context);
    addCounterSource(this.published);
  }

  /**
   * Connects. The socket is paused until it has a `received` handler or `receive()` is called.
   * @throws what `net.connect` gives for the same failure; AbortError; ProviderRequiredError; SwitchClosedError
   */
  connect(options: LendingConnectOptions): Promise<StreamSocket<LentBytes>>;
  connect(options: ConnectOptions): Promise<StreamSocket>;
  connect(options: ConnectOptions<AnyBytes>): Promise<StreamSocket<AnyBytes>> {
    // No async function: of a connect's time it would be a fiftieth.
    try {
      this.assertOpen();
      return connect(this.context, checkConnect(options, this.context.config.highWaterMarkBytes));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * Listens. `connected` is called with each accepted socket, after its session stands (rule 3.6).
   * @throws what `net.Server.listen` gives for the same failure; AbortError; ProviderRequiredError; SwitchClosedError
   */
  listen(options: LendingListenOptions, connected: (socket: StreamSocket<LentBytes>) => void): Promise<Listener>;
  listen(options: ListenOptions, connected: (socket: StreamSocket) => void): Promise<Listener>;
  async listen(options: ListenOptions<AnyBytes>, connected: (socket: never) => void): Promise<Listener> {
    this.assertOpen();
    const request = checkListen(options, this.context.config.highWaterMarkBytes);
    if (typeof connected !== 'function') throw invalidArgType('connected', 'of type function', connected);
    return SwitchListener.open(this.context, request, connected as (socket: SwitchSocket) => void);
  }

  /**
   * Connects by a SAN, for a caller that has a TCP/IP socket of its own for when none serves.
   * @param ruling stands above the configuration
   * @returns the socket, or the decision that TCP/IP is to serve @throws as `connect`
   */
  connectBeside(
    options: ConnectOptions<AnyBytes>,
    ruling: Ruling | null = null,
  ): Promise<SwitchSocket | DecisionRecord> {
    this.assertOpen();
    const { context } = this;
    const request = checkConnect(options, context.config.highWaterMarkBytes);
    return connectBeside(context, request, this.policyFor(ruling));
  }

  /** For such a caller: the decision that TCP/IP serves an address; null: there is a reason to ask a SAN provider (rule 3.1). */
  decideTcp(address: string, port: number, ruling: Ruling | null): DecisionRecord | null {
    return decideTcp(this.context, address, port, this.policyFor(ruling));
  }

  /** This switch for others that hand connections over to it (section 8). */
  get owner(): SwitchOwner {
    this.assertOpen();
    return this.context.owners.own;
  }

  /**
   * Companions beside a TCP/IP listener of the caller's (rule 4.1), whose connections may be handed to other threads.
   * @throws ProviderRequiredError, SwitchClosedError, TypeError, InvalidOptionError
   */
  listenBeside<T>(options: BesideOptions<T>): Companions {
    this.assertOpen();
    const { context } = this;
    const { address, descriptor } = options;
    const request = checkBeside(options, context.config.highWaterMarkBytes);
    const set = new CompanionSet<T>(
      context,
      request,
      { address, descriptor },
      {
        place: (caller) => options.place(caller),
        connected: (socket, tag) => options.connected(socket, tag),
        handedOver: (connection, tag) => options.handedOver(connection, tag),
        withdrawn: (tag) => options.withdrawn?.(tag),
        failed: (error) => options.failed?.(error),
      },
    );
    const draft = new DecisionDraft('listen', address.address, address.port);
    set.open(draft);
    context.listeners.add(set);
    activity.note();
    const close = (): void => {
      context.listeners.delete(set);
      activity.note();
      set.close();
    };
    return {
      get decision() {
        return set.decision;
      },
      close,
    };
  }

  /**
   * Takes over a connection that was handed to this switch. Must be called within 2 s of that.
   * @throws what `connect` does: ETIMEDOUT, ECONNRESET, ...; AbortError; InvalidOptionError; SwitchClosedError: it is reset
   */
  async adopt(connection: SocketHandOver, options: AdoptOptions = {}): Promise<SwitchSocket> {
    // It was meant for this switch, and nobody else will take it.
    if (this.closing !== null) discardHandOver(connection);
    this.assertOpen();
    return adopt(this.context, connection, checkAdopt(options, this.context.config.highWaterMarkBytes));
  }

  /** Connections that are open, or not yet released. */
  get openSockets(): number {
    return this.context.sockets.size;
  }

  /** Resets every connection. */
  resetSockets(): void {
    for (const socket of this.context.sockets) socket.abort();
  }

  /** TCP/IP may serve. False: the configuration demands other providers, and not `tcp!`. */
  get takesTcp(): boolean {
    return this.context.policy.takesTcp;
  }

  /**
   * Takes a connected socket of the platform over, as if it had been accepted here. For the actor runtime.
   * @throws SwitchClosedError, TypeError, InvalidOptionError; the socket is the caller's still then
   */
  adoptTcp(platform: PlatformSocket, options: AdoptTcpOptions): SwitchSocket {
    this.assertOpen();
    return adoptTcp(this.context, platform, options);
  }

  /**
   * Hands a socket of this switch to another, which is to adopt it within 2 s (rule 8.1). The socket is dead then, and its
   * handlers are told nothing. `timeoutMs` is the peer's; default 5000. `keepsDescriptor`: that of a TCP/IP connection stays this
   * thread's, which closes it when it ends; the caller closes it, and the other thread adopts one of its own. Default false.
   * @throws HandOverError: it stays and goes on as before, or has ended; TypeError, SwitchClosedError
   */
  async handOver(
    socket: StreamSocket<AnyBytes>,
    owner: SwitchOwner,
    options: { readonly timeoutMs?: number; readonly keepsDescriptor?: boolean } = {},
  ): Promise<SocketHandOver> {
    this.assertOpen();
    const { timeoutMs, keepsDescriptor = false } = options;
    const limit_ms = integerOption(
      'timeoutMs',
      timeoutMs ?? HAND_OVER_TIMEOUT_MS,
      1,
      TIMEOUT_MAX_MS,
      HAND_OVER_TIMEOUT_MS,
    );
    return handOver(this.context, socket, owner, limit_ms, keepsDescriptor);
  }

  /** Counters per provider and per reason of a decision. */
  stats(): SwitchStats {
    const { counters, sockets, listeners, running } = this.context;
    for (const { name, handles } of running) counters.of(name).completions = handles.completions;
    const refusals = running.flatMap(({ name, spi }) => {
      const counts = spi.WSPQueryRefusals?.();
      return counts === undefined ? [] : [[name, counts] as const];
    });
    return counters.snapshot(sockets, listeners.size, refusals);
  }

  /** What became of each configured provider. */
  providers(): ProviderStatus[] {
    const { config, running, providers } = this.context;
    const required = (name: string) => config.demanded.has(name);
    const statuses: ProviderStatus[] = [{ name: 'tcp', state: 'started', required: required('tcp'), subnets: [] }];
    for (const { name } of config.providers) {
      const started = running.find((provider) => provider.name === name);
      const leftOut = providers.leftOut.find((provider) => provider.name === name);
      if (started !== undefined) {
        const subnets = started.subnets.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
        const { lastFault } = started;
        statuses.push({ name, state: 'started', required: required(name), subnets, ...(lastFault && { lastFault }) });
      } else if (leftOut !== undefined) {
        statuses.push({ ...leftOut, state: 'left-out', required: required(name), subnets: [] });
      }
    }
    return statuses;
  }

  /** The last decisions, oldest first. */
  decisions(): DecisionRecord[] {
    return this.context.history.recent();
  }

  /**
   * Ends operations under way (they fail with SwitchClosedError), listeners, sockets (by a reset) and providers (rule 1.5).
   * Idempotent, never rejects.
   */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async shutDown(): Promise<void> {
    const { operations, listeners, sockets, providers } = this.context;
    const asked = this.requery.close();
    for (const operation of operations) operation.cancel(new SwitchClosedError());
    await Promise.all([...listeners].map((listener) => listener.close()));
    this.resetSockets();
    await asked;
    await providers.end();
    // The platform's sockets, and the last words of the others, take a turn of the event loop or two.
    const end = performance.now() + RELEASE_TIMEOUT_MS;
    while (sockets.size > 0 && performance.now() < end) await nextTurn();
    removeCounterSource(this.published);
  }

  private policyFor(ruling: Ruling | null): Policy {
    const { policy, config } = this.context;
    return ruling === null ? policy : new Policy(config.demanded, ruling);
  }

  private assertOpen(): void {
    if (this.closing !== null) throw new SwitchClosedError();
  }
}

/**
 * Creates a switch for this thread and starts its providers (rule 1.1). A provider that can't start is left out; the reason
 * stands in `sw.providers()` and in every decision record.
 * @throws InvalidOptionError, UnknownProviderError
 */
export async function createSwitch(options: SwitchOptions = {}): Promise<Switch> {
  return createSwitchWith(options, watchSystemAddresses);
}

/** `createSwitch` with another source of address changes. */
export async function createSwitchWith(options: SwitchOptions, watchAddresses: WatchAddresses): Promise<Switch> {
  const config = checkConfig(options);
  checkProviders(config);
  const requery = new Requery(
    config.providers.length > 0 ? watchAddresses : () => null,
    config.providers.some(({ name, provider }) => provider === undefined && deviceDriven.has(name)),
  );
  const counters = new Counters();
  const providers = await ProviderSet.start(config, counters);
  const { running } = providers;
  counters.of('tcp');
  for (const { name } of running) counters.of(name);
  const context: SwitchContext = {
    config,
    tcp,
    providers,
    running,
    policy: new Policy(config.demanded),
    leftOut: providers.leftOutCandidates,
    routes: new RouteTable(running),
    owners: new OwnerKeys(running),
    local: new LocalAddresses(),
    counters,
    history: new DecisionHistory(config.decisionHistory),
    sockets: new Roster(),
    listeners: new Set(),
    operations: new Roster(),
  };
  const sw = new Switch(context, requery);
  try {
    providers.setReactor();
    return sw;
  } catch (error) {
    await sw.close();
    throw error;
  }
}
