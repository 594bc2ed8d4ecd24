/** What `runtime.stats()` says. */
import type { AddressInfo } from 'node:net';
import type { EventLoopUtilization } from 'node:perf_hooks';
import type { ReactorStats } from '../../reactor/reactor.js';
import type { SwitchStats } from '../../stats/counters.js';
import type { HostStats as ActorCounters } from '../host.js';
import type { ListenerCounters } from '../intake/runtime-listener.js';
import type { ActorSocketInfo } from '../sockets/types.js';
import type { MailStats } from './mail.js';
import type { RebalanceStats } from './rebalancer.js';

/** One thread of the runtime. Counters since its life began. */
export interface ThreadStats extends ActorCounters {
  /** `main` or `worker-N`. */
  readonly name: string;
  /** Its part of its actors' addresses: index in the low 8 bits, life above. */
  readonly host: number;
  /** How busy the event loop was since the thread began: `utilization` from 0 to 1, and the milliseconds behind it. */
  readonly eventLoopUtilization: EventLoopUtilization;
  /** Events that this thread published and another one, with 65,536 of them before it, was not told. */
  readonly eventsMissed: number;
  /** What its poller did: passes over the watched words, spins, sleeps, wake-ups. Shared with the thread's switches. */
  readonly reactor: ReactorStats;
  /** Every actor, if they were asked for. */
  readonly perActor?: readonly ActorStats[];
  /** Of its switch: providers, connections, bytes, decisions. Null: it has not needed one yet. */
  readonly switch: SwitchStats | null;
  /** The mail links to the other threads. */
  readonly mail: readonly MailStats[];
}

/** One actor. */
export interface ActorStats {
  /** The text form of its address. */
  readonly address: string;
  /** The name that it was spawned with. */
  readonly name: string | null;
  /** Null for an actor that was spawned from outside. */
  readonly parent: string | null;
  /** Messages in its mailbox or on their way to it. */
  readonly depth: number;
  /** Messages that its handler was called with. */
  readonly handled: number;
  readonly restarts: number;
  /** Whether it can be moved to another worker: it is of a module, and has no children. */
  readonly movable: boolean;
  readonly sockets: readonly ActorSocketInfo[];
}

/** What `runtime.stats()` shall look at. */
export interface StatsOptions {
  /** Every single actor; takes time in proportion to their number. Default false. */
  readonly perActor?: boolean;
}

/** One worker. */
export interface WorkerStats {
  /** From 0: what `worker` names when an actor is spawned. */
  readonly worker: number;
  /** `given-up`: it died more often than `workerRestarts` allows. */
  readonly state: 'starting' | 'up' | 'down' | 'given-up';
  /** How often it has died. */
  readonly deaths: number;
  /** Live actors that were spawned on it from outside. */
  readonly roots: number;
  /** As the worker says; or as seen from outside, if it does not answer. Null: it is not up. */
  readonly eventLoopUtilization: EventLoopUtilization | null;
  /** Null: it did not answer in time, for it is not up, or an actor of it does not return. */
  readonly host: ThreadStats | null;
}

/** One listener. */
export interface ListenerStats {
  /** Null: it is closed, and has connections still. */
  readonly address: AddressInfo | null;
  /** Connections that its actors have, or that are on their way to a worker. */
  readonly connections: number;
  readonly counters: ListenerCounters;
}

/** A snapshot; the threads are not asked at exactly the same time. */
export interface RuntimeStats {
  /** The thread that made the runtime. */
  readonly main: ThreadStats;
  readonly workers: readonly WorkerStats[];
  /** Those that listen, or have connections, in the order in which they began. */
  readonly listeners: readonly ListenerStats[];
  /** Null: it is off. */
  readonly rebalance: RebalanceStats | null;
}
