/** The host's own recipient: what watches actors for the registry, the event stream, routers and the runtime. */

import { rethrowLater } from '../rethrow.js';
import type { ActorAddress } from './address.js';
import type { HostCore } from './core.js';
import { packMark } from './depth-table.js';
import type { EndWatcher } from './events.js';
import type { Recipient } from './recipient.js';
import { LocalRef } from './refs.js';
import type { Signal } from './remote.js';
import type { StopReason, TellResult } from './types.js';

type Ended = (address: ActorAddress, reason: StopReason) => void;

/** Watches for code that is no actor. Its address is the first of its host. */
export class HostAgent implements Recipient, EndWatcher {
  readonly address: ActorAddress;
  readonly ref: LocalRef;
  private readonly core: HostCore;
  private readonly watched = new Map<string, { readonly address: ActorAddress; readonly ended: Set<Ended> }>();

  constructor(core: HostCore) {
    this.core = core;
    this.address = core.slots.open(1, packMark(1, 'refuse'));
    core.slots.fill(this.address, this);
    this.ref = new LocalRef(core, this);
  }

  watch(address: ActorAddress, ended: Ended): void {
    const key = address.toString();
    const known = this.watched.get(key);
    if (known !== undefined) {
      known.ended.add(ended);
      return;
    }
    this.watched.set(key, { address, ended: new Set([ended]) });
    this.core.sendWatch(address, this);
  }

  unwatch(address: ActorAddress, ended: Ended): void {
    const key = address.toString();
    const known = this.watched.get(key);
    if (known === undefined || !known.ended.delete(ended) || known.ended.size > 0) return;
    this.watched.delete(key);
    this.core.sendSignal(address, { kind: 'unwatch', from: this.address });
  }

  /** Nobody has business to tell the agent anything. */
  tellFrom(message: unknown, sender: ActorAddress | null): TellResult {
    this.core.deadLetter(message, this.address, sender, 'no-actor');
    return 'refused';
  }

  accept(message: unknown, sender: ActorAddress | null): void {
    this.core.slots.depths.release(this.address.slot);
    this.tellFrom(message, sender);
  }

  signal(signal: Signal): void {
    if (signal.kind !== 'terminated') return;
    const key = signal.from.toString();
    const known = this.watched.get(key);
    this.watched.delete(key);
    for (const ended of known?.ended ?? []) {
      try {
        ended(signal.from, signal.reason);
      } catch (error) {
        rethrowLater(error);
      }
    }
  }

  hostDied(host: number): void {
    for (const { address } of [...this.watched.values()]) {
      if (address.host === host) this.signal({ kind: 'terminated', from: address, reason: 'worker-died' });
    }
  }

  hostClosed(): void {}
}
