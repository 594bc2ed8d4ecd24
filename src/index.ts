/** The package's public face. */

export { AbortError } from './abort.js';
export { ActorAddress } from './actor/address.js';
export { defineActor } from './actor/define.js';
export { type EventStream, Topic } from './actor/events.js';
export { transferable } from './actor/mail/transfer.js';
export type { NameRegistry } from './actor/registry.js';
export type { Router, Routing } from './actor/router.js';
export { createRuntime } from './actor/runtime/create.js';
export type { RuntimeOptions, WorkerRestartOptions } from './actor/runtime/options.js';
export type { Placement, RuntimeSpawnOptions } from './actor/runtime/placement.js';
export type { Runtime } from './actor/runtime/runtime.js';
export type { ActorStats, RuntimeStats, StatsOptions, ThreadStats, WorkerStats } from './actor/runtime/stats.js';
export * from './actor/topics.js';
export type * from './actor/types.js';
export * from './errors.js';
export type {
  AnyBytes,
  Cancellable,
  LentBytes,
  ReceiveBuffer,
  SocketHandlers,
  SocketOptionName,
  SocketState,
  StreamSocket,
} from './socket/stream-socket.js';
export type { ProviderCounters, SwitchStats } from './stats/counters.js';
export type { ProviderEntry, SwitchOptions } from './switch/config.js';
export type { CandidateOutcome, DecisionCandidate, DecisionRecord } from './switch/decisions.js';
export type {
  Caller,
  CommonOptions,
  ConnectOptions,
  LendingConnectOptions,
  LendingListenOptions,
  ListenOptions,
} from './switch/requests.js';
export type { ProviderStatus } from './switch/running-provider.js';
export { createSwitch, type Listener, type Switch } from './switch/switch.js';
