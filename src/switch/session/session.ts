/**
 * The session: the switch-to-switch protocol on one SAN connection (rules 3.6, 5, 7), written once over the SPI's four
 * transfers and the same on every provider. It owns the companion socket from the moment it is connected.
 *
 * A small send takes the short way: `send` -> `openBatch` -> (copy) -> `postBatch`. The first of a turn is posted at
 * once; what follows in the same turn gathers in one message (see `reactor/turn.ts`). What finds no room is queued and
 * leaves by `pump` when the provider or the peer's credits make room.
 */
import {
  CAPABILITY_RDMA_READ,
  SESSION_CREDIT,
  SESSION_DATA,
  SESSION_DONE,
  SESSION_FIN,
  SESSION_HEADER_BYTES,
  SESSION_HEADER_CREDITS,
  SESSION_HELLO,
  SESSION_OFFER,
  SESSION_TARGET,
  SESSION_URGENT,
} from '../../layout/layout.gen.js';
import { copyBytes, copyOut } from '../../native/bytes.js';
import { atTurnEnd, turn } from '../../reactor/turn.js';
import {
  NO_ERROR,
  nodeError,
  WSA_OPERATION_ABORTED,
  WSAECONNABORTED,
  WSAECONNRESET,
  WSAETIMEDOUT,
  type WsaCode,
} from '../../spi/codes.js';
import { FD_CLOSE, FD_WRITE, type Overlapped, type WsaEvent } from '../../spi/types.js';
import type { SentCallback, Transport } from '../transport.js';
import { BulkCopy } from './bulk-copy.js';
import { CLAIM_CONTROL, CLAIM_FREE, CLAIM_STREAM, CreditChannel } from './channel.js';
import { localHello } from './limits.js';
import { decodeHello, encodeHello, type Hello, readU16 } from './messages.js';
import { Rdma } from './rdma.js';
import { OFFER_BY_MESSAGES } from './rdma-sender.js';
import { BufferedReceiver, LentReceiver, type MessageHandler, type Receiver } from './receiver.js';
import { CLOSING, NEGOTIATING, OPEN, type SessionOptions } from './session-core.js';
import { CREDIT, NO_MESSAGES, SessionWriter, withMessage } from './session-writer.js';

/** Bytes: sends up to this size may share a message with their neighbours. */
const BATCH_SEND_MAX_BYTES = 4096;
/** Bytes of such a message at most. */
const BATCH_BYTES = 16_384;
/** Bytes: a piece smaller than this is not worth a message while more is to go. */
const PIECE_MIN_BYTES = 512;
/** Bytes: urgent data travels in one control message. */
export const URGENT_MAX_BYTES = 1024;

/** One connection over a SAN provider. */
export class Session extends SessionWriter implements Transport, MessageHandler, WsaEvent {
  reading = true;
  private readonly receiver: Receiver;
  /** Null where the provider has no RDMA. */
  private readonly rdma: Rdma | null;
  /** Made with the first send that is queued: most connections never have one. */
  private bulkCopy: BulkCopy | null = null;
  private readonly highWaterMarkBytes: number;
  /** Bytes of a send that may share a message; what goes by RDMA (5.5) does not. */
  private shortBytesMax = BATCH_SEND_MAX_BYTES;
  private batchBytes = 0;
  private batchRoom = 0;
  private batchTurn = turn.now - 1;
  private postedTurn = turn.now - 1;
  private stopped = false;
  private endRequested = false;
  private finSent = false;
  private finReceived = false;
  private torn = false;
  private peerGone = false;
  /** A send was refused because nothing that is sent arrives any more. */
  private refused = false;
  private eventQueued = false;
  private peerHello: Hello | null = null;

  constructor(options: SessionOptions) {
    super(options);
    this.highWaterMarkBytes = options.highWaterMarkBytes;
    const { info } = options.provider;
    this.receiver = info.lendsReceives
      ? new LentReceiver(options.provider, this, this.limits.receiveBuffers)
      : new BufferedReceiver(options.provider, this, this.limits.receiveBuffers, this.limits.messageBytes);
    this.rdma = this.limits.maxRdmaBytes > 0 ? new Rdma(options.provider, this, options.role) : null;
  }

