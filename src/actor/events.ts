/** Publish and subscribe: events by topic, published on any thread of the runtime, to actors and to listeners. */

import type { Channel } from 'node:diagnostics_channel';
import { rethrowLater } from '../rethrow.js';
import { type ActorAddress, addressOf } from './address.js';
import { checkFunction } from './options.js';
import type { ActorRef } from './types.js';

/** Names what is published, and of what type it is. Topics of the same name are the same topic. */
export class Topic<in out E> {
  readonly name: string;
  /** Where events are published as well, whichever stream they come from; undefined for an application's topics. */
  readonly channel: Channel | undefined;
  /** What stands for an event that can't be sent to another thread; undefined: publishing such a one throws. */
  readonly portable: ((event: E) => E) | undefined;
  /** Only for the type checker, which takes topics of different events for different types by it. */
  declare readonly event: (event: E) => E;

  constructor(name: string, channel?: Channel, portable?: (event: E) => E) {
    this.name = name;
    this.channel = channel;
    this.portable = portable;
  }
}

/** How a stream learns that a subscriber has ended. */
export interface EndWatcher {
  /** Calls `ended` once when that actor has ended. */
  watch(address: ActorAddress, ended: (address: ActorAddress) => void): void;
  /** Takes that back. */
  unwatch(address: ActorAddress, ended: (address: ActorAddress) => void): void;
}

/** What passes events on to the other threads. */
export interface EventOutlet {
  /** The stream has a first subscriber to that topic, or none any more. */
  audienceChanged(topic: string, isWanted: boolean): void;
  /** Whether another thread wants to hear of it. */
  hasAudience(topic: string): boolean;
  publish<E>(topic: Topic<E>, event: E): void;
}

interface Audience {
  readonly actors: Map<string, ActorRef<unknown>>;
  readonly listeners: Set<(event: unknown) => void>;
}

/** The event stream of one host. */
export class EventStream {
  /** The runtime's own: null where there is one thread. */
  outlet: EventOutlet | null = null;
  private readonly audiences = new Map<string, Audience>();
  private readonly watcher: EndWatcher;

  constructor(watcher: EndWatcher) {
    this.watcher = watcher;
  }

  /**
   * Tells the actor every event of the topic, until it ends or unsubscribes. Subscribing twice changes nothing.
   * @throws InvalidOptionError: it is no reference; a function takes `listen`
   */
  subscribe<E>(topic: Topic<E>, subscriber: ActorRef<E>): void {
    const address = addressOf(subscriber);
    this.audience(topic.name).actors.set(address.toString(), subscriber as ActorRef<unknown>);
    this.watcher.watch(address, this.forget);
  }

  unsubscribe<E>(topic: Topic<E>, subscriber: ActorRef<E>): void {
    const address = addressOf(subscriber);
    const key = address.toString();
    this.audiences.get(topic.name)?.actors.delete(key);
    this.tidy(topic.name);
    for (const { actors } of this.audiences.values()) if (actors.has(key)) return;
    this.watcher.unwatch(address, this.forget);
  }

  /** Calls a function with every event of the topic. @returns what ends that @throws InvalidOptionError */
  listen<E>(topic: Topic<E>, listener: (event: E) => void): () => void {
    checkFunction('listener', listener);
    // One more function, so that a listener that listens twice is called twice.
    const own = (event: unknown) => listener(event as E);
    this.audience(topic.name).listeners.add(own);
    return () => {
      this.audiences.get(topic.name)?.listeners.delete(own);
      this.tidy(topic.name);
    };
  }

  /**
   * Tells everybody who wants to know, on all threads. What a listener throws becomes an uncaught exception. A thread with
   * 65,536 events before it misses further ones. @throws NotSerializableError: another thread wants it and can't be sent it
   */
  publish<E>(topic: Topic<E>, event: E): void {
    if (topic.channel?.hasSubscribers) topic.channel.publish(event);
    this.deliver(topic.name, event);
    if (this.outlet?.hasAudience(topic.name)) this.outlet.publish(topic, event);
  }

  /** The runtime's own: tells those of this thread. */
  deliver(topic: string, event: unknown): void {
    const audience = this.audiences.get(topic);
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
    const { name, channel } = topic;
    return this.audiences.has(name) || channel?.hasSubscribers === true || this.outlet?.hasAudience(name) === true;
  }

  /** The runtime's own: what this thread has an audience for. */
  topics(): Iterable<string> {
    return this.audiences.keys();
  }

  private audience(name: string): Audience {
    let audience = this.audiences.get(name);
    if (audience === undefined) {
      audience = { actors: new Map(), listeners: new Set() };
      this.audiences.set(name, audience);
      this.outlet?.audienceChanged(name, true);
    }
    return audience;
  }

  private tidy(name: string): void {
    const audience = this.audiences.get(name);
    if (audience?.actors.size !== 0 || audience.listeners.size > 0) return;
    this.audiences.delete(name);
    this.outlet?.audienceChanged(name, false);
  }

  private readonly forget = (address: ActorAddress): void => {
    const key = address.toString();
    for (const [name, audience] of this.audiences) {
      if (audience.actors.delete(key)) this.tidy(name);
    }
  };
}
