/** What a protocol's client is to the crew that drives it: one connection, on which requests are begun and answered in order. */
import type { AnyBytes, StreamSocket } from '../../socket/stream-socket.js';
import type { DecisionRecord } from '../../switch/decisions.js';

/** Told by a client. Times are milliseconds of this thread's `performance.now()`. */
export interface ClientEvents {
  /**
   * A request has its answer.
   * @param intended_ms, started_ms as they were given to `begin`
   */
  answered(client: Client, intended_ms: number, started_ms: number, now_ms: number): void;
  /** What needs no answer has left (`stream`). */
  sent(client: Client, intended_ms: number, now_ms: number): void;
  /** A request is answered with what the protocol calls a failure: `HTTP_503`. */
  refused(client: Client, intended_ms: number, code: string, now_ms: number): void;
  /**
   * The connection is gone, and with it the requests that had no answer. Told once.
   * @param code why; null: the server said that it would, and nothing is lost
   */
  gone(client: Client, code: string | null, lost_ms: readonly number[]): void;
}

/** The times of requests that have no answer yet, in order: a ring of a fixed length. */
export class Pending {
  count = 0;
  private readonly intended: Float64Array;
  private readonly started: Float64Array;
  private first = 0;

  /** @param capacity requests under way at a time, at most */
  constructor(capacity: number) {
    this.intended = new Float64Array(capacity);
    this.started = new Float64Array(capacity);
  }

  /** There is room, which the caller has seen to. @returns its place, until it is removed */
  add(intended_ms: number, started_ms: number): number {
    const { length } = this.intended;
    const at = (this.first + this.count) % length;
    this.intended[at] = intended_ms;
    this.started[at] = started_ms;
    this.count += 1;
    return at;
  }

  /** The place of the oldest. */
  get head(): number {
    return this.first;
  }

  intendedAt(place: number): number {
    return this.intended[place] as number;
  }

  startedAt(place: number): number {
    return this.started[place] as number;
  }

  removeHead(): void {
    this.first = (this.first + 1) % this.intended.length;
    this.count -= 1;
  }

  /** Removes all. @returns their intended start times */
  clear(): number[] {
    const { length } = this.intended;
    const all = Array.from({ length: this.count }, (_, i) => this.intendedAt((this.first + i) % length));
    this.count = 0;
    return all;
  }
}

/** One connection. */
export abstract class Client {
  bytesSent = 0;
  bytesReceived = 0;
  /** It has had an answer. */
  isOfUse = false;
  protected readonly socket: StreamSocket<AnyBytes>;
  protected readonly events: ClientEvents;
  protected readonly pending: Pending;
  private isOver = false;

  /** @param socket connected, and nobody else's */
  constructor(socket: StreamSocket<AnyBytes>, events: ClientEvents, inFlight: number) {
    this.socket = socket;
    this.events = events;
    this.pending = new Pending(inFlight);
    socket.handlers = {
      received: (_, bytes) => {
        this.bytesReceived += bytes.length;
        this.received(bytes as Uint8Array);
      },
      drained: () => this.drained(),
      ended: () => {
        this.ended();
        this.over('ECLOSED');
        socket.abort();
      },
      closed: (_, error) => this.over(error === null ? 'ECLOSED' : codeOf(error)),
    };
  }

  /** No request may be begun on it any more. */
  get isGone(): boolean {
    return this.isOver;
  }

  /** Who serves it. */
  get provider(): string {
    return this.socket.provider;
  }

  /** Why. */
  get decision(): DecisionRecord {
    return this.socket.decision;
  }

  /** Begins a request of so many bytes; fewer than the run's `inFlight` are under way. */
  abstract begin(intended_ms: number, started_ms: number, bytes: number): void;

  /** Bytes from the server; dead after the return. */
  protected abstract received(bytes: Uint8Array): void;

  /** The server takes more again. */
  protected drained(): void {}

  /** The server has sent its last: nothing more is answered. */
  protected ended(): void {}

  /**
   * The oldest request is answered with a failure.
   * @param isLast the server ends the connection after this: before the answer is told, for who hears of it begins the next
   */
  protected refuse(code: string, now_ms: number, isLast = false): void {
    const intended_ms = this.pending.intendedAt(this.pending.head);
    this.pending.removeHead();
    this.isOfUse = true;
    if (isLast) this.leave();
    this.events.refused(this, intended_ms, code, now_ms);
  }

  /** The oldest request is answered. @param isLast as of `refuse` */
  protected answer(now_ms: number, isLast = false): void {
    const { pending } = this;
    const place = pending.head;
    const intended_ms = pending.intendedAt(place);
    const started_ms = pending.startedAt(place);
    pending.removeHead();
    this.isOfUse = true;
    if (isLast) this.leave();
    this.events.answered(this, intended_ms, started_ms, now_ms);
  }

  private leave(): void {
    this.over(this.pending.count === 0 ? null : 'ECLOSED');
    this.socket.abort();
  }

  /** What the server says is no answer, whatever follows: the connection is given up. */
  protected fail(code: string): void {
    this.over(code);
    this.socket.abort();
  }

  /** Ends it. Nothing is told any more. */
  close(): void {
    this.isOver = true;
    this.socket.abort();
  }

  private over(code: string | null): void {
    if (this.isOver) return;
    this.isOver = true;
    // What the same piece brings behind the end finds no request that it could be an answer to.
    this.events.gone(this, code, this.pending.clear());
  }
}

/** An error's `code`, or what comes nearest to one. */
export function codeOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return typeof code === 'string' ? code : (name ?? 'UNKNOWN');
}
