/**
 * The receiving half of a socket: what the transport tells, and how it reaches the application, by handlers or by
 * `receive()`. One object per socket, so that the transport's call per message goes to one known shape.
 */

import { onAbort } from '../abort.js';
import { copyBytes } from '../native/bytes.js';
import { rethrowLater } from '../rethrow.js';
import { activity } from '../stats/activity.js';
import type { Transport, TransportEvents } from '../switch/transport.js';
import { ReceiveBuffers } from './receive-buffers.js';
import { Standstill } from './standstill.js';
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

/** Where the peer's half of a connection stands when it changes its owner (rule 8.1). Structured-cloneable. */
export interface InboundState {
  readonly bytesReceived: number;
  /** Bytes that have come and that the application has not had, in order. */
  readonly unread: readonly Uint8Array[];
  /** Urgent data (rule 5.9) that the application has not had. */
  readonly urgent: readonly Uint8Array[];
  /** `drained` is owed to the application. */
  readonly drained: boolean;
  /** Whether the peer has ended, and the application knows. */
  readonly peerEnded: 'no' | 'waits' | 'told';
}

/** Told of what changes the socket's own state. */
export interface InboundOwner extends StreamSocket<AnyBytes> {
  /** The transport is gone; called before the application's `closed`. */
  released(): void;
}

/** The receiving half. Made before its transport, completed by `attach`. */
export class Inbound implements TransportEvents {
  bytesReceived = 0;
  /** Times that some came. */
  deliveries = 0;
  /** Bytes of them that were copied here, each as often as it was. */
  bytesCopied = 0;
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
  /** So do those that the application is given, or it is given views of its own receive buffer. */
  readonly lends: boolean;
  /** Null: each delivery has a private copy, or is lent. */
  private readonly buffers: ReceiveBuffers | null;
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
  /** The connection changes its owner: it is read, and the application is told nothing. */
  private standstill: Standstill | null = null;
  /** It has changed its owner, and the new one has not been told anything yet. */
  private isArriving = false;
  private closedTold = false;
  private queue = NO_BYTES;
  private queuedBytes = 0;
  private waiters = NO_WAITERS;

  /** @param isPrivate the transport hands out buffers that are nobody else's, whatever is asked for */
  constructor(handlers: Handlers, delivery: Delivery, isPrivate = false) {
    this.handlers = handlers;
    this.buffers = delivery.receiveBuffer === undefined ? null : new ReceiveBuffers(delivery.receiveBuffer);
    this.borrows = !isPrivate && (delivery.lend || delivery.receiveBuffer !== undefined);
    this.lends = this.borrows || delivery.receiveBuffer !== undefined;
  }

  /** Joins the halves. What the transport has told meanwhile follows in the next turn. */
  attach(owner: InboundOwner, transport: Transport): void {
    this.owner = owner;
    this.transport = transport;
    this.update();
    // Who adopts it may set its handlers a moment later.
    if (this.standstill !== null) setImmediate(arriveLater, this);
    else if (this.isClosed || this.endHeld) process.nextTick(flushLater, this);
  }

  /** The transport is gone, and `closed` stands for it: what has gathered may still be read. */
  detach(closed: Transport): void {
    this.transport = closed;
  }

  received(bytes: Uint8Array): void {
    this.count(bytes);
    if (!this.direct) {
      this.keep(bytes);
      return;
    }
    if (this.buffers !== null) {
      this.place(this.buffers, bytes);
      return;
    }
    const handlers = this.handlers;
    try {
      (handlers as Required<Handlers>).received(this.owner as Owner, bytes);
    } catch (error) {
      rethrowLater(error);
    }
  }

  private count(bytes: Uint8Array): void {
    this.bytesReceived += bytes.length;
    this.deliveries += 1;
    if (activity.isQuiet) activity.note();
  }

  /** See TransportEvents. */
  target(bytes: number): Uint8Array | null {
    const target = this.direct ? (this.buffers?.ahead(bytes) ?? null) : null;
    if (!(target instanceof Error)) return target;
    (this.owner as InboundOwner).abort(target);
    return null;
  }

