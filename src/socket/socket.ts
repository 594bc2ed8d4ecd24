/** The stream socket that applications hold: the sending half and the control of a connection, over any transport. */
import { types } from 'node:util';
import { type AbortError, onAbort, throwIfAborted } from '../abort.js';
import { HandOverError, InvalidOptionError } from '../errors.js';
import { outOfRange } from '../misuse.js';
import type { OwnerKey, RingReport } from '../spi/types.js';
import { activity } from '../stats/activity.js';
import type { DecisionRecord } from '../switch/decisions.js';
import type { MovedTransport, SentCallback, Transport } from '../switch/transport.js';
import { ClosedTransport } from './closed-transport.js';
import type { Inbound, InboundOwner, InboundState } from './inbound.js';
import { checkHandlers, destroyedError, invalidBytes, writeAfterEndError } from './misuse.js';
import type { AnyBytes, Cancellable, SocketHandlers, SocketOptionName, SocketState } from './stream-socket.js';

/** How long a send that can no longer be taken back is waited for before the connection is reset (rule 5.11). */
const CANCEL_GRACE_MS = 2_000;

/** How long a connection that was reset may take to be released. */
const RELEASE_TIMEOUT_MS = 1_000;

/** Bytes of one reservation, or of memory that is asked for. */
const ROOM_MAX_BYTES = 2 ** 31 - 1;

/** @throws RangeError ERR_OUT_OF_RANGE */
function assertSize(bytes: number): void {
  if (!Number.isInteger(bytes) || bytes < 1 || bytes > ROOM_MAX_BYTES) {
    throw outOfRange('bytes', `an integer >= 1 and <= ${ROOM_MAX_BYTES}`, bytes);
  }
}

/** The two ends as the application sees them (rule 9.2). */
export interface Ends {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly family: 'IPv4' | 'IPv6';
}

/** Where both halves of a connection stand when it changes its owner (rule 8.1). Structured-cloneable. */
export interface StreamState extends InboundState {
  readonly bytesSent: number;
  /** This side has ended. */
  readonly ended: boolean;
}

/** A socket's connection on its way to another owner. */
export interface Moved {
  readonly transport: MovedTransport;
  readonly stream: StreamState;
}

/** What the switch knows of a connection when it hands the socket over. */
export interface SocketPlace {
  readonly decision: DecisionRecord;
  readonly ends: Ends;
  readonly highWaterMarkBytes: number;
  readonly closeTimeoutMs: number;
  readonly options: SocketOptionTarget;
  /** Called once when the connection is gone, with the reason if it did not end in order. */
  closed(socket: SwitchSocket, error: Error | null): void;
  /** Called instead of `closed` when the connection goes on with another owner. */
  left(socket: SwitchSocket): void;
}

/** Who answers the socket's option calls (rule 9.1). */
export interface SocketOptionTarget {
  set(name: SocketOptionName, value: unknown): void;
  get(name: SocketOptionName): unknown;
  /** What has been set, and lies with the switch: it is set again where the socket goes (rule 2.6). */
  readonly remembered: ReadonlyMap<SocketOptionName, unknown>;
}

let lastId = 0;

/** The implementation of `StreamSocket`; made by the switch only. */
export class SwitchSocket implements InboundOwner {
  bytesSent = 0;
  /** Calls that sent something. */
  sends = 0;
  /** Tells it from the thread's other sockets; 32 bits, which is enough for those that live at a time. */
  readonly id: number;
  /** Its place among the switch's sockets. */
  rosterIndex = -1;

  private transport: Transport;
  private readonly inbound: Inbound;
  readonly place: SocketPlace;
  /** `send` takes bytes: one test on the hot path. */
  private sendable = true;
  /** The application has ended, closed or aborted: what it sends afterwards is its mistake. */
  private ownEnd: 'none' | 'ended' | 'closed' = 'none';
  private closing: Promise<void> | null = null;
  private resolveClosing: (() => void) | null = null;
  private closeTimer: NodeJS.Timeout | undefined;
  private isMoving = false;
  private onReleased: (() => void) | null = null;
  /** Bytes that went with former owners of the connection. */
  private readonly formerlySent: number;
  private readonly formerlyReceived: number;

