/** Events for the other threads: whoever subscribes hears what is published anywhere in the runtime. */

import { NotSerializableError } from '../errors.js';
import type { ActorAddress } from './address.js';
import type { HostCore } from './core.js';
import { packMark } from './depth-table.js';
import type { EventOutlet, Topic } from './events.js';
import type { Recipient } from './recipient.js';
import { LocalRef } from './refs.js';
import type { TellResult } from './types.js';

/** Events on their way to one thread. Beyond these a thread that does not keep up misses some. */
const CAPACITY = 65_536;

/** A thread wants (no more) to hear of a topic. `to`: where its events are told. */
export interface AudienceNotice {
  readonly topic: string;
  readonly isWanted: boolean;
  readonly to: ActorAddress;
}

/** What carries such a notice to one other host, or (null) to all. */
type Announce = (host: number | null, notice: AudienceNotice) => void;

/**
 * One host's relay. A thread says which topics it has an audience for, and is told those events and no others, once each:
 * a relay passes on what its own host publishes, never what it was told.
 */
export class EventRelay implements Recipient, EventOutlet {
  readonly address: ActorAddress;
  readonly ref: LocalRef;
  /** Events that another thread had no room for. */
  missed = 0;
  private readonly core: HostCore;
  private readonly announce: Announce;
  /** Those who want to hear, by topic and host. */
  private readonly wanted = new Map<string, Map<number, ActorAddress>>();

  /** @throws TooManyActorsError */
  constructor(core: HostCore, announce: Announce) {
    this.core = core;
    this.announce = announce;
    this.address = core.slots.open(CAPACITY, packMark(CAPACITY, 'refuse'));
    core.slots.fill(this.address, this);
    this.ref = new LocalRef(core, this);
    core.events.outlet = this;
  }

  /** A link to that host stands: it hears what there is an audience for here. */
  joined(host: number): void {
    for (const topic of this.core.events.topics()) this.announce(host, { topic, isWanted: true, to: this.address });
  }

  /** Another host has said so. */
  noticed({ topic, isWanted, to }: AudienceNotice): void {
    const hosts = this.wanted.get(topic) ?? new Map<number, ActorAddress>();
    if (isWanted) hosts.set(to.host, to);
    else hosts.delete(to.host);
    if (hosts.size > 0) this.wanted.set(topic, hosts);
    else this.wanted.delete(topic);
  }

  /** That host has ended. */
  left(host: number): void {
    for (const [topic, hosts] of this.wanted) {
      if (hosts.delete(host) && hosts.size === 0) this.wanted.delete(topic);
    }
  }

  // ------------------------------------------------------------ for the event stream

  audienceChanged(topic: string, isWanted: boolean): void {
    this.announce(null, { topic, isWanted, to: this.address });
  }

  hasAudience(topic: string): boolean {
    return this.wanted.has(topic);
  }

  publish<E>(topic: Topic<E>, event: E): void {
    const { outside } = this.core;
    for (const to of this.wanted.get(topic.name)?.values() ?? []) {
      if (outside === null || this.tell(to, topic, event) === 'refused') this.missed++;
    }
  }

  // ------------------------------------------------------------ for the slot table

  accept(message: unknown): void {
    this.core.slots.depths.release(this.address.slot);
    const [topic, event] = message as readonly [string, unknown];
    this.core.events.deliver(topic, event);
  }

  /** Nobody on this host has business to tell it anything. */
  tellFrom(message: unknown, sender: ActorAddress | null): TellResult {
    this.core.deadLetter(message, this.address, sender, 'no-actor');
    return 'refused';
  }

  signal(): void {}

  hostDied(): void {}

  hostClosed(): void {}

  /** @throws NotSerializableError, for a topic that does not say what may stand for such an event */
  private tell<E>(to: ActorAddress, topic: Topic<E>, event: E): TellResult {
    const tell = (what: E) => this.core.outside?.tell(to, [topic.name, what], null) ?? 'refused';
    try {
      return tell(event);
    } catch (error) {
      if (topic.portable === undefined || !(error instanceof NotSerializableError)) throw error;
      return tell(topic.portable(event));
    }
  }
}
