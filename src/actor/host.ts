/** One thread's part of the actor runtime: its actors, their dispatcher, and what joins it to the other threads. */

import type { ActorAddress } from './address.js';
import type { ActorClock } from './clock.js';
import type { DepthTable } from './depth-table.js';
import type { EventStream } from './events.js';
import type { NameRegistry } from './registry.js';
import type { RemoteMail, Signal } from './remote.js';
import type { ActorDefinition, ActorRef, AnyRef, SpawnOptions } from './types.js';

/** How a host is made. */
export interface HostOptions {
  /** Its part of every address: thread index in the low 8 bits, incarnation above. Default 0. */
  readonly id?: number;
  /** Default: the event loop of this thread. */
  readonly clock?: ActorClock;
  /** Default: a fresh one, which other threads are given. */
  readonly depths?: DepthTable;
  /** Messages that an actor handles before its neighbours get a turn. Default 64. */
  readonly turnMessages?: number;
  /** Microseconds after which its neighbours get a turn, whichever comes first. Default 200. */
  readonly turnUs?: number;
  /** Microseconds for which the dispatcher keeps the event loop. Default 1,000. */
  readonly dispatchUs?: number;
  /** Milliseconds that a handler or hook may take to return when its actor is to end or restart. Default 5,000. */
  readonly stopTimeoutMs?: number;
  /** Messages that one actor may have set aside. Default 65,536. */
  readonly stashCapacity?: number;
  /** 0 to 1, for routers and the jitter of restarts. Default Math.random. */
  readonly random?: () => number;
}

/** Counters since the host was made, and what it holds now. */
export interface HostStats {
  readonly actors: number;
  readonly pendingAsks: number;
  readonly spawned: number;
  readonly stopped: number;
  readonly restarts: number;
  readonly failures: number;
  /** Messages that handlers were called with. */
  readonly handled: number;
  readonly deadLetters: number;
  /** Turns of actors that were ended by `turnMessages` or `turnUs`. */
  readonly preemptions: number;
}

/** The host of one thread; see the top of this file. */
export declare class ActorHost {
  constructor(options?: HostOptions);
  readonly id: number;
  readonly depths: DepthTable;
  readonly registry: NameRegistry;
  readonly events: EventStream;
  /** What reaches other hosts; null while there are none. */
  outside: RemoteMail | null;
  readonly isClosed: boolean;
  /** Spawns an actor without parent. @throws RuntimeClosedError, NameTakenError, NoBehaviourError, TooManyActorsError */
  spawn<M, A>(definition: ActorDefinition<M, A>, args: A, options?: SpawnOptions): ActorRef<M>;
  /** Delivers a message from another host, for which the teller has reserved a place (`DepthTable.reserve`). */
  deliver(slot: number, generation: number, message: unknown, sender: ActorAddress | null): void;
  /** Takes a system message from another host. */
  signalled(slot: number, generation: number, signal: Signal): void;
  /** A live reference to an actor of any host, say from an address that came in a message. */
  ref<M>(address: ActorAddress): ActorRef<M>;
  /** Stops an actor of this host, or asks another host to. */
  stop(ref: AnyRef): void;
  /** Calls `ended` once when that actor, of any host, has ended. */
  watch(address: ActorAddress, ended: (address: ActorAddress) => void): void;
  /** Another host is gone: its actors have ended as far as anybody here watches them. */
  hostDied(id: number): void;
  /** Lets ready actors run now, for `dispatchUs` at most: for the mail links, at the end of a batch. */
  run(): void;
  stats(): HostStats;
  /** Stops every actor, children first, and fails pending asks. Settles when the last one has ended. */
  close(): Promise<void>;
}