  /** @param stream of a connection that comes from another owner (rule 8.1); `inbound` has its part of it already */
  constructor(transport: Transport, inbound: Inbound, place: SocketPlace, stream: StreamState | null = null) {
    lastId = (lastId + 1) >>> 0;
    this.id = lastId;
    this.transport = transport;
    this.inbound = inbound;
    this.place = place;
    this.formerlySent = stream?.bytesSent ?? 0;
    this.formerlyReceived = stream?.bytesReceived ?? 0;
    if (stream !== null) {
      this.bytesSent = stream.bytesSent;
      if (stream.ended) this.ownEnd = 'ended';
      this.sendable = !stream.ended;
    }
    inbound.attach(this, transport);
  }

  send(bytes: Uint8Array, sent?: SentCallback): boolean {
    if (!this.sendable || !(bytes instanceof Uint8Array) || bytes.length === 0) return this.sendOtherwise(bytes, sent);
    this.count(bytes.length);
    return this.transport.send(bytes, sent);
  }

  sendCopied(bytes: AnyBytes): boolean {
    const given = bytes as Uint8Array;
    if (!this.sendable || !(given instanceof Uint8Array)) return this.sendOtherwise(given, undefined, true);
    this.count(given.length);
    return given.length === 0 || this.transport.send(given, undefined, true);
  }

  allocate(bytes: number): Uint8Array {
    assertSize(bytes);
    return this.transport.allocate(bytes);
  }

  reserve(bytes: number): Uint8Array | null {
    assertSize(bytes);
    if (this.sendable) return this.transport.reserve(bytes);
    if (this.ownEnd !== 'none') throw this.unsendable();
    return null;
  }

  commit(bytes: number): boolean {
    if (!Number.isInteger(bytes) || bytes < 0) throw outOfRange('bytes', 'an integer >= 0', bytes);
    if (!this.sendable) {
      if (this.ownEnd !== 'none') throw this.unsendable();
      return false;
    }
    const result = this.transport.commit(bytes);
    if (result === undefined) throw new InvalidOptionError(`commit(${bytes}): no such room is reserved in this turn`);
    this.count(bytes);
    return result;
  }

  sendAsync(bytes: Uint8Array, options?: Cancellable): Promise<void> {
    return new Promise((resolve, reject) => {
      // What this throws rejects the promise.
      const signal = options?.signal;
      throwIfAborted(signal);
      this.assertBytes(bytes);
      if (!this.sendable) throw this.unsendable();
      if (bytes.length === 0) return resolve();
      let grace: NodeJS.Timeout | undefined;
      let cancelled: AbortError | null = null;
      const sent: SentCallback = (error) => {
        stop();
        clearTimeout(grace);
        // Node's own streams leave the argument out on success.
        if (error) reject(cancelled ?? error);
        else resolve();
      };
      // Rule 5.11: what the switch still holds is dropped (`sent` follows); what is under way is waited for, since the buffer
      // is in use, and one that takes too long is ended by a reset.
      const stop = onAbort(signal, (error) => {
        cancelled = error;
        if (this.transport.cancel(sent)) return;
        grace = setTimeout(() => this.transport.abort(error), CANCEL_GRACE_MS);
      });
      this.count(bytes.length);
      this.transport.send(bytes, sent);
    });
  }

  receive(options?: Cancellable): Promise<Uint8Array | null> {
    return new Promise((resolve, reject) => {
      throwIfAborted(options?.signal);
      if (this.inbound.handlers.received !== undefined) {
        throw new InvalidOptionError('receive() and a `received` handler exclude each other');
      }
      this.inbound.pull(options?.signal).then(resolve, reject);
    });
  }

