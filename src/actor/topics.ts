/**
 * What a host publishes about itself: on its event stream, and on the `node:diagnostics_channel` of the same name, which
 * belongs to the actor's thread.
 */
import { channel } from 'node:diagnostics_channel';
import type { ActorAddress } from './address.js';
import { Topic } from './events.js';
import type { StopReason } from './types.js';

/**
 * Why a message reached nobody.
 * - `no-actor`: its actor has ended, or never was.
 * - `full`: the mailbox was full.
 * - `dropped`: it was given up for a newer one, or by the policy `drop-newest`.
 * - `unreachable`: what carries mail to the other host did not take it.
 * - `unreadable`: it came from another thread, and what it was made of did not.
 * - `closed`: the host is closed.
 */
export type DeadLetterReason = 'no-actor' | 'full' | 'dropped' | 'unreachable' | 'unreadable' | 'closed';

/** A message that reached nobody. */
export interface DeadLetter {
  readonly message: unknown;
  readonly to: ActorAddress;
  readonly sender: ActorAddress | null;
  readonly reason: DeadLetterReason;
}

/** An actor failed; `outcome` says what was done about it. */
export interface ActorFailure {
  readonly address: ActorAddress;
  readonly error: unknown;
  readonly outcome: 'restarted' | 'resumed' | 'stopped' | 'escalated';
}

/** An actor has ended. */
export interface ActorEnd {
  readonly address: ActorAddress;
  /** Its name in the registry, if it had one. */
  readonly name: string | null;
  readonly reason: StopReason;
}

/** An actor was spawned. */
export interface ActorSpawn {
  readonly address: ActorAddress;
  readonly name: string | null;
  /** Null for an actor that was spawned from outside. */
  readonly parent: ActorAddress | null;
}

/** A mailbox has risen to its high-water mark. Published again only after it has fallen to half of it. */
export interface HighWater {
  readonly address: ActorAddress;
  readonly depth: number;
}

/** A handler did not return in time when its actor was to stop or restart: it was left behind. */
export interface HandlerAbandoned {
  readonly address: ActorAddress;
  readonly afterMs: number;
}

function topicOf<E>(name: string): Topic<E> {
  return new Topic<E>(name, channel(name));
}

export const deadLetters = topicOf<DeadLetter>('sanswitch.dead-letter'); // counted in any case: HostStats
export const actorSpawns = topicOf<ActorSpawn>('sanswitch.actor-spawned'); // one event per actor
export const actorFailures = topicOf<ActorFailure>('sanswitch.actor-failed'); // one event per failure
export const actorEnds = topicOf<ActorEnd>('sanswitch.actor-ended'); // one event per actor
export const highWater = topicOf<HighWater>('sanswitch.high-water'); // for any policy
export const handlersAbandoned = topicOf<HandlerAbandoned>('sanswitch.handler-abandoned'); // an actor that never returns
