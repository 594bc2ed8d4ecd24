/** What a mail link delivers to: the host of its thread. */
import type { ActorAddress } from '../address.js';
import type { FieldsSignal, GateSignal, Signal } from '../remote.js';
import type { ActorRef } from '../types.js';
import type { FixedCodec } from './fixed-codec.js';
import type { MailLink } from './link.js';

/** Called from the reactor's batches. What these throw is rethrown on its own, after the batch. */
export interface MailSink {
  /** How the messages of an actor of this host are read; null: it declares no fields, or is gone. */
  codecOf(slot: number, generation: number): FixedCodec | null;
  /** A message for an actor of this host. */
  deliver(slot: number, generation: number, message: unknown, sender: ActorAddress | null): void;
  /** A message that can't be read: its actor is gone, declares other fields, or its attachments went down with the teller. */
  undeliverable(slot: number, generation: number, sender: ActorAddress | null): void;
  signalled(slot: number, generation: number, signal: Signal | FieldsSignal | GateSignal): void;
  /** A live reference of this thread. */
  ref(address: ActorAddress): ActorRef<never>;
  /** The end of a batch that delivered something: the actors may run. */
  run(): void;
  /**
   * The link is closed, and not by its owner: the other thread has ended, all that it had published was delivered before.
   * @param error why, if it is not simply that: it wrote nonsense (RingCorruptError), or the system failed
   */
  ended(link: MailLink, error: unknown): void;
}
