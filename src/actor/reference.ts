/** How references show themselves, in logs above all: by the address, not by what the runtime keeps behind them. */

import { inspect } from 'node:util';
import type { ActorAddress } from './address.js';

/** Something that is told messages at an address. */
export abstract class Reference {
  abstract readonly address: ActorAddress;

  /** The text form of the address, which `ActorAddress.parse` reads. */
  toString(): string {
    return this.address.toString();
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return `ActorRef <${this}>`;
  }
}