  /** Posts the receives and begins to negotiate (3.6, 4.6); `negotiated` tells the outcome, never from inside this call. */
  start(): void {
    const { role, negotiationTimeoutMs } = this.setup as SessionOptions;
    this.armNegotiationTimer(negotiationTimeoutMs, () => this.lose(WSAETIMEDOUT));
    try {
      const code = this.started.spi.WSPEventSelect(this.socket, this, FD_WRITE | FD_CLOSE) || this.receiver.start();
      if (code !== NO_ERROR) return void process.nextTick(() => this.lose(code));
      if (role === 'connecting') this.sayHello();
    } catch (error) {
      process.nextTick(() => this.fault(error));
    }
  }

  get queuedBytes(): number {
    return this.queue.bytes + this.batchBytes;
  }

  protected get orderly(): boolean {
    return this.finSent && this.finReceived && this.queue.head === undefined;
  }

  /** Can the peer's provider read our memory (5.6)? */
  get peerReads(): boolean {
    return this.peerHello !== null && (this.peerHello.capabilities & CAPABILITY_RDMA_READ) !== 0;
  }

  /** Bytes of the largest RDMA transfer that both sides take. */
  get rdmaBytesMax(): number {
    return this.peerHello === null ? 0 : Math.min(this.limits.maxRdmaBytes, this.peerHello.maxRdmaBytes);
  }

  // ---------------------------------------------------------------- sending

  send(bytes: Uint8Array, sent?: SentCallback): boolean {
    const length = bytes.length;
    if (this.idle && length <= this.shortBytesMax && (length <= this.batchRoom || this.openBatch(length))) {
      const out = this.channel.out;
      copyBytes(out.bytes, out.offset + SESSION_HEADER_BYTES + this.batchBytes, bytes, 0, length);
      this.batchBytes += length;
      this.batchRoom -= length;
      if (this.postedTurn !== turn.now) {
        this.postedTurn = turn.now;
        this.postBatch();
      } else if (this.batchTurn !== turn.now) {
        this.batchTurn = turn.now;
        atTurnEnd(this);
      }
      if (sent !== undefined) sent(null);
      return true;
    }
    return this.enqueue(bytes, sent);
  }

  /** The turn is over: what has gathered goes out. */
  endTurn(): void {
    if (this.batchBytes > 0 && this.phase === OPEN) this.postBatch();
  }

  private openBatch(length: number): boolean {
    if (this.batchBytes > 0) this.postBatch();
    if (length === 0 || this.phase !== OPEN) return false;
    // Whatever is in the way, the queue deals with it.
    if (this.tryClaim(SESSION_HEADER_BYTES + length, SESSION_HEADER_BYTES + BATCH_BYTES, CLAIM_STREAM) !== NO_ERROR) {
      return false;
    }
    this.batchRoom = this.channel.out.length - SESSION_HEADER_BYTES;
    return true;
  }

  private postBatch(): void {
    const bytes = this.batchBytes;
    this.batchBytes = 0;
    this.batchRoom = 0;
    if (bytes > 0) this.postMessage(SESSION_DATA, 0, SESSION_HEADER_BYTES + bytes, false);
  }

  private enqueue(bytes: Uint8Array, sent: SentCallback | undefined): boolean {
    if (this.phase !== OPEN || this.endRequested || this.torn || this.peerGone || this.sendsFail) {
      const error = this.closeError ?? nodeError(WSAECONNRESET, this.place('write'));
      if (sent !== undefined) process.nextTick(sent, error);
      this.refused ||= this.peerGone || this.sendsFail;
      this.loseIfStuck();
      return false;
    }
    if (bytes.length === 0) {
      if (sent !== undefined) process.nextTick(sent, null);
      return this.queue.bytes < this.highWaterMarkBytes;
    }
    this.idle = false;
    this.queue.push({ bytes, offset: 0, sent });
    this.pump();
    if (this.queue.bytes < this.highWaterMarkBytes) return true;
    this.stopped = true;
    return false;
  }

