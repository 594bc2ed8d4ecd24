/** Asking again when the host's addresses or devices have changed (rule 1.3): routes, listeners, and who was not ready. */
import type { AddressWatch, WatchAddresses } from './address-changes.js';
import type { SwitchContext } from './context.js';
import type { RunningProvider } from './running-provider.js';
import { askSubnets } from './startup.js';

/**
 * When everybody is asked once more after the last change: the kernel tells of a device before udev has let others open it and
 * loaded the modules that belong to it, and of an address before the devices know it.
 */
const SETTLING_MS = [1_000, 5_000];

/** Notifications from before the providers start, so that none is missed between their answer and the first of them. */
export class Requery {
  /** Why changes go unnoticed; null: they do not. */
  readonly problem: string | null = null;
  private watch: AddressWatch | null = null;
  private context: SwitchContext | null = null;
  /** Somebody has not answered yet. */
  private round: Promise<void> | null = null;
  /** There has been another change since everybody was asked, or there is nobody yet to ask. */
  private isStale = false;
  private isClosed = false;
  private timers: NodeJS.Timeout[] = [];

  /** @param devices RDMA devices are watched too */
  constructor(watchAddresses: WatchAddresses, devices: boolean) {
    try {
      this.watch = watchAddresses(() => this.changed(), devices);
    } catch (error) {
      this.problem = `changes of the host's addresses go unnoticed: ${(error as Error).message}`;
    }
  }

  /** The providers have started. Without notifications everything goes on by the addresses of now, and their status says so. */
  begin(context: SwitchContext): void {
    this.context = context;
    const { running, someWait } = context.providers;
    if (this.problem !== null) for (const provider of running) provider.lastFault = this.problem;
    // Nobody is there to be asked, now or later.
    if (running.length === 0 && !someWait) this.unwatch();
    if (this.isStale) this.ask();
  }

  /** Resolves when nobody is being asked any more. Idempotent. */
  async close(): Promise<void> {
    this.isClosed = true;
    this.unwatch();
    for (const timer of this.timers) clearTimeout(timer);
    await this.round;
  }

  private unwatch(): void {
    this.watch?.close();
    this.watch = null;
  }

  private changed(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers = SETTLING_MS.map((delayMs) => setTimeout(() => this.ask(), delayMs).unref());
    this.ask();
  }

  private ask(): void {
    const { context } = this;
    if (this.isClosed) return;
    this.isStale = this.round !== null || context === null;
    if (this.isStale || context === null) return;
    context.local.changed();
    const waits = context.providers.running.flatMap((provider) => askOne(context, provider) ?? []);
    if (context.providers.someWait) waits.push(this.startWaiting(context));
    if (waits.length === 0) return applyAnswers(context);
    this.round = Promise.all(waits).then(() => {
      this.round = null;
      if (this.isClosed) return;
      applyAnswers(context);
      if (this.isStale) this.ask();
    });
  }

  private async startWaiting({ providers, owners }: SwitchContext): Promise<void> {
    await providers.startWaiting();
    owners.changed();
  }
}

/** Asks one provider; one that can't answer keeps its routes. @returns null: it has answered */
function askOne(context: SwitchContext, provider: RunningProvider): Promise<void> | null {
  const failed = (error: unknown): void => {
    provider.fault('it no longer says which addresses it serves', error);
  };
  try {
    const answer = askSubnets(provider, context.config.startupTimeoutMs);
    if (answer instanceof Promise) {
      return answer.then((subnets) => {
        provider.subnets = subnets;
      }, failed);
    }
    provider.subnets = answer;
  } catch (error) {
    failed(error);
  }
  return null;
}

function applyAnswers({ routes, listeners }: SwitchContext): void {
  routes.rebuild();
  for (const listener of listeners) listener.addressesChanged();
}
