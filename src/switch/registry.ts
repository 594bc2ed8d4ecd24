/** The one file of the switch that knows providers by name. */
import { tcpProvider } from '../providers/tcp/provider.js';
import type { IdleStrategy, PollerKind } from '../reactor/poller-kind.js';
import { Reactor } from '../reactor/reactor.js';
import type { SanProvider } from '../spi/provider.js';

/** TCP/IP, which is always there. */
export const tcp = tcpProvider;
export type { TcpProvider } from '../providers/tcp/provider.js';

/** Loaded on demand: a program that does not use a provider does not pay for it. */
const builtIn: Readonly<Record<string, () => Promise<SanProvider>>> = {
  shm: async () => {
    const { ShmProvider } = await import('../providers/shm/provider.js');
    return new ShmProvider();
  },
  loop: async () => {
    const { LoopProvider } = await import('../providers/loop/provider.js');
    return new LoopProvider();
  },
};

/** The names of the built-in SAN providers. */
export const builtInNames: readonly string[] = Object.keys(builtIn);

/** A new built-in provider; null: there is none of that name. */
export function loadBuiltIn(name: string): Promise<SanProvider> | null {
  return Object.hasOwn(builtIn, name) ? (builtIn[name] as () => Promise<SanProvider>)() : null;
}

/** How long this thread's reactor polls before it sleeps, microseconds. Only where a provider that needs the reactor runs. */
export function setSpinBudget(spinBudgetUs: number): void {
  Reactor.current().spinBudgetUs = spinBudgetUs;
}

/** Who polls for this thread while it sleeps. @throws SystemError */
export function setPoller(poller: PollerKind, idleStrategy: IdleStrategy | undefined): void {
  Reactor.current().pollBy(poller, idleStrategy);
}

/** The built-in providers that are driven by the reactor. */
export const reactorDriven: ReadonlySet<string> = new Set(['shm']);