  /** Moves what waits as far as there is room: control messages first, then the stream, then its end. */
  pump(): void {
    if ((this.phase !== OPEN && this.phase !== NEGOTIATING) || this.sendsFail) return;
    this.postBatch();
    if (this.sendsFail) return;
    // Ahead of the control messages, which may wait for the credits that the peer sends when it gets these.
    if (this.channel.owesCredit(this.receiver.heldMessages) && !this.writeControl(CREDIT)) return;
    if (!this.writeAll(this.controls)) return;
    this.controls = NO_MESSAGES;
    // Behind an offer the peer would only hold it, and with it what ends the transfer.
    if (this.phase !== OPEN || this.idle || this.rdma?.sender.busy || !this.writeAll(this.urgents)) return;
    this.urgents = NO_MESSAGES;
    while (this.queue.head !== undefined) {
      if (!this.pumpHead()) return;
    }
    if (this.endRequested && !this.finSent) {
      if (!this.writeControl({ kind: SESSION_FIN, value: 0, body: null, use: CLAIM_CONTROL })) return;
      this.finSent = true;
    }
    this.bulkCopy?.emptied();
    this.idle = !this.endRequested && !this.torn && !this.peerGone;
    if (this.stopped) {
      this.stopped = false;
      process.nextTick(() => {
        if (this.phase === OPEN && !this.stopped) this.events.drained();
      });
    }
    this.maybeFinish();
  }

  /** Sends a piece of the queue's head. @returns false: no room, or it has to wait for something */
  private pumpHead(): boolean {
    const head = this.queue.head as NonNullable<typeof this.queue.head>;
    const left = head.bytes.length - head.offset;
    // A callback of the pieces before may have sent, and offered.
    if (this.rdma?.sender.busy) return false;
    if (this.rdma !== null && this.rdmaBytesMax > 0 && left >= this.limits.rdmaThresholdBytes) {
      if (this.rdma.sender.offer(head) !== OFFER_BY_MESSAGES) {
        // Its answer comes by a message, for which no receive stands while the application does not read.
        this.receiver.expectControl();
        return false;
      }
    }
    if (this.phase !== OPEN) return false;
    this.bulkCopy ??= new BulkCopy();
    const bulk = this.bulkCopy;
    const min = Math.min(SESSION_HEADER_BYTES + Math.min(left, PIECE_MIN_BYTES), this.messageBytesMax);
    if (!this.claim(min, SESSION_HEADER_BYTES + Math.min(left, bulk.pieceBytes), CLAIM_STREAM, true)) {
      bulk.waited();
      return false;
    }
    const out = this.channel.out;
    const count = Math.min(left, out.length - SESSION_HEADER_BYTES);
    bulk.copy(out.bytes, out.offset + SESSION_HEADER_BYTES, head.bytes, head.offset, count);
    if (this.postMessage(SESSION_DATA, 0, SESSION_HEADER_BYTES + count, true) !== NO_ERROR) return false;
    this.streamAdvanced(count);
    return true;
  }

  /** `count` bytes of the queue's head have left by message or by RDMA. */
  streamAdvanced(count: number): void {
    if (this.queue.head === undefined) return; // The peer is gone, and every sender has been told.
    this.queue.advance(count);
    const head = this.queue.head;
    if (head !== undefined && head.offset === head.bytes.length) this.queue.shift().sent?.(null);
  }

  cancel(sent: SentCallback): boolean {
    const head = this.queue.head;
    const begun = head !== undefined && head.sent === sent && (head.offset > 0 || this.rdma?.sender.busy);
    if (begun && this.rdma?.sender.busy) {
      this.rdma.sender.cancel();
      this.torn = true;
      this.idle = false;
      return true;
    }
    const send = this.queue.remove(sent);
    if (send === undefined) return false;
    send.sent?.(nodeError(WSA_OPERATION_ABORTED, this.place('write')));
    if (begun) this.tear();
    process.nextTick(() => this.pump());
    return true;
  }

  /** Part of a cancelled send has left: nothing may follow the hole, so that only close is sure to succeed (5.11). */
  private tear(): void {
    this.torn = true;
    this.idle = false;
    this.queue.fail(nodeError(WSAECONNABORTED, this.place('write')));
  }

