/** The seam between an actor host and what carries mail to the others. */

import type { ActorAddress } from './address.js';
import type { MessageFields, StopReason, TellResult } from './types.js';

/**
 * System messages. They are never bounded, never lost while both hosts live, and overtake ordinary mail.
 * - `watch`, `unwatch`: `from` wants (no more) to be told when the addressed actor ends.
 * - `terminated`: `from`, which the addressed actor watches, has ended.
 * - `stop`: the addressed actor shall stop.
 * - `blocked`: `from` was answered `queued` or `refused` by the addressed actor, and wants to know when there is room.
 * - `drained`: the mailbox of `from` has room again.
 */
export type Signal =
  | { readonly kind: 'watch' | 'unwatch' | 'blocked' | 'drained'; readonly from: ActorAddress }
  | { readonly kind: 'terminated'; readonly from: ActorAddress; readonly reason: StopReason }
  | { readonly kind: 'stop' };

/** `from` declares these fields for its messages: those of that form travel by them from now on. For the hosts, not the actors. */
export interface FieldsSignal {
  readonly kind: 'fields';
  readonly from: ActorAddress;
  readonly fields: MessageFields;
}

/** What reaches the actors of other hosts. Given to a host as `ActorHost.outside`. */
export interface RemoteMail {
  /**
   * Carries a message; reserves its place in the depth table of the other host first (`DepthTable.reserve`).
   * `refused` means that the message was given up: the calling host counts the dead letter.
   */
  tell(address: ActorAddress, message: unknown, sender: ActorAddress | null): TellResult;
  /** Carries a system message. Where the other host is gone: a `watch` is answered `terminated`, all else is dropped. */
  signal(address: ActorAddress, signal: Signal): void;
  /** Messages in an actor's mailbox or on their way to it; `Infinity` if it can't be reached. */
  depth(address: ActorAddress): number;
}
