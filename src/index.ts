/** The package's public face. */

export { AbortError } from './abort.js';
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
