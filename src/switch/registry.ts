/** The one file of the switch that knows providers by name. */
import { UnknownProviderError } from '../errors.js';
import { tcpProvider } from '../providers/tcp/provider.js';
import type { IdleStrategy, PollerKind } from '../reactor/poller-kind.js';
import { Reactor } from '../reactor/reactor.js';
import type { SanProvider } from '../spi/provider.js';

/** TCP/IP, which is always there. */
export const tcp = tcpProvider;
export type { TcpProvider } from '../providers/tcp/provider.js';
export type { Underneath } from '../providers/tcp/transport.js';

/** Loaded on demand: a program that does not use a provider does not pay for it. */
const builtIn: Readonly<Record<string, () => Promise<SanProvider>>> = {
  shm: async () => {
    const { ShmProvider } = await import('../providers/shm/provider.js');
    return new ShmProvider();
  },
  verbs: async () => {
    const { VerbsProvider } = await import('../providers/verbs/provider.js');
    return new VerbsProvider();
  },
  loop: async () => {
    const { LoopProvider } = await import('../providers/loop/provider.js');
    return new LoopProvider();
  },
};

/** The built-in providers that reach other processes; `loop` is for tests. */
export function builtInNames(): string[] {
  return Object.keys(builtIn).filter((name) => name !== 'loop');
}

/** @throws UnknownProviderError: there is no built-in SAN provider of that name */
export function assertBuiltIn(name: string): void {
  if (Object.hasOwn(builtIn, name)) return;
  const known = Object.keys(builtIn).join(', ');
  throw new UnknownProviderError(
    `there is no provider \`${name}\`; built in are tcp, ${known}, others are given as { name, provider }`,
  );
}

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
export const reactorDriven: ReadonlySet<string> = new Set(['shm', 'verbs']);

/** The built-in providers whose devices come and go without an address that does. */
export const deviceDriven: ReadonlySet<string> = new Set(['verbs']);
