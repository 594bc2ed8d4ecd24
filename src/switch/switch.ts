/** The switch: what an application creates once per thread, and asks for its sockets and listeners. */
import type { AddressInfo } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SwitchClosedError, UnknownProviderError } from '../errors.js';
import { invalidArgType } from '../misuse.js';
import type { SwitchSocket } from '../socket/socket.js';
import type { AnyBytes, LentBytes, StreamSocket } from '../socket/stream-socket.js';
import type { SanProvider } from '../spi/provider.js';
import { Counters, type SwitchStats } from '../stats/counters.js';
import { type AddressWatch, type WatchAddresses, watchSystemAddresses } from './address-changes.js';
import { checkConfig, type SwitchConfig, type SwitchOptions } from './config.js';
import { connect } from './connect.js';
import type { SwitchContext } from './context.js';
import { DecisionHistory, type DecisionRecord } from './decisions.js';
import { SwitchListener } from './listener.js';
import { builtInNames, loadBuiltIn, reactorDriven, setPoller, setSpinBudget, tcp } from './registry.js';
import type { ConnectOptions, LendingConnectOptions, LendingListenOptions, ListenOptions } from './requests.js';
import { Roster } from './roster.js';
import { RouteTable } from './routes.js';
import type { LeftOutProvider, ProviderStatus, RunningProvider } from './running-provider.js';
import { LocalAddresses } from './source.js';
import { askSubnets, cleanUp, isRunning, startProvider } from './startup.js';
import { checkConnect, checkListen } from './validate.js';

/** A listener: one port, one stream of accepted sockets, whichever provider they come by (rule 4.2). */
export interface Listener {
  /** As `net.Server.address()`: the port is the real one. */
  address(): AddressInfo;
  /** Which companions listen beside TCP/IP, and why others don't. */
  readonly decision: DecisionRecord;
  /** Stops accepting; sockets that were accepted live on. Idempotent. */
  close(): Promise<void>;
  /** Whether the listener keeps the event loop alive (it does unless `unref` was called). */
  ref(): this;
  unref(): this;
  /** `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How long closed sockets may take to be released by their providers before these are cleaned up all the same. */
const RELEASE_TIMEOUT_MS = 1_000;

/** Made by `createSwitch`. */
export class Switch {
  private readonly context: SwitchContext;
  private readonly watch: AddressWatch | null;
  private closing: Promise<void> | null = null;

  /** Use `createSwitch`. */
  constructor(context: SwitchContext, watchAddresses: WatchAddresses) {
    this.context = context;
    this.watch = context.running.length > 0 ? this.watchFor(watchAddresses) : null;
  }

