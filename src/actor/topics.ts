/**
 * What a host publishes about itself: on the event stream, which all threads of a runtime share, and on the
 * `node:diagnostics_channel` of the same name, which belongs to the actor's thread.
 */
import { channel } from 'node:diagnostics_channel';
import { inspect } from 'node:util';
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
 * - `unhandled`: its actor's behaviour takes no messages.
 * - `closed`: the host is closed.
 */
export type DeadLetterReason = 'no-actor' | 'full' | 'dropped' | 'unreachable' | 'unreadable' | 'unhandled' | 'closed';

/** A message that reached nobody. */
export interface DeadLetter {
  /** Its text (`util.inspect`) where the letter is told on another thread, and the message can't be sent there. */
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

/** An actor has moved to another worker, or could not. */
export interface ActorMove {
  /** Where it was. */
  readonly address: ActorAddress;
  /** Where it lives now; null: it did not move. */
  readonly to: ActorAddress | null;
  readonly name: string | null;
  /** Why it did not; null if it did. */
  readonly error: unknown;
}

function topicOf<E>(name: string, portable?: (event: E) => E): Topic<E> {
  return new Topic<E>(name, channel(name), portable);
}

/** A message that could not be sent is what dead letters are often about. */
const withoutMessage = (letter: DeadLetter): DeadLetter => ({ ...letter, message: inspect(letter.message) });
const withText = <E extends { readonly error: unknown }>(event: E): E => ({
  ...event,
  error: event.error === null ? null : new Error(inspect(event.error)),
});

export const deadLetters = topicOf<DeadLetter>('sanswitch.dead-letter', withoutMessage); // counted in any case: HostStats
export const actorSpawns = topicOf<ActorSpawn>('sanswitch.actor-spawned'); // one event per actor
export const actorFailures = topicOf<ActorFailure>('sanswitch.actor-failed', withText); // one event per failure
export const actorEnds = topicOf<ActorEnd>('sanswitch.actor-ended'); // one event per actor
export const actorMoves = topicOf<ActorMove>('sanswitch.actor-moved', withText); // on the thread where the actor was
export const highWater = topicOf<HighWater>('sanswitch.high-water'); // for any policy
export const handlersAbandoned = topicOf<HandlerAbandoned>('sanswitch.handler-abandoned'); // an actor that never returns
