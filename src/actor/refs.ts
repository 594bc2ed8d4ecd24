/** References: what is told, and carries it to where the actor is. */

import type { ActorAddress } from './address.js';
import { ask } from './ask.js';
import type { HostCore } from './core.js';
import type { Recipient } from './recipient.js';
import { Reference } from './reference.js';
import type { ActorRef, AskOptions, TellResult } from './types.js';

/** A reference to a recipient of this host; the recipient's only one. */
export class LocalRef extends Reference implements ActorRef<unknown> {
  private readonly core: HostCore;
  private recipient: Recipient;

  constructor(core: HostCore, recipient: Recipient) {
    super();
    this.core = core;
    this.recipient = recipient;
  }

  get address(): ActorAddress {
    return this.recipient.address;
  }

  /** Another one has taken the recipient's place, at the same address. */
  redirect(recipient: Recipient): void {
    this.recipient = recipient;
  }

  tell(message: unknown): TellResult {
    const { current } = this.core.dispatcher;
    return this.recipient.tellFrom(message, current === null ? null : current.address);
  }

  ask<R>(make: (replyTo: ActorRef<R>) => unknown, options?: AskOptions): Promise<R> {
    return ask(this.core, this, make, options);
  }
}

/** A reference to an actor of another host, or to one of this host that has ended. */
export class AddressRef extends Reference implements ActorRef<unknown> {
  readonly address: ActorAddress;
  private readonly core: HostCore;

  constructor(core: HostCore, address: ActorAddress) {
    super();
    this.core = core;
    this.address = address;
  }

  tell(message: unknown): TellResult {
    const { current } = this.core.dispatcher;
    return this.core.tellOutside(this.address, message, current === null ? null : current.address);
  }

  ask<R>(make: (replyTo: ActorRef<R>) => unknown, options?: AskOptions): Promise<R> {
    return ask(this.core, this, make, options);
  }
}
