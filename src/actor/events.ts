/** Publish and subscribe within a host: events by topic, to actors of any host and to listeners of this one. */

import type { Channel } from 'node:diagnostics_channel';
import { rethrowLater } from '../rethrow.js';
import type { ActorAddress } from './address.js';
import type { ActorRef } from './types.js';

/** Names what is published, and of what type it is. Topics of the same name are the same topic. */
export class Topic<in out E> {
  readonly name: string;
  /** Where events are published as well, whichever stream they come from; undefined for an application's topics. */
  readonly channel: Channel | undefined;
  /** Only for the type checker, which takes topics of different events for different types by it. */
  declare readonly event: (event: E) => E;

  constructor(name: string, channel?: Channel) {
    this.name = name;
    this.channel = channel;
  }
}

/** How a stream learns that a subscriber has ended. */
export interface EndWatcher {
  /** Calls `ended` once when that actor has ended. */
  watch(address: ActorAddress, ended: (address: ActorAddress) => void): void;
  /** Takes that back. */
  unwatch(address: ActorAddress, ended: (address: ActorAddress) => void): void;
}

interface Audience {
  readonly actors: Map<string, ActorRef<unknown>>;
  readonly listeners: Set<(event: unknown) => void>;
}

/** The event stream of one host. */
export class EventStream {
  private readonly audiences = new Map<string, Audience>();
  private readonly watcher: EndWatcher;

  constructor(watcher: EndWatcher) {
    this.watcher = watcher;
  }

  /** Tells the actor every event of the topic, until it ends or unsubscribes. Subscribing twice changes nothing. */
  subscribe<E>(topic: Topic<E>, subscriber: ActorRef<E>): void {
    this.audience(topic.name).actors.set(subscriber.address.toString(), subscriber as ActorRef<unknown>);
    this.watcher.watch(subscriber.address, this.forget);
  }

  unsubscribe<E>(topic: Topic<E>, subscriber: ActorRef<E>): void {
    const { address } = subscriber;
    const key = address.toString();
    this.audiences.get(topic.name)?.actors.delete(key);
    this.tidy(topic.name);
    for (const { actors } of this.audiences.values()) if (actors.has(key)) return;
    this.watcher.unwatch(address, this.forget);
  }

  /** Calls a function with every event of the topic. @returns what ends that */
  listen<E>(topic: Topic<E>, listener: (event: E) => void): () => void {
    // One more function, so that a listener that listens twice is called twice.
    const own = (event: unknown) => listener(event as E);
    this.audience(topic.name).listeners.add(own);
    return () => {
      this.audiences.get(topic.name)?.listeners.delete(own);
      this.tidy(topic.name);
    };
  }

  /** Tells everybody who wants to know. What a listener throws becomes an uncaught exception. */
  publish<E>(topic: Topic<E>, event: E): void {
    if (topic.channel?.hasSubscribers) topic.channel.publish(event);
    const audience = this.audiences.get(topic.name);
    if (audience === undefined) return;
    for (const actor of audience.actors.values()) actor.tell(event);
    for (const listener of audience.listeners) {
      try {
        listener(event);
      } catch (error) {
        rethrowLater(error);
      }
    }
  }

  /** Whether anybody would be told: what is dear to make is made only then. */
  hasAudience<E>(topic: Topic<E>): boolean {
    return this.audiences.has(topic.name) || topic.channel?.hasSubscribers === true;
  }

  private audience(name: string): Audience {
    let audience = this.audiences.get(name);
    if (audience === undefined) {
      audience = { actors: new Map(), listeners: new Set() };
      this.audiences.set(name, audience);
    }
    return audience;
  }

  private tidy(name: string): void {
    const audience = this.audiences.get(name);
    if (audience?.actors.size === 0 && audience.listeners.size === 0) this.audiences.delete(name);
  }

  private readonly forget = (address: ActorAddress): void => {
    const key = address.toString();
    for (const [name, audience] of this.audiences) {
      if (audience.actors.delete(key)) this.tidy(name);
    }
  };
}
