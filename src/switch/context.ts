/** What the parts of one switch share. */
import type { SwitchSocket } from '../socket/socket.js';
import type { Counters } from '../stats/counters.js';
import type { SwitchConfig } from './config.js';
import type { DecisionDraft, DecisionHistory, DecisionRecord } from './decisions.js';
import type { SwitchListener } from './listener.js';
import type { Operation } from './operation.js';
import type { TcpProvider } from './registry.js';

/** One per switch; the switch makes it, its parts read it. */
export interface SwitchContext {
  readonly config: SwitchConfig;
  readonly tcp: TcpProvider;
  readonly counters: Counters;
  readonly history: DecisionHistory;
  /** Connections handed to the application that are open. */
  readonly sockets: Set<SwitchSocket>;
  readonly listeners: Set<SwitchListener>;
  /** Connects and listens under way. */
  readonly operations: Set<Operation>;
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
