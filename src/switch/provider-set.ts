/** The SAN providers of one switch: who runs, who was left out, who may start yet, and how they end (rules 1.1, 1.3, 1.5). */
import type { SanProvider } from '../spi/provider.js';
import type { Counters } from '../stats/counters.js';
import type { SwitchConfig } from './config.js';
import type { DecisionCandidate } from './decisions.js';
import { assertBuiltIn, loadBuiltIn, reactorDriven, setPoller, setSpinBudget, tcp } from './registry.js';
import type { LeftOutProvider, RunningProvider } from './running-provider.js';
import { cleanUp, isRunning, NOT_READY, type StartRequest, startProvider } from './startup.js';

/** How long closed sockets may take to be released by their providers before these are cleaned up all the same. */
export const RELEASE_TIMEOUT_MS = 1_000;

/** What became of one configured provider. */
interface Entry {
  readonly name: string;
  /** Null: it could not be loaded. */
  readonly request: StartRequest | null;
  outcome: RunningProvider | LeftOutProvider;
}

/** The lists are the same arrays all the time. All of them are in the order of the configuration. */
export class ProviderSet {
  readonly running: RunningProvider[] = [];
  readonly leftOut: LeftOutProvider[] = [];
  /** These as every decision lists them. */
  readonly leftOutCandidates: DecisionCandidate[] = [];
  private readonly config: SwitchConfig;
  private readonly entries: Entry[] = [];
  private hasReactor = false;

  private constructor(config: SwitchConfig) {
    this.config = config;
  }

  /** Rule 1.1: one after the other, in the order of the configuration. */
  static async start(config: SwitchConfig, counters: Counters): Promise<ProviderSet> {
    const set = new ProviderSet(config);
    for (const { name, provider, options } of config.providers) {
      let spi: SanProvider;
      try {
        spi = provider ?? (await (loadBuiltIn(name) as Promise<SanProvider>));
      } catch (error) {
        set.entries.push({ name, request: null, outcome: notLoaded(name, error) });
        continue;
      }
      const request = { name, spi, options, tcp: tcp.info, timeoutMs: config.startupTimeoutMs, counters };
      set.entries.push({ name, request, outcome: await startProvider(request) });
    }
    set.sort();
    return set;
  }

  /** What the configuration says of this thread's reactor, once somebody needs that. @throws SystemError */
  setReactor(): void {
    if (this.hasReactor || !this.running.some(({ name }) => reactorDriven.has(name))) return;
    this.hasReactor = true;
    const { spinBudgetUs, poller, idleStrategy } = this.config;
    if (spinBudgetUs !== undefined) setSpinBudget(spinBudgetUs);
    if (poller !== undefined) setPoller(poller, idleStrategy);
  }

  /** Somebody may start when the host's addresses or devices have changed. */
  get someWait(): boolean {
    return this.leftOut.some(({ reason }) => reason === NOT_READY);
  }

  /** Starts those that were not ready, if they are by now. Never rejects. */
  async startWaiting(): Promise<void> {
    for (const entry of this.entries) {
      if (entry.request === null || isRunning(entry.outcome) || entry.outcome.reason !== NOT_READY) continue;
      entry.outcome = await startProvider(entry.request);
      this.sort();
      if (isRunning(entry.outcome)) this.join(entry.outcome, entry.request.counters);
    }
  }

  /** Rule 1.5. */
  async end(): Promise<void> {
    for (const { query } of this.running) query.close();
    await Promise.all(this.running.map(endProvider));
  }

  private join(provider: RunningProvider, counters: Counters): void {
    counters.of(provider.name);
    try {
      this.setReactor();
    } catch (error) {
      provider.lastFault = `the reactor is not as it is configured: ${(error as Error).message}`;
    }
  }

  private sort(): void {
    const outcomes = this.entries.map(({ outcome }) => outcome);
    const running = outcomes.filter(isRunning);
    const leftOut = outcomes.filter((outcome): outcome is LeftOutProvider => !isRunning(outcome));
    replace(this.running, running);
    replace(this.leftOut, leftOut);
    replace(
      this.leftOutCandidates,
      leftOut.map(({ name, reason, detail }) => ({ provider: name, outcome: 'left-out', reason, detail })),
    );
  }
}

function replace<T>(list: T[], entries: readonly T[]): void {
  list.splice(0, list.length, ...entries);
}

function notLoaded(name: string, error: unknown): LeftOutProvider {
  return { name, reason: 'cannot-load', detail: (error as Error).message };
}

/** @throws UnknownProviderError: the configuration names a built-in provider that there is not */
export function checkProviders({ providers }: SwitchConfig): void {
  for (const { name, provider } of providers) if (provider === undefined) assertBuiltIn(name);
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
