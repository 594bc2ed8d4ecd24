/**
 * The gates: what the threads of a runtime tell each other about connections and actors that change threads. It travels in
 * order with the mail between the same two threads, is never refused, and reaches no actor.
 */
import { rethrowLater } from '../../rethrow.js';
import type { Arrival, ConnectionNews } from '../intake/setup.js';

/** What can be told, by subject. Bodies are structured data, as messages of actors are: references stay references. */
export interface GateSubjects {
  /** To a thread that serves a listener: a connection is its own from now on, to be opened. */
  readonly arrival: Arrival;
  /** To such a thread: no more connections of that listener come. */
  readonly 'listener-closed': { readonly listener: number };
  /** To the listener's thread: what became of a connection. */
  readonly 'connection-news': ConnectionNews;
}

/** Told on this thread what came from another one. @param host the other thread's part of addresses */
export type GateHandler<B> = (host: number, body: B) => void;

/** What carries it. @returns false: there is no such host any more @throws NotSerializableError */
type Carry = (host: number, subject: string, body: unknown) => boolean;

/** One thread's gate. */
export class Gate {
  private readonly own: number;
  private readonly carry: Carry;
  private readonly handlers = new Map<string, GateHandler<never>>();
  private readonly watchers = new Set<(host: number) => void>();

  /** @param own this thread's part of addresses */
  constructor(own: number, carry: Carry) {
    this.own = own;
    this.carry = carry;
  }

  /** Has a subject handled; each has one handler at most. What a handler throws is an uncaught exception. */
  handle<K extends keyof GateSubjects>(subject: K, handler: GateHandler<GateSubjects[K]>): void {
    if (this.handlers.has(subject)) throw new Error(`two handlers for ${subject}`);
    this.handlers.set(subject, handler);
  }

  /**
   * Tells another thread; or this one, which handles it at once.
   * @returns false: it has ended, as far as this thread knows @throws NotSerializableError
   */
  tell<K extends keyof GateSubjects>(host: number, subject: K, body: GateSubjects[K]): boolean {
    if (host === this.own) {
      this.received(host, subject, body);
      return true;
    }
    return this.carry(host, subject, body);
  }

  /** Calls back when a host has ended; all that it had told was handled before. @returns what ends that */
  watch(left: (host: number) => void): () => void {
    this.watchers.add(left);
    return () => this.watchers.delete(left);
  }

  /** For the mail. */
  received(host: number, subject: string, body: unknown): void {
    const handler = this.handlers.get(subject) as GateHandler<unknown> | undefined;
    if (handler === undefined) throw new Error(`nothing on this thread handles ${subject}`);
    handler(host, body);
  }

  /** For the mail. */
  left(host: number): void {
    for (const watcher of [...this.watchers]) {
      try {
        watcher(host);
      } catch (error) {
        rethrowLater(error);
      }
    }
  }
}
