/**
 * The receiving half of a socket: what the transport tells, and how it reaches the application, by handlers or by
 * `receive()`. One object per socket, so that the transport's call per message goes to one known shape.
 */

import { onAbort } from '../abort.js';
import { InvalidOptionError } from '../errors.js';
import { copyBytes } from '../native/bytes.js';
import { rethrowLater } from '../rethrow.js';
import type { Transport, TransportEvents } from '../switch/transport.js';
import type { AnyBytes, ReceiveBuffer, SocketHandlers, StreamSocket } from './stream-socket.js';

/** Bytes that `receive()` lets gather before the peer is slowed down. */
const PULL_QUEUE_BYTES = 65_536;

type Handlers = SocketHandlers<AnyBytes>;
type Owner = StreamSocket<AnyBytes>;

interface Waiter {
  resolve(bytes: Uint8Array | null): void;
  reject(error: Error): void;
}

/** What a socket has before it first needs arrays of its own, which most never do. Never changed. */
const NO_BYTES: Uint8Array[] = [];
const NO_WAITERS: Waiter[] = [];

/** Where received bytes are put for the handler. */
export interface Delivery {
  /** The provider's own memory, as it is. */
  readonly lend: boolean;
  /** The application's memory; undefined: a private copy of its own for each. */
  readonly receiveBuffer: ReceiveBuffer | undefined;
}

/** Told of what changes the socket's own state. */
export interface InboundOwner extends StreamSocket<AnyBytes> {
  /** The transport is gone; called before the application's `closed`. */
  released(): void;
}

/** The receiving half. Made before its transport, completed by `attach`. */
export class Inbound implements TransportEvents {
  bytesReceived = 0;
  handlers: Handlers;
  /** The peer has sent its end. */
  peerEnded = false;
  /** The owner has aborted: nothing more is delivered. */
  aborted = false;
  /** `closed` has come from the transport. */
  isClosed = false;
  /** Why, once closed. */
  closeError: Error | null = null;

  /** Bytes come as views of memory that is the provider's again after the return. */
  readonly borrows: boolean;
  private readonly receiveBuffer: ReceiveBuffer | undefined;
  private owner: InboundOwner | null = null;
  private transport: Transport | null = null;
  /** Bytes go straight to the handler: one test on the hot path. */
  private direct = false;
  /** What the transport was told last; null: nothing yet, and it may be delivering. */
  private flowing: boolean | null = null;
  private pausedByUser = false;
  private pulling = false;
  private discarding = false;
  private flushScheduled = false;
  private endHeld = false;
  private closedTold = false;
  private queue = NO_BYTES;
  private queuedBytes = 0;
  private waiters = NO_WAITERS;

  /** @param isPrivate the transport hands out buffers that are nobody else's, whatever is asked for */
  constructor(handlers: Handlers, delivery: Delivery, isPrivate = false) {
    this.handlers = handlers;
    this.receiveBuffer = delivery.receiveBuffer;
    this.borrows = !isPrivate && (delivery.lend || delivery.receiveBuffer !== undefined);
  }

  /** Joins the halves. What the transport has told meanwhile follows in the next turn. */
  attach(owner: InboundOwner, transport: Transport): void {
    this.owner = owner;
    this.transport = transport;
    this.update();
    if (this.isClosed || this.endHeld) process.nextTick(flushLater, this);
  }

  /** The transport is gone, and `closed` stands for it: what has gathered may still be read. */
  detach(closed: Transport): void {
    this.transport = closed;
  }

  received(bytes: Uint8Array): void {
    this.bytesReceived += bytes.length;
    if (!this.direct) {
      this.keep(bytes);
      return;
    }
    if (this.receiveBuffer !== undefined) {
      this.place(this.receiveBuffer, bytes);
      return;
    }
    const handlers = this.handlers;
    try {
      (handlers as Required<Handlers>).received(this.owner as Owner, bytes);
    } catch (error) {
      rethrowLater(error);
    }
  }

  drained(): void {
    const handlers = this.handlers;
    if (handlers.drained === undefined || this.owner === null || this.discarding) return;
    try {
      handlers.drained(this.owner);
    } catch (error) {
      rethrowLater(error);
    }
  }

  urgent(bytes: Uint8Array): void {
    const handlers = this.handlers;
    if (handlers.urgent === undefined || this.owner === null || this.discarding) return;
    try {
      handlers.urgent(this.owner, bytes);
    } catch (error) {
      rethrowLater(error);
    }
  }

  ended(): void {
    if (this.queue.length > 0 || this.owner === null) this.endHeld = true;
    else this.tellEnded(this.owner);
  }

  closed(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.closeError = error;
    this.direct = false;
    if (this.owner !== null) this.tellClosed(this.owner);
  }

  /** Replaces the handlers; delivery starts or stops with `received`. */
  setHandlers(handlers: Handlers): void {
    this.handlers = handlers;
    this.update();
  }

  setPaused(paused: boolean): void {
    this.pausedByUser = paused;
    this.update();
  }

  /** From now on what the peer sends is read and dropped, so that its end can come through (`close()`). */
  discard(): void {
    this.discarding = true;
    this.queue = NO_BYTES;
    this.queuedBytes = 0;
    this.update();
    for (const waiter of this.waiters.splice(0)) waiter.resolve(null);
    if (this.endHeld && this.owner !== null) this.tellEnded(this.owner);
  }