  /** Without notifications (rule 1.3) everything goes on by the addresses of now; the providers' status says so. */
  private watchFor(watchAddresses: WatchAddresses): AddressWatch | null {
    try {
      return watchAddresses(() => this.addressesChanged());
    } catch (error) {
      const note = `changes of the host's addresses go unnoticed: ${(error as Error).message}`;
      for (const provider of this.context.running) provider.lastFault = note;
      return null;
    }
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

  /** Counters per provider and per reason of a decision. */
  stats(): SwitchStats {
    const { counters, sockets, listeners, running } = this.context;
    const refusals = running.flatMap(({ name, spi }) => {
      const counts = spi.WSPQueryRefusals?.();
      return counts === undefined ? [] : [[name, counts] as const];
    });
    return counters.snapshot(sockets, listeners.size, refusals);
  }

  /** What became of each configured provider. */
  providers(): ProviderStatus[] {
    const { config, running, leftOutProviders } = this.context;
    const required = (name: string) => config.demanded.has(name);
    const statuses: ProviderStatus[] = [{ name: 'tcp', state: 'started', required: required('tcp'), subnets: [] }];
    for (const { name } of config.providers) {
      const started = running.find((provider) => provider.name === name);
      const leftOut = leftOutProviders.find((provider) => provider.name === name);
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

  /** Rule 1.3: all providers are asked again; one that can't answer keeps its routes. */
  private addressesChanged(): void {
    const { running, routes, local } = this.context;
    local.changed();
    for (const provider of running) {
      try {
        provider.subnets = askSubnets(provider);
      } catch (error) {
        provider.fault('it no longer says which addresses it serves', error);
      }
    }
    routes.rebuild();
  }

  private async shutDown(): Promise<void> {
    const { operations, listeners, sockets, running } = this.context;
    this.watch?.close();
    for (const operation of operations) operation.cancel(new SwitchClosedError());
    await Promise.all([...listeners].map((listener) => listener.close()));
    for (const socket of sockets) socket.abort();
    for (const provider of running) provider.query.close();
    await Promise.all(running.map(endProvider));
    // The platform's sockets, and the last words of the others, take a turn of the event loop or two.
    const end = performance.now() + RELEASE_TIMEOUT_MS;
    while (sockets.size > 0 && performance.now() < end) await nextTurn();
  }

  private assertOpen(): void {
    if (this.closing !== null) throw new SwitchClosedError();
  }
}

/** Rule 1.5, after the provider has released every socket; one that never does is a fault and is not waited for. */
async function endProvider({ spi, handles, fault }: RunningProvider): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(() => {
      fault(`${handles.open} handles are still open at WSPCleanup`);
      // Whoever waits for the provider's last word hears it from us.
      handles.closeAll();
      resolve();
    }, RELEASE_TIMEOUT_MS);
  });
  await Promise.race([handles.whenIdle(), patience]);
  clearTimeout(timer);
  await cleanUp(spi);
}

/** Rule 1.1: one after the other, in the order of the configuration. @throws UnknownProviderError */
async function startAll(config: SwitchConfig, counters: Counters): Promise<(RunningProvider | LeftOutProvider)[]> {
  const unknown = config.providers.find(({ name, provider }) => provider === undefined && !builtInNames.includes(name));
  if (unknown !== undefined) {
    throw new UnknownProviderError(
      `there is no provider \`${unknown.name}\`; built in are tcp, ${builtInNames.join(', ')}, others are given as { name, provider }`,
    );
  }
  const outcomes: (RunningProvider | LeftOutProvider)[] = [];
  for (const { name, provider, options } of config.providers) {
    let spi: SanProvider;
    try {
      spi = provider ?? (await (loadBuiltIn(name) as Promise<SanProvider>));
    } catch (error) {
      outcomes.push({ name, reason: 'cannot-load', detail: (error as Error).message });
      continue;
    }
    const timeoutMs = config.startupTimeoutMs;
    outcomes.push(await startProvider({ name, spi, options, tcp: tcp.info, timeoutMs, counters }));
  }
  return outcomes;
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
  const counters = new Counters();
  const outcomes = await startAll(config, counters);
  const running = outcomes.filter(isRunning);
  const leftOutProviders = outcomes.filter((outcome): outcome is LeftOutProvider => !isRunning(outcome));
  const strict = config.demanded.size > 0;
  const routable = strict ? running.filter(({ name }) => config.demanded.has(name)) : running;
  counters.of('tcp');
  for (const { name } of running) counters.of(name);
  const context: SwitchContext = {
    config,
    tcp,
    running,
    routable,
    isCandidate: (provider) => routable.includes(provider),
    tcpAllowed: !strict || config.demanded.has('tcp'),
    leftOutProviders,
    leftOut: leftOutProviders.map(({ name, reason, detail }) => ({
      provider: name,
      outcome: 'left-out',
      reason,
      detail,
    })),
    routes: new RouteTable(running),
    local: new LocalAddresses(),
    counters,
    history: new DecisionHistory(config.decisionHistory),
    sockets: new Roster(),
    listeners: new Set(),
    operations: new Roster(),
  };
  const sw = new Switch(context, watchAddresses);
  try {
    if (running.some(({ name }) => reactorDriven.has(name))) setReactor(config);
    return sw;
  } catch (error) {
    await sw.close();
    throw error;
  }
}

/** What the configuration says of this thread's reactor. @throws SystemError */
function setReactor({ spinBudgetUs, poller, idleStrategy }: SwitchConfig): void {
  if (spinBudgetUs !== undefined) setSpinBudget(spinBudgetUs);
  if (poller !== undefined) setPoller(poller, idleStrategy);
}