  urgent(bytes: Uint8Array): void {
    this.assertBytes(bytes);
    if (!this.sendable) throw this.unsendable();
    const { urgentBytesMax } = this.transport;
    if (urgentBytesMax > 0 && (bytes.length < 1 || bytes.length > urgentBytesMax)) {
      throw outOfRange('bytes.length', `>= 1 and <= ${urgentBytesMax}`, bytes.length);
    }
    this.transport.urgent(bytes);
  }

  pause(): void {
    this.inbound.setPaused(true);
  }

  resume(): void {
    this.inbound.setPaused(false);
  }

  end(): void {
    if (this.ownEnd !== 'none' || this.inbound.isClosed) return;
    this.ownEnd = 'ended';
    this.sendable = false;
    this.transport.end();
  }

  close(): Promise<void> {
    if (this.closing !== null) return this.closing;
    if (this.inbound.isClosed) {
      this.ownEnd = 'closed';
      this.closing = Promise.resolve();
      this.inbound.discard();
      return this.closing;
    }
    this.closing = new Promise((resolve) => {
      this.resolveClosing = resolve;
    });
    this.end();
    this.ownEnd = 'closed';
    this.inbound.discard();
    // A peer that never ends must not keep this side waiting for ever. The connection itself keeps the process alive.
    this.closeTimer = setTimeout(() => {
      this.transport.abort(null);
      // Nor must a provider that never gives the socket back.
      this.closeTimer = setTimeout(() => this.resolveClosing?.(), RELEASE_TIMEOUT_MS);
    }, this.place.closeTimeoutMs);
    this.closeTimer.unref();
    return this.closing;
  }

  abort(error: Error | null = null): void {
    this.sendable = false;
    this.ownEnd = 'closed';
    this.inbound.abandon();
    if (!this.inbound.isClosed) this.transport.abort(error);
  }

  ref(): this {
    if (!this.inbound.isClosed) this.transport.ref();
    return this;
  }

  unref(): this {
    if (!this.inbound.isClosed) this.transport.unref();
    return this;
  }

  setOption(name: SocketOptionName, value: unknown): void {
    this.place.options.set(name, value);
  }

  getOption(name: SocketOptionName): unknown {
    return this.place.options.get(name);
  }

  /** Calls back once when the connection is gone, before the application is told; at once if it is. For one keeper of books. */
  watchRelease(released: () => void): void {
    if (this.inbound.isClosed) released();
    else this.onReleased = released;
  }

  /**
   * Begins a change of owner (rule 8.1): nothing reaches the application until `leave` or `keep`, which must follow in the turn
   * in which this resolves. @throws HandOverError: the connection stays and goes on as before, or has ended
   */
  suspend(timeoutMs: number): Promise<void> {
    if (this.ownEnd === 'closed') return Promise.reject(new HandOverError('the socket is being closed'));
    if (this.isMoving) return Promise.reject(new HandOverError('the socket moves already'));
    this.isMoving = true;
    this.inbound.freeze();
    return new Promise((resolve, reject) => {
      this.transport.suspend(timeoutMs, (error) => {
        if (error === null) return resolve();
        this.isMoving = false;
        this.inbound.thaw();
        reject(error);
      });
    });
  }

  /** The socket stays after all. */
  keep(): void {
    this.isMoving = false;
    this.transport.keep();
    this.inbound.thaw();
  }

  /**
   * The connection goes to `owner`; this socket is dead, and the application is told nothing.
   * @throws HandOverError, what the provider throws; `keep` is to follow
   */
  leave(owner: OwnerKey): Moved {
    if (this.ownEnd === 'closed') throw new HandOverError('the socket is being closed');
    const { bytesSent, ownEnd, place } = this;
    const transport = this.transport.handOver(owner);
    const inbound = this.inbound.leave(new HandOverError('the connection has another owner now'));
    this.sendable = false;
    this.ownEnd = 'closed';
    this.transport = new ClosedTransport(this.transport);
    this.inbound.detach(this.transport);
    place.left(this);
    return { transport, stream: { ...inbound, bytesSent, ended: ownEnd === 'ended' } };
  }