  /** The running RDMA transfer of a cancelled send has ended: what is left of it is dropped. */
  dropHead(): void {
    if (this.queue.head === undefined) return;
    const head = this.queue.shift();
    head.sent?.(nodeError(WSA_OPERATION_ABORTED, this.place('write')));
    this.tear();
  }

  private get messageBytesMax(): number {
    return Math.min(this.limits.messageBytes, this.peerHello?.messageBytes ?? 0);
  }

  get urgentBytesMax(): number {
    return Math.min(URGENT_MAX_BYTES, this.messageBytesMax - SESSION_HEADER_BYTES);
  }

  urgent(bytes: Uint8Array): void {
    const message = { kind: SESSION_URGENT, value: bytes.length, body: bytes.slice(), use: CLAIM_STREAM };
    this.urgents = withMessage(this.urgents, message);
    this.idle = false;
    this.pump();
  }

  end(): void {
    if (this.endRequested || this.phase >= CLOSING) return;
    // After a cancelled transfer an orderly end would tell the peer that it has everything.
    if (this.torn) {
      this.abort(null);
      return;
    }
    this.endRequested = true;
    this.idle = false;
    this.pump();
  }

  // ------------------------------------------------------------- negotiation

  private sayHello(): void {
    this.control(SESSION_HELLO, 0, encodeHello(localHello(this.limits, this.started)), CLAIM_FREE);
  }

  // -------------------------------------------------------------- messages in

