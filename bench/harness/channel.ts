/** The one connection of a pair, as the workloads see it, and the means by which it comes about. */
import type { Connected } from './messages.js';

const nothing = (): void => {};

/** One connection. A process has channels of one class only, so that the workload's calls stay monomorphic. */
export abstract class Channel {
  /** Called with each piece of the stream. */
  received: (bytes: Uint8Array) => void = nothing;
  /** Called when sending may go on after `send` has returned false. */
  drained: () => void = nothing;
  /** Called once when the connection is gone; the benchmark never closes one while it measures. */
  closed: (error: Error | null) => void = nothing;

  /** One public call of the transport for one message; false: wait for `drained`. */
  abstract send(bytes: Uint8Array): boolean;
  /** Stops delivery until `resume`. */
  abstract pause(): void;
  abstract resume(): void;
  /** Who serves the connection, and why. */
  abstract describe(): Connected;
}

/** What makes channels: one per process, for one role. */
export interface Endpoint {
  /** Starts to listen; resolves to the place that `connect` wants. */
  listen(): Promise<string>;
  /** The first accepted connection. */
  accepted(): Promise<Channel>;
  connect(place: string): Promise<Channel>;
  /** Gives everything back before the process ends. */
  close(): Promise<void>;
}
