/** What may stand in a host's slot table: an actor, a pending ask, a router. */

import type { ActorAddress } from './address.js';
import type { Signal } from './remote.js';
import type { ActorRef, TellResult } from './types.js';

/** Something with an address on this host. */
export interface Recipient {
  readonly address: ActorAddress;
  /** What this host's code holds to reach it. */
  readonly ref: ActorRef<never>;
  /** Takes a message from a teller on this host, which has reserved nothing. */
  tellFrom(message: unknown, sender: ActorAddress | null): TellResult;
  /** Takes a message for which a place is reserved in the depth table. */
  accept(message: unknown, sender: ActorAddress | null): void;
  signal(signal: Signal): void;
  /** Another host is gone. Called if the recipient has watched an actor of another host, or waits for one. */
  hostDied(host: number): void;
  /** This host closes. */
  hostClosed(): void;
}
