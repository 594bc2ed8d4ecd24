/** Where an actor lives: what a reference comes down to when it crosses a thread. */

import { InvalidOptionError, showValue } from '../errors.js';
import type { AnyRef } from './types.js';

const PREFIX = 'sanswitch-actor:';
const FORM = /^sanswitch-actor:(\d{1,10})\.(\d{1,10})\.(\d{1,10})$/;
const U32_MAX = 2 ** 32 - 1;

/** The place of one actor. Immutable; never given to another actor, for a slot's generation grows with each use. */
export class ActorAddress {
  /** The thread: its index in the low 8 bits, its incarnation above (a worker that comes back is another host). */
  readonly host: number;
  /** Index in that host's slot table. */
  readonly slot: number;
  /** Which use of the slot; always odd for an actor. */
  readonly generation: number;

  constructor(host: number, slot: number, generation: number) {
    this.host = host;
    this.slot = slot;
    this.generation = generation;
  }

  /** Reads the text form. @throws InvalidOptionError */
  static parse(text: string): ActorAddress {
    const [host, slot, generation] = FORM.exec(text)?.slice(1).map(Number) ?? [];
    const isGood = host! <= U32_MAX && slot! <= U32_MAX && generation! <= U32_MAX;
    if (!isGood) throw new InvalidOptionError(`${showValue(text)} is no actor address`);
    return new ActorAddress(host!, slot!, generation!);
  }

  equals(other: ActorAddress): boolean {
    return this.slot === other.slot && this.generation === other.generation && this.host === other.host;
  }

  /** `sanswitch-actor:HOST.SLOT.GENERATION`, which `parse` reads. Also good as a key. */
  toString(): string {
    return `${PREFIX}${this.host}.${this.slot}.${this.generation}`;
  }
}

/** The address of what was given as a reference or an address. @throws InvalidOptionError if it is neither */
export function addressOf(ref: AnyRef): ActorAddress {
  const address: unknown = ref instanceof ActorAddress ? ref : ref?.address;
  if (address instanceof ActorAddress) return address;
  throw new InvalidOptionError(`${showValue(ref)} is neither a reference to an actor nor an actor's address`);
}