  /** The next chunk for `receive()`; the caller has checked that there is no `received` handler. */
  pull(signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    const bytes = this.queue.shift();
    if (bytes !== undefined) {
      this.queuedBytes -= bytes.length;
      if (this.queue.length === 0) this.queueEmptied();
      return Promise.resolve(bytes);
    }
    if (this.closeError !== null) return Promise.reject(this.closeError);
    if (this.peerEnded || this.isClosed || this.discarding) return Promise.resolve(null);
    return new Promise((resolve, reject) => {
      const stop = onAbort(signal, (error) => {
        const at = this.waiters.indexOf(waiter);
        if (at >= 0) this.waiters.splice(at, 1);
        reject(error);
      });
      const waiter: Waiter = {
        resolve(value) {
          stop();
          resolve(value);
        },
        reject(error) {
          stop();
          reject(error);
        },
      };
      if (this.waiters === NO_WAITERS) this.waiters = [];
      this.waiters.push(waiter);
      this.pulling = true;
      this.update();
    });
  }

  /** Delivers what had gathered before a handler was set, then what had been held back behind it. */
  flush(): void {
    this.flushScheduled = false;
    const owner = this.owner as InboundOwner;
    while (this.queue.length > 0 && this.handlers.received !== undefined && !this.pausedByUser && !this.aborted) {
      const bytes = this.queue.shift() as Uint8Array;
      this.queuedBytes -= bytes.length;
      if (this.receiveBuffer !== undefined) {
        this.place(this.receiveBuffer, bytes);
        continue;
      }
      try {
        this.handlers.received(owner, bytes);
      } catch (error) {
        rethrowLater(error);
      }
    }
    if (this.queue.length === 0) this.queueEmptied();
    if (this.isClosed) this.tellClosed(owner);
  }

  /**
   * Copies into the application's buffer, as much as fits at a time, and hands over a view of it each time. Whatever a
   * handler that pauses, leaves or closes has not had yet is kept as a private copy.
   */
  private place(buffer: ReceiveBuffer, bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length && !this.aborted && !this.discarding) {
      const { received } = this.handlers;
      if (received === undefined || this.pausedByUser) {
        const rest = bytes.slice(offset);
        if (this.queue === NO_BYTES) this.queue = [];
        this.queue.unshift(rest);
        this.queuedBytes += rest.length;
        this.update();
        return;
      }
      const target = nextBuffer(buffer);
      if (target instanceof Error) {
        (this.owner as InboundOwner).abort(target);
        return;
      }
      const length = Math.min(target.length, bytes.length - offset);
      copyBytes(target, 0, bytes, offset, length);
      offset += length;
      try {
        received.call(
          this.handlers,
          this.owner as Owner,
          length === target.length ? target : target.subarray(0, length),
        );
      } catch (error) {
        rethrowLater(error);
      }
    }
  }

  private keep(bytes: Uint8Array): void {
    if (this.discarding) return;
    const kept = this.borrows ? bytes.slice() : bytes;
    const waiter = this.waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve(kept);
      return;
    }
    if (this.queue === NO_BYTES) this.queue = [];
    this.queue.push(kept);
    this.queuedBytes += kept.length;
    this.update();
  }

  private queueEmptied(): void {
    if (this.endHeld && this.owner !== null) this.tellEnded(this.owner);
    this.update();
  }

  /** Brings the transport's flow, and the short way to the handler, in line with what is wanted now. */
  private update(): void {
    const transport = this.transport;
    if (transport === null) return;
    const hasHandler = this.handlers.received !== undefined;
    const wanted = hasHandler
      ? !this.pausedByUser && this.queue.length === 0
      : this.pulling && this.queuedBytes < PULL_QUEUE_BYTES;
    this.direct = hasHandler && wanted && !this.discarding;
    const flow = wanted || this.discarding;
    if (flow !== this.flowing && !this.isClosed) {
      this.flowing = flow;
      if (flow) transport.resume();
      else transport.pause();
    }
    if (hasHandler && this.queue.length > 0 && !this.pausedByUser && !this.flushScheduled) {
      this.flushScheduled = true;
      process.nextTick(flushLater, this);
    }
  }

  private tellEnded(owner: InboundOwner): void {
    this.endHeld = false;
    if (this.peerEnded) return;
    this.peerEnded = true;
    for (const waiter of this.waiters.splice(0)) waiter.resolve(null);
    if (this.discarding) return;
    const handlers = this.handlers;
    if (handlers.ended !== undefined) {
      try {
        handlers.ended(owner);
      } catch (error) {
        rethrowLater(error);
      }
    } else if (handlers.received !== undefined) {
      owner.end();
    }
  }

  private tellClosed(owner: InboundOwner): void {
    if (this.closedTold) return;
    this.closedTold = true;
    const error = this.closeError;
    for (const waiter of this.waiters.splice(0)) {
      if (error === null) waiter.resolve(null);
      else waiter.reject(error);
    }
    owner.released();
    const closed = this.handlers.closed;
    if (closed === undefined) return;
    try {
      closed.call(this.handlers, owner, error);
    } catch (thrown) {
      rethrowLater(thrown);
    }
  }
}

/** The application's memory for what comes next, or why there is none. */
function nextBuffer(buffer: ReceiveBuffer): Uint8Array | Error {
  let next: unknown;
  try {
    next = typeof buffer === 'function' ? buffer() : buffer;
  } catch (error) {
    return error instanceof Error ? error : new InvalidOptionError(`receiveBuffer threw ${String(error)}`);
  }
  if (next instanceof Uint8Array && next.length > 0) return next;
  return new InvalidOptionError('receiveBuffer must give a Uint8Array of at least one byte');
}

function flushLater(inbound: Inbound): void {
  inbound.flush();
}
