/** A connection of a pair, as the workloads see it, and the means by which it comes about. */
import type { Stretches } from './computing.js';
import type { CrowdService } from './crowd.js';
import type { Arrived, Connected, Copies, RoundTrips, ServerMode } from './messages.js';

const nothing = (): void => {};

/** One connection. A process has channels of one class only, so that the workload's calls stay monomorphic. */
export abstract class Channel {
  /** Called with each piece of the stream. */
  received: (bytes: Uint8Array) => void = nothing;
  /** Called when sending may go on after `send` has returned false. */
  drained: () => void = nothing;
  /** Called once when the connection is gone. */
  closed: (error: Error | null) => void = nothing;

  /** One public call of the transport for one message; false: wait for `drained`. */
  abstract send(bytes: Uint8Array): boolean;
  /** Stops delivery until `resume`. */
  abstract pause(): void;
  abstract resume(): void;
  /** Ends the connection in order; `closed` follows. */
  abstract end(): void;
  /** Who serves the connection, and why. */
  abstract describe(): Connected;

  /** Nobody listens any more: what a workload had to remember of an idle channel is not what the channel costs. */
  forsake(): void {
    this.received = nothing;
    this.drained = nothing;
    this.closed = nothing;
  }
}

/** One end of a connection. */
export interface End {
  describe(): Connected;
  /** Rejects when the connection is gone. */
  readonly broken: Promise<never>;
}

/** The accepting end. */
export interface ServiceEnd extends End {
  setMode(mode: ServerMode): void;
  /** Counts what arrives within `duration_ms`. */
  watch(duration_ms: number): Promise<Arrived>;
  /** Waits until the stream has delivered `bytes` in all; rejects when it never does. */
  drain(bytes: number): Promise<void>;
}

/** The connecting end. */
export interface DriverEnd extends End {
  /**
   * One message under way at a time, each sent when the last byte of the one before is back, or with `interval_ms` at that
   * pace, so that both ends have nothing to do in between.
   */
  roundTrips(size: number, warmup_ms: number, duration_ms: number, interval_ms?: number): Promise<RoundTrips>;
  /** Sends messages of `size` bytes until `stop`, one call each, and waits whenever the transport says so. */
  pump(size: number): void;
  /** Ends `pump`. @returns bytes handed over since the connection stands */
  stop(): number;
}

/** What makes the connection: one per process, for one role. */
export interface Endpoint {
  /** Starts to listen; resolves to the place that `connect` wants. */
  listen(): Promise<string>;
  /** The first accepted connection. */
  serve(): Promise<ServiceEnd>;
  connect(place: string): Promise<DriverEnd>;
  /** A further connection to the same place. Not every transport has them. */
  open?(): Promise<Channel>;
  /** What the accepting end does with further connections. */
  readonly crowd?: CrowdService;
  /** Has the thread that serves the first connection compute, where that is not this one; null ends it. */
  compute?(stretches: Stretches | null): Promise<void>;
  /** What the switch has copied so far. */
  copies?(): Promise<Copies>;
  /** Gives everything back before the process ends. */
  close(): Promise<void>;
}
