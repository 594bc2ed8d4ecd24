/** A host's slot table: which recipient has which slot, and the depth table beside it. */

import { TooManyActorsError } from '../errors.js';
import { ActorAddress } from './address.js';
import type { DepthTable } from './depth-table.js';
import type { Recipient } from './recipient.js';

/** The slots of one host. */
export class SlotTable {
  readonly depths: DepthTable;
  private readonly host: number;
  private readonly recipients: (Recipient | null)[] = [];
  /** Last in, first out: a slot that was used a moment ago is in the cache. */
  private readonly free: number[] = [];

  constructor(host: number, depths: DepthTable) {
    this.host = host;
    this.depths = depths;
  }

  /** Slots that have ever been in use: the first ones of the table. */
  get used(): number {
    return this.recipients.length;
  }

  /**
   * Takes a slot; `fill` puts the recipient there.
   * @param packedMark high-water mark and policy, as `packMark` makes it
   * @throws TooManyActorsError
   */
  open(capacity: number, packedMark: number): ActorAddress {
    let slot = this.free.pop();
    if (slot === undefined) {
      slot = this.recipients.length;
      if (slot >= this.depths.slots) throw new TooManyActorsError(`this host has room for ${slot} actors`);
      this.recipients.push(null);
    }
    return new ActorAddress(this.host, slot, this.depths.open(slot, capacity, packedMark));
  }

  fill(address: ActorAddress, recipient: Recipient): void {
    this.recipients[address.slot] = recipient;
  }

  /** Frees the slot: tellers anywhere are refused from now on. */
  close(address: ActorAddress): void {
    this.depths.close(address.slot);
    this.recipients[address.slot] = null;
    this.free.push(address.slot);
  }

  find(slot: number, generation: number): Recipient | null {
    const recipient = this.recipients[slot] ?? null;
    return recipient !== null && recipient.address.generation === generation ? recipient : null;
  }

  /** All recipients, those that come during the walk included. */
  *[Symbol.iterator](): Iterator<Recipient> {
    for (let slot = 0; slot < this.recipients.length; slot++) {
      const recipient = this.recipients[slot];
      if (recipient) yield recipient;
    }
  }
}
