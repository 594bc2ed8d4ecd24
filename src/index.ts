/** The package's public face. */

export { AbortError } from './abort.js';
export { ActorAddress } from './actor/address.js';
export { defineActor } from './actor/define.js';
export { type EventStream, Topic } from './actor/events.js';
export type { WorkerLoad } from './actor/intake/ledger.js';
export type { IntakeCounters } from './actor/intake/listener.js';
export type { ListeningOptions } from './actor/intake/listening.js';
export type { Destination, RuntimeConnectOptions, RuntimeListenOptions } from './actor/intake/options.js';
export type { ConnectionPlacement, PlacementFunction } from './actor/intake/placement.js';
export type { ReceptionCounters, ReceptionOptions } from './actor/intake/reception.js';
export type { ListenerCounters, RuntimeListener } from './actor/intake/runtime-listener.js';
export type { SocketSettings } from './actor/intake/setup.js';
export { transferable } from './actor/mail/transfer.js';
export type { NameRegistry } from './actor/registry.js';
export type { Router, Routing } from './actor/router.js';
export { createRuntime } from './actor/runtime/create.js';
export type { RebalanceOptions, RuntimeOptions, WorkerRestartOptions } from './actor/runtime/options.js';
export type { Placement, RuntimeSpawnOptions } from './actor/runtime/placement.js';
export type { Runtime } from './actor/runtime/runtime.js';
export type {
  ActorStats,
  ListenerStats,
  RuntimeStats,
  StatsOptions,
  ThreadStats,
  WorkerStats,
} from './actor/runtime/stats.js';
export type { RuntimeProviderEntry, RuntimeSwitchOptions } from './actor/runtime/switch-settings.js';
export type * from './actor/sockets/types.js';
export * from './actor/topics.js';
export type * from './actor/types.js';
export { doctor } from './doctor/doctor.js';
export type * from './doctor/report.js';
export * from './errors.js';
export type { ReactorStats } from './reactor/reactor.js';
export type {
  AnyBytes,
  Cancellable,
  LentBytes,
  ReceiveBuffer,
  SocketHandlers,
  SocketOptionName,
  SocketProperties,
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
export type * from './top/report.js';