  /** See InboundOwner. */
  released(): void {
    this.sendable = false;
    clearTimeout(this.closeTimer);
    // Whoever still holds the socket, be it a dead object of the old generation, must not hold the whole connection.
    this.transport = new ClosedTransport(this.transport);
    this.inbound.detach(this.transport);
    this.place.closed(this, this.inbound.closeError);
    this.onReleased?.();
    this.resolveClosing?.();
  }

  get handlers(): SocketHandlers<AnyBytes> {
    return this.inbound.handlers;
  }

  set handlers(handlers: SocketHandlers<AnyBytes>) {
    this.inbound.setHandlers(checkHandlers(handlers));
  }

  get provider(): string {
    return this.transport.provider;
  }

  get decision(): DecisionRecord {
    return this.place.decision;
  }

  get localAddress(): string {
    return this.place.ends.localAddress;
  }

  get localPort(): number {
    return this.place.ends.localPort;
  }

  get remoteAddress(): string {
    return this.place.ends.remoteAddress;
  }

  get remotePort(): number {
    return this.place.ends.remotePort;
  }

  get family(): 'IPv4' | 'IPv6' {
    return this.place.ends.family;
  }

  get state(): SocketState {
    if (this.inbound.isClosed) return 'closed';
    if (this.ownEnd !== 'none') return this.inbound.peerEnded ? 'closed' : 'readOnly';
    return this.inbound.peerEnded ? 'writeOnly' : 'open';
  }

  get queuedBytes(): number {
    return this.transport.queuedBytes;
  }

  get bytesReceived(): number {
    return this.inbound.bytesReceived;
  }

  /** For the switch's books. */
  get countedSent(): number {
    return this.bytesSent - this.formerlySent;
  }

  get countedReceived(): number {
    return this.inbound.bytesReceived - this.formerlyReceived;
  }

  get countedCopiedSent(): number {
    return this.transport.bytesCopiedSent;
  }

  get countedCopiedReceived(): number {
    return this.transport.bytesCopiedReceived + this.inbound.bytesCopied;
  }

  get countedLargeCopied(): number {
    return this.transport.largeSendsCopied;
  }

  /** Times that bytes came for the application. */
  get deliveries(): number {
    return this.inbound.deliveries;
  }

  /** Times that a send had to wait for the peer. */
  get stalls(): number {
    return this.transport.stalls;
  }

  /** The ring to the peer, as it is now; null: the provider has none that it could tell of. */
  ring(): RingReport | null {
    return this.transport.ring();
  }

  get lends(): boolean {
    return this.inbound.lends;
  }

  get highWaterMarkBytes(): number {
    return this.place.highWaterMarkBytes;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, undefined> {
    try {
      for (let bytes = await this.receive(); bytes !== null; bytes = await this.receive()) yield bytes;
      return undefined;
    } finally {
      if (!this.inbound.peerEnded && !this.inbound.isClosed) void this.close();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private count(bytes: number): void {
    this.bytesSent += bytes;
    this.sends += 1;
    if (activity.isQuiet) activity.note();
  }

  /** The rare cases of `send`: bytes of another realm, none at all, a socket that no longer sends, nonsense. */
  private sendOtherwise(bytes: Uint8Array, sent?: SentCallback, isLent = false): boolean {
    this.assertBytes(bytes);
    if (!this.sendable) {
      if (this.ownEnd !== 'none') throw this.unsendable();
      if (sent !== undefined) process.nextTick(sent, this.inbound.closeError ?? destroyedError(null));
      return false;
    }
    if (bytes.length === 0) {
      if (sent !== undefined) process.nextTick(sent, null);
      return true;
    }
    this.count(bytes.length);
    return this.transport.send(bytes, sent, isLent);
  }

  private assertBytes(bytes: Uint8Array): void {
    if (!types.isUint8Array(bytes)) throw invalidBytes(bytes);
  }

  private unsendable(): Error {
    return this.ownEnd === 'ended' ? writeAfterEndError() : destroyedError(this.inbound.closeError);
  }
}