  /** See TransportEvents. */
  placed(bytes: Uint8Array): void {
    this.count(bytes);
    if (!this.direct) {
      this.keep(bytes);
      return;
    }
    try {
      (this.handlers as Required<Handlers>).received(this.owner as Owner, bytes);
    } catch (error) {
      rethrowLater(error);
    }
  }

  drained(): void {
    if (this.standstill !== null) {
      this.standstill.drained = true;
      return;
    }
    const handlers = this.handlers;
    if (handlers.drained === undefined || this.owner === null || this.discarding) return;
    try {
      handlers.drained(this.owner);
    } catch (error) {
      rethrowLater(error);
    }
  }

  urgent(bytes: Uint8Array): void {
    if (this.standstill !== null) {
      this.standstill.urgent.push(bytes);
      return;
    }
    const handlers = this.handlers;
    if (handlers.urgent === undefined || this.owner === null || this.discarding) return;
    try {
      handlers.urgent(this.owner, bytes);
    } catch (error) {
      rethrowLater(error);
    }
  }

  ended(): void {
    if (this.queue.length > 0 || this.owner === null || this.standstill !== null) this.endHeld = true;
    else this.tellEnded(this.owner);
  }

  closed(error: Error | null): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.closeError = error;
    this.direct = false;
    // Whoever has just adopted it hears of that first.
    if (this.isArriving) return;
    if (this.standstill !== null) this.thaw();
    if (this.owner !== null) this.closeWhenRead(this.owner);
  }

  /** The connection begins to change its owner: it is read on, and nothing reaches the application. */
  freeze(): void {
    this.isArriving = false;
    this.standstill ??= new Standstill(() => this.update());
    this.update();
  }

  /** Whoever has adopted it has had time for its handlers. */
  arrive(): void {
    if (this.isArriving) this.thaw();
  }

  /** It stays: what has come meanwhile reaches the application. */
  thaw(): void {
    const { standstill } = this;
    if (standstill === null) return;
    standstill.end();
    this.standstill = null;
    this.isArriving = false;
    for (const bytes of standstill.urgent) this.urgent(bytes);
    if (standstill.drained) this.drained();
    while (this.waiters.length > 0 && this.queue.length > 0) {
      const bytes = this.queue.shift() as Uint8Array;
      this.queuedBytes -= bytes.length;
      (this.waiters.shift() as Waiter).resolve(bytes);
    }
    this.flush();
    this.update();
  }

  /** It has gone: `receive()` ends with zero bytes (rule 8.1). @param error what `receive()` says from now on */
  leave(error: Error): InboundState {
    const { standstill, bytesReceived, queue } = this;
    const peerEnded = this.peerEnded ? 'told' : this.endHeld ? 'waits' : 'no';
    standstill?.end();
    this.standstill = null;
    this.isClosed = true;
    this.closeError = error;
    this.closedTold = true;
    this.direct = false;
    this.endHeld = false;
    this.queue = NO_BYTES;
    this.queuedBytes = 0;
    for (const waiter of this.waiters.splice(0)) waiter.resolve(new Uint8Array(0));
    // What the platform has read lies in memory that is shared with more, all of which would be cloned.
    const unread = queue.map((bytes) => new Uint8Array(bytes));
    return {
      bytesReceived,
      unread,
      urgent: standstill?.urgent ?? [],
      drained: standstill?.drained === true,
      peerEnded,
    };
  }

  /** Goes on where another owner was; before `attach`, after which what has come reaches the application. */
  restore({ bytesReceived, unread, urgent, drained, peerEnded }: InboundState): void {
    this.bytesReceived = bytesReceived;
    this.standstill = new Standstill(() => this.update());
    this.standstill.urgent.push(...urgent);
    this.standstill.drained = drained;
    this.isArriving = true;
    this.queue = [...unread];
    for (const bytes of unread) this.queuedBytes += bytes.length;
    this.peerEnded = peerEnded === 'told';
    this.endHeld = peerEnded === 'waits';
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
    if (this.isClosed && this.owner !== null) this.tellClosed(this.owner);
  }

  /** The owner has aborted: nothing is delivered any more. */
  abandon(): void {
    this.aborted = true;
    if (this.isClosed && this.owner !== null) this.tellClosed(this.owner);
  }

  /** The next chunk for `receive()`; the caller has checked that there is no `received` handler. */
  pull(signal: AbortSignal | undefined): Promise<Uint8Array | null> {
    const bytes = this.standstill === null ? this.queue.shift() : undefined;
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
    if (this.standstill !== null) return;
    const owner = this.owner as InboundOwner;
    while (this.queue.length > 0 && this.handlers.received !== undefined && !this.isHeldUp && !this.aborted) {
      const bytes = this.queue.shift() as Uint8Array;
      this.queuedBytes -= bytes.length;
      if (this.buffers !== null) {
        this.place(this.buffers, bytes);
        continue;
      }
      try {
        this.handlers.received(owner, bytes);
      } catch (error) {
        rethrowLater(error);
      }
    }
    if (this.queue.length === 0) this.queueEmptied();
    if (this.isClosed) this.closeWhenRead(owner);
  }

  /** An end in order waits for what has gathered before it, as long as the application has a handler for that. */
  private closeWhenRead(owner: InboundOwner): void {
    const isRead = this.queue.length === 0 || this.handlers.received === undefined;
    if (isRead || this.closeError !== null || this.aborted) this.tellClosed(owner);
  }

  /** The application is to be told nothing now. */
  private get isHeldUp(): boolean {
    return this.pausedByUser || this.standstill !== null;
  }

  /**
   * Copies into the application's buffer, as much as fits at a time, and hands over a view of it each time. Whatever a
   * handler that pauses, leaves or closes has not had yet is kept as a private copy.
   */
  private place(buffers: ReceiveBuffers, bytes: Uint8Array): void {
    let offset = 0;
    while (offset < bytes.length && !this.aborted && !this.discarding) {
      const { received } = this.handlers;
      if (received === undefined || this.isHeldUp) {
        const rest = new Uint8Array(bytes.subarray(offset));
        this.bytesCopied += rest.length;
        if (this.queue === NO_BYTES) this.queue = [];
        this.queue.unshift(rest);
        this.queuedBytes += rest.length;
        this.update();
        return;
      }
      const target = buffers.next();
      if (target instanceof Error) {
        (this.owner as InboundOwner).abort(target);
        return;
      }
      const length = Math.min(target.length, bytes.length - offset);
      copyBytes(target, 0, bytes, offset, length);
      this.bytesCopied += length;
      offset += length;
      try {
        received.call(this.handlers, this.owner as Owner, buffers.view(target, length));
      } catch (error) {
        rethrowLater(error);
      }
    }
  }

  private keep(bytes: Uint8Array): void {
    if (this.discarding) return;
    const kept = this.borrows ? new Uint8Array(bytes) : bytes;
    if (this.borrows) this.bytesCopied += bytes.length;
    const waiter = this.standstill === null ? this.waiters.shift() : undefined;
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
    const { standstill } = this;
    const wanted = standstill
      ? standstill.takes(this.queuedBytes)
      : hasHandler
        ? !this.pausedByUser && this.queue.length === 0
        : this.pulling && this.queuedBytes < PULL_QUEUE_BYTES;
    this.direct = hasHandler && wanted && !this.discarding && standstill === null;
    const flow = wanted || this.discarding;
    if (flow !== this.flowing && !this.isClosed) {
      this.flowing = flow;
      if (flow) transport.resume();
      else transport.pause();
    }
    if (hasHandler && this.queue.length > 0 && !this.pausedByUser && !this.flushScheduled && standstill === null) {
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

function flushLater(inbound: Inbound): void {
  inbound.flush();
}

function arriveLater(inbound: Inbound): void {
  inbound.arrive();
}
