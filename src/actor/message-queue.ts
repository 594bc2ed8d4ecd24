/** A first-in-first-out queue of messages with their senders, without an object per message. */

import type { ActorAddress } from './address.js';

/** Entries of a fresh queue; a power of two. */
const INITIAL = 8;

/** What a mailbox, a stash and the signals of an actor are kept in. Grows as needed; bounds are its owner's business. */
export class MessageQueue {
  length = 0;
  /** A ring: the message at an even index, its sender right after. */
  private items: unknown[] = new Array<unknown>(2 * INITIAL).fill(undefined);
  private mask = INITIAL - 1;
  private head = 0;

  /** Entries that it has memory for. */
  get capacity(): number {
    return this.mask + 1;
  }

  push(message: unknown, sender: ActorAddress | null): void {
    if (this.length > this.mask) this.grow();
    const at = ((this.head + this.length) & this.mask) * 2;
    this.items[at] = message;
    this.items[at + 1] = sender;
    this.length++;
  }

  /** The message that `shift` would give. */
  headMessage(): unknown {
    return this.items[this.head * 2];
  }

  /** The sender of the message that `shift` would give. */
  headSender(): ActorAddress | null {
    return this.items[this.head * 2 + 1] as ActorAddress | null;
  }

  /** The message that `shift` would give. */
  peek(): unknown {
    return this.items[this.head * 2];
  }

  /** Takes the oldest message out. The caller has looked at `length`. */
  shift(): unknown {
    const at = this.head * 2;
    const message = this.items[at];
    // What was taken must not be kept alive from here.
    this.items[at] = undefined;
    this.items[at + 1] = undefined;
    this.head = (this.head + 1) & this.mask;
    this.length--;
    return message;
  }

  /** Puts a message in front of all others. */
  unshift(message: unknown, sender: ActorAddress | null): void {
    if (this.length > this.mask) this.grow();
    this.head = (this.head - 1) & this.mask;
    this.items[this.head * 2] = message;
    this.items[this.head * 2 + 1] = sender;
    this.length++;
  }

  /** Puts all messages of another queue in front of its own, in their order; the other one is empty then. */
  takeInFront(other: MessageQueue): void {
    const count = other.length;
    while (this.length + count > this.mask + 1) this.grow();
    this.head = (this.head - count) & this.mask;
    for (let i = 0; i < count; i++) {
      const at = ((this.head + i) & this.mask) * 2;
      this.items[at + 1] = other.headSender();
      this.items[at] = other.shift();
    }
    this.length += count;
  }

  private grow(): void {
    const { items, mask, head } = this;
    const grown = new Array<unknown>(items.length * 2).fill(undefined);
    for (let i = 0; i < this.length; i++) {
      const from = ((head + i) & mask) * 2;
      grown[2 * i] = items[from];
      grown[2 * i + 1] = items[from + 1];
    }
    this.items = grown;
    this.mask = mask * 2 + 1;
    this.head = 0;
  }
}

/** Queues kept for reuse at most, and the largest that is. */
const POOL_QUEUES = 64;
const POOL_ENTRIES = 1_024;

/** Empty queues of one host: an idle actor has none, and getting one again costs next to nothing. */
export class QueuePool {
  private readonly queues: MessageQueue[] = [];

  take(): MessageQueue {
    return this.queues.pop() ?? new MessageQueue();
  }

  /** Takes back an empty queue. */
  give(queue: MessageQueue): void {
    if (this.queues.length < POOL_QUEUES && queue.capacity <= POOL_ENTRIES) this.queues.push(queue);
  }
}
