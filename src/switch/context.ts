/** What the parts of one switch share. */
import type { SwitchSocket } from '../socket/socket.js';
import type { Counters } from '../stats/counters.js';
import type { SwitchConfig } from './config.js';
import type { DecisionCandidate, DecisionDraft, DecisionHistory, DecisionRecord } from './decisions.js';
import type { Operation } from './operation.js';
import type { OwnerKeys } from './owner.js';
import type { Policy } from './policy.js';
import type { ProviderSet } from './provider-set.js';
import type { TcpProvider } from './registry.js';
import type { Roster } from './roster.js';
import type { RouteTable } from './routes.js';
import type { RunningProvider } from './running-provider.js';
import type { LocalAddresses } from './source.js';

/** One per switch; the switch makes it, its parts read it. */
export interface SwitchContext {
  readonly config: SwitchConfig;
  readonly tcp: TcpProvider;
  readonly providers: ProviderSet;
  /** SAN providers that have started, in the order of preference; others may join them (rule 1.3). */
  readonly running: readonly RunningProvider[];
  /** What the configuration says of who may serve. */
  readonly policy: Policy;
  /** Those left out, as every decision lists them. */
  readonly leftOut: readonly DecisionCandidate[];
  readonly routes: RouteTable;
  readonly owners: OwnerKeys;
  readonly local: LocalAddresses;
  readonly counters: Counters;
  readonly history: DecisionHistory;
  /** Connections handed to the application that are open. */
  readonly sockets: Roster<SwitchSocket>;
  readonly listeners: Set<{ close(): unknown; addressesChanged(): void }>;
  /** Connects and listens under way. */
  readonly operations: Roster<Operation>;
}

/** Finishes a decision: into the history and the counters. */
export function record(
  context: SwitchContext,
  draft: DecisionDraft,
  provider: string | null,
  port?: number,
): DecisionRecord {
  const decision = draft.finish(provider, port);
  context.history.add(decision);
  context.counters.decided(decision.candidates);
  return decision;
}