  message(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.phase >= CLOSING) return true;
    if (length < SESSION_HEADER_BYTES) return this.violation('a message without a header');
    const kind = bytes[offset];
    if (kind === SESSION_DATA && this.phase === OPEN) {
      if (!this.reading || this.receiver.holding || this.rdma?.receiver.busy) return false;
      if (this.finReceived) return this.violation('data behind the end of the stream');
      this.deliver(bytes, offset + SESSION_HEADER_BYTES, length - SESSION_HEADER_BYTES);
      this.handled(kind);
      return true;
    }
    return this.otherMessage(kind, bytes, offset, length);
  }

  private deliver(bytes: Uint8Array, offset: number, length: number): void {
    if (length === 0) return;
    this.events.received(this.lend ? bytes.subarray(offset, offset + length) : copyOut(bytes, offset, length));
  }

  /** Hands over bytes that came by RDMA, in memory that nobody else knows. */
  deliverOwned(bytes: Uint8Array): void {
    if (this.phase === OPEN) this.events.received(bytes);
  }

  private otherMessage(kind: number, bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.phase === NEGOTIATING) return this.hello(kind, bytes, offset, length);
    const inStream = kind === SESSION_OFFER || kind === SESSION_FIN || kind === SESSION_URGENT;
    if (inStream && (!this.reading || this.receiver.holding || this.rdma?.receiver.busy)) return false;
    if (inStream && this.finReceived) return this.violation('data behind the end of the stream');
    const body = offset + SESSION_HEADER_BYTES;
    const bodyLength = length - SESSION_HEADER_BYTES;
    if (kind === SESSION_URGENT) this.events.urgent(copyOut(bytes, body, Math.min(bodyLength, URGENT_MAX_BYTES)));
    else if (kind === SESSION_FIN) this.peerEnded();
    else if (kind === SESSION_OFFER || kind === SESSION_TARGET || kind === SESSION_DONE) {
      if (this.rdma === null) return this.violation('a message of an RDMA transfer, for which there is no provider');
      this.rdma.message(kind, bytes, offset, length);
    } else if (kind !== SESSION_CREDIT) return this.violation(`a message of unknown kind ${kind}`);
    this.handled(kind);
    return true;
  }

  arrived(bytes: Uint8Array, offset: number, length: number): void {
    if (length < SESSION_HEADER_BYTES || this.phase >= CLOSING) return;
    const credits = readU16(bytes, offset + SESSION_HEADER_CREDITS);
    if (credits === 0) return;
    if (!this.channel.credit(credits)) this.violation('more credits than there are buffers');
    else if (!this.idle || this.controls.length > 0) process.nextTick(() => this.pump());
  }

  /** A message's buffer stands again once we return: the peer gets its credit back with the next message. */
  private handled(kind: number): void {
    if (!this.spendsCredits || kind === SESSION_CREDIT || this.phase >= CLOSING) return;
    this.channel.owe();
    this.heldMore();
  }

  heldMore(): void {
    if (this.channel.owesCredit(this.receiver.heldMessages)) this.pump();
  }

  private hello(kind: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const hello = kind === SESSION_HELLO ? decodeHello(bytes, offset, length) : null;
    if (hello === null) return this.violation('no negotiation message, or one of another version');
    this.peerHello = hello;
    if (this.rdmaBytesMax > 0) {
      this.shortBytesMax = Math.min(BATCH_SEND_MAX_BYTES, this.limits.rdmaThresholdBytes - 1);
    }
    if (this.channel instanceof CreditChannel) this.channel.negotiated(hello.receiveBuffers, hello.messageBytes);
    if (this.setup?.role === 'accepting') this.sayHello();
    if (this.ended) return true;
    this.idle = this.controls.length === 0;
    this.stand();
    return true;
  }

  private peerEnded(): void {
    this.finReceived = true;
    this.events.ended();
    this.maybeFinish();
  }

  // ---------------------------------------------------------------- receiving

  pause(): void {
    this.reading = false;
    this.loseIfStuck();
  }

  resume(): void {
    if (this.reading || this.phase >= CLOSING) return;
    this.reading = true;
    if (this.rdma === null) this.unblock();
    else this.rdma.receiver.resume();
  }

  /** What stood between held messages and the application is gone. */
  unblock(): void {
    if (this.reading) this.receiver.resume();
  }

  completed(overlapped: Overlapped): void {
    if (this.receiver.owns(overlapped)) {
      if (this.phase < CLOSING) this.receiver.completed(overlapped);
    } else if (!this.rdma?.completed(overlapped)) this.sendCompleted(overlapped);
  }

  private sendCompleted(overlapped: Overlapped): void {
    this.channel.sendCompleted(overlapped);
    if (this.phase >= CLOSING) return;
    if (overlapped.internal !== NO_ERROR) this.sendFailed(overlapped.internal);
    else if (this.endRequested) this.maybeFinish();
  }

  receiveFailed(code: WsaCode): void {
    this.lose(code);
  }

  providerFaulted(cause: unknown): void {
    this.fault(cause);
  }

  get awaitsControl(): boolean {
    return this.rdma?.awaitsControl ?? false;
  }

  // ------------------------------------------------------------------- ending

  /** The provider's event: room again (FD_WRITE), or the peer is gone (FD_CLOSE); looked at outside the provider's call. */
  set(): void {
    if (this.eventQueued || this.phase >= CLOSING) return;
    this.eventQueued = true;
    process.nextTick(() => {
      this.eventQueued = false;
      if (this.phase >= CLOSING) return;
      let events = 0;
      try {
        ({ events } = this.started.spi.WSPEnumNetworkEvents(this.socket));
      } catch (error) {
        this.fault(error);
      }
      if ((events & FD_CLOSE) !== 0) this.peerClosed();
      if ((events & FD_WRITE) !== 0) this.pump();
    });
  }

  /**
   * While the application does not read, no receive tells that the peer is gone. If nothing is to be sent, what has come
   * waits for the application; if something is, it may have paused until that has left, and must not wait for ever.
   */
  protected peerClosed(): void {
    if (this.finReceived) return;
    this.peerGone = true;
    this.idle = false;
    this.loseIfStuck();
  }

  /** Whoever pauses until his sends have left must hear that they never will; looked at when he has had his say. */
  private loseIfStuck(): void {
    if (this.reading || !(this.peerGone || this.sendsFail)) return;
    if (!this.refused && this.queuedBytes === 0 && !this.stopped) return;
    process.nextTick(() => {
      if (!this.reading) this.lose(WSAECONNRESET);
    });
  }

  private maybeFinish(): void {
    if (this.phase === OPEN && this.orderly && this.channel.inFlight === 0 && !this.rdma?.receiver.busy) {
      this.finish(null, NO_ERROR);
    }
  }

  protected release(error: () => Error): void {
    this.idle = false;
    this.batchBytes = 0;
    this.controls.length = 0;
    this.urgents.length = 0;
    this.rdma?.stop();
    if (this.queue.head !== undefined) this.queue.fail(error());
  }
}
