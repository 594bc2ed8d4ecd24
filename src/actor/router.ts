/** Routers: one reference in front of several actors. They have an address of their own, and so can be sent in messages. */

import { InvalidOptionError, showValue } from '../errors.js';
import * as layout from '../layout/layout.gen.js';
import { type ActorAddress, addressOf } from './address.js';
import { ask } from './ask.js';
import type { HostCore } from './core.js';
import { packMark } from './depth-table.js';
import { hashText } from './hash.js';
import { Reference } from './reference.js';
import type { Signal } from './remote.js';
import type { ActorRef, AskOptions, TellResult } from './types.js';
import { announceEnd, forgetWatchers, heedWatcher, type Watched } from './watch.js';

/**
 * Whom a router tells.
 * - `round-robin`: one after the other.
 * - `random`: anyone.
 * - `least-mailbox`: one that has the fewest messages before it, on any host.
 * - `broadcast`: everyone.
 * - `{ hashKey }`: always the same one for the same key; when routees come and go only their own keys move.
 */
export type Routing<M> =
  | 'round-robin'
  | 'random'
  | 'least-mailbox'
  | 'broadcast'
  | { readonly hashKey: (message: M) => string | number };

type Choose<M> = (message: M, routees: readonly ActorRef<M>[]) => ActorRef<M>;

/** A router never holds messages, so its depth says nothing; but remote tellers reserve a place with everyone. */
const CAPACITY = layout.ACTOR_CAPACITY_MAX;
const MARK = packMark(CAPACITY, 'refuse');

/** A router; belongs to whoever made it, and forgets routees that have ended. */
export class Router<M> extends Reference implements ActorRef<M>, Watched {
  readonly address: ActorAddress;
  /** The runtime's own. */
  readonly core: HostCore;
  /** The runtime's own. */
  watchers: Map<string, ActorAddress> | null = null;
  private readonly choose: Choose<M> | null;
  private members: ActorRef<M>[] = [];
  private isOpen = true;

  /** @throws InvalidOptionError, TooManyActorsError */
  constructor(core: HostCore, routing: Routing<M>, routees: readonly ActorRef<M>[]) {
    super();
    this.core = core;
    if (!Array.isArray(routees)) throw new InvalidOptionError(`routees must be an array, not ${showValue(routees)}`);
    routees.forEach(addressOf);
    this.choose = routing === 'broadcast' ? null : chooser(core, routing);
    this.address = core.slots.open(CAPACITY, MARK);
    core.slots.fill(this.address, this);
    for (const routee of routees) this.add(routee);
  }

  get ref(): ActorRef<never> {
    return this;
  }

  /** As of now. */
  get routees(): readonly ActorRef<M>[] {
    return [...this.members];
  }

  /** Adds a routee; one that is there already is not added again. */
  add(routee: ActorRef<M>): void {
    const address = addressOf(routee);
    if (!this.isOpen || this.members.some((one) => one.address.equals(address))) return;
    this.members.push(routee);
    this.core.agent.watch(address, this.forget);
  }

  remove(routee: ActorRef<M>): void {
    this.core.agent.unwatch(routee.address, this.forget);
    this.forget(routee.address);
  }

  /** Of a broadcast: `sent` if all took it well, `refused` if nobody took it, else `queued`. */
  tell(message: M): TellResult {
    const { current } = this.core.dispatcher;
    return this.tellFrom(message, current === null ? null : current.address);
  }

  ask<R>(make: (replyTo: ActorRef<R>) => M, options?: AskOptions): Promise<R> {
    return ask(this.core, this, make, options);
  }

  tellFrom(message: unknown, sender: ActorAddress | null): TellResult {
    if (this.members.length === 0) {
      this.core.deadLetter(message, this.address, sender, 'no-actor');
      return 'refused';
    }
    if (this.choose === null) return this.broadcast(message as M, sender);
    const chosen = this.choose(message as M, this.members);
    return this.core.tellTo(chosen.address, message, sender);
  }

  accept(message: unknown, sender: ActorAddress | null): void {
    this.core.slots.depths.release(this.address.slot);
    this.tellFrom(message, sender);
  }

  signal(signal: Signal): void {
    if (signal.kind === 'stop') this.close();
    if (signal.kind === 'watch' || signal.kind === 'unwatch') heedWatcher(this, signal.from, signal.kind === 'watch');
  }

  hostDied(host: number): void {
    forgetWatchers(this, host);
  }

  hostClosed(): void {
    this.close();
  }

  /** Frees its address. Its routees live on. */
  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    for (const { address } of this.members) this.core.agent.unwatch(address, this.forget);
    this.members = [];
    this.core.slots.close(this.address);
    announceEnd(this, this.core.isClosed ? 'closed' : 'stopped');
  }

  private broadcast(message: M, sender: ActorAddress | null): TellResult {
    const results = this.members.map((one) => this.core.tellTo(one.address, message, sender));
    if (results.every((result) => result === 'refused')) return 'refused';
    return results.every((result) => result === 'sent') ? 'sent' : 'queued';
  }

  private readonly forget = (address: ActorAddress): void => {
    this.members = this.members.filter((one) => !one.address.equals(address));
  };
}

function chooser<M>(core: HostCore, routing: Exclude<Routing<M>, 'broadcast'>): Choose<M> {
  if (typeof routing === 'object' && typeof routing?.hashKey === 'function') return hashChooser(routing.hashKey);
  switch (routing) {
    case 'round-robin': {
      let last = -1;
      return (_message, routees) => {
        last = (last + 1) % routees.length;
        return routees[last] as ActorRef<M>;
      };
    }
    case 'random':
      return (_message, routees) => {
        const index = Math.floor(core.limits.random() * routees.length);
        return routees[Math.min(index, routees.length - 1)] as ActorRef<M>;
      };
    case 'least-mailbox':
      return (_message, routees) => leastLoaded(core, routees);
    default:
      throw new InvalidOptionError(`${showValue(routing)} is no way to route`);
  }
}

function leastLoaded<M>(core: HostCore, routees: readonly ActorRef<M>[]): ActorRef<M> {
  let best = routees[0] as ActorRef<M>;
  let bestDepth = Number.POSITIVE_INFINITY;
  for (const one of routees) {
    const depth = core.depthOf(one.address);
    if (depth >= bestDepth) continue;
    best = one;
    bestDepth = depth;
  }
  return best;
}

/** Rendezvous hashing: each routee has a score for each key and the highest wins, so nobody else's keys ever move. */
function hashChooser<M>(hashKey: (message: M) => string | number): Choose<M> {
  return (message, routees) => {
    const key = hashText(String(hashKey(message)));
    let best = routees[0] as ActorRef<M>;
    let bestScore = -1;
    for (const one of routees) {
      const { host, slot, generation } = one.address;
      const score = mix(key ^ mix(host ^ mix(slot ^ mix(generation))));
      if (score <= bestScore) continue;
      best = one;
      bestScore = score;
    }
    return best;
  };
}

/** The finalizer of MurmurHash3: every bit of the input moves half of the output. @returns 0 to 2^32 - 1 */
function mix(value: number): number {
  let hash = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
