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
 * - `held`: `from`, a former address of the addressed actor, holds back what this one refused, until there is room.
 * - `moved`: the actor that was at the addressed place has moved on to `to`; it was its move number `moves`, from 1.
 * - `fence`: travels in order with the messages that `from`, a former address of the actor, has sent on.
 * - `fenced`: the fence has reached the mailbox, and all those messages before it.
 */
export type Signal =
  | {
      readonly kind: 'watch' | 'unwatch' | 'blocked' | 'drained' | 'held' | 'fence' | 'fenced';
      readonly from: ActorAddress;
    }
  | { readonly kind: 'terminated'; readonly from: ActorAddress; readonly reason: StopReason }
  | { readonly kind: 'moved'; readonly to: ActorAddress; readonly moves: number }
  | { readonly kind: 'stop' };

/** `from` declares these fields for its messages: those of that form travel by them from now on. For the hosts, not the actors. */
export interface FieldsSignal {
  readonly kind: 'fields';
  readonly from: ActorAddress;
  readonly fields: MessageFields;
}

/** Something for the other host's gate (`runtime/gate.ts`), not for an actor. */
export interface GateSignal {
  readonly kind: 'gate';
  readonly subject: string;
  readonly body: unknown;
}

/** Answers in place of an actor that is not there, or whose host is gone, if anybody waits for an answer. */
export function answerForNobody(
  address: ActorAddress,
  signal: Signal,
  reason: StopReason,
  answer: (to: ActorAddress, signal: Signal) => void,
): void {
  if (signal.kind === 'watch') answer(signal.from, { kind: 'terminated', from: address, reason });
  else if (signal.kind === 'fence') answer(signal.from, { kind: 'fenced', from: address });
}

/** Why mail for another host is given up: see `DeadLetterReason`. */
export type Refusal = 'no-actor' | 'full' | 'dropped' | 'unreachable';

/** What reaches the actors of other hosts. Given to a host as `ActorHost.outside`. */
export interface RemoteMail {
  /**
   * Carries a message; reserves its place in the depth table of the other host first (`DepthTable.reserve`).
   * `refused` means that the message was given up: the calling host counts the dead letter.
   */
  tell(address: ActorAddress, message: unknown, sender: ActorAddress | null): TellResult;
  /** Why a message that was refused just now was, as far as can be seen from here. */
  refusal(address: ActorAddress): Refusal;
  /** Carries a system message. Where the other host is gone, `answerForNobody` answers. */
  signal(address: ActorAddress, signal: Signal): void;
  /** Messages in an actor's mailbox or on their way to it; `Infinity` if it can't be reached. */
  depth(address: ActorAddress): number;
}
