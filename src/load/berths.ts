/** The free places for requests: each connection has as many as it may have requests under way, taken in turns. */
import type { Client } from './clients/client.js';

/** A queue of connections, each there once for each of its free places. */
export class Berths {
  private queue: (Client | null)[];
  private first = 0;
  private count = 0;

  /** @param capacity all places of all connections */
  constructor(capacity: number) {
    this.queue = new Array<Client | null>(capacity).fill(null);
  }

  get free(): number {
    return this.count;
  }

  /** The connection that has waited longest; null: all are busy. */
  take(): Client | null {
    if (this.count === 0) return null;
    const client = this.queue[this.first] as Client;
    this.queue[this.first] = null;
    this.first = (this.first + 1) % this.queue.length;
    this.count -= 1;
    return client;
  }

  /** A place of this connection is free. */
  give(client: Client): void {
    this.queue[(this.first + this.count) % this.queue.length] = client;
    this.count += 1;
  }

  /** The connection is gone, and its places with it. */
  drop(client: Client): void {
    const kept: Client[] = [];
    for (let i = this.count; i > 0; i--) {
      const next = this.take();
      if (next !== null && next !== client) kept.push(next);
    }
    for (const next of kept) this.give(next);
  }
}
