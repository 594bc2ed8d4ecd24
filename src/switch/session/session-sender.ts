/**
 * The stream's way out: what leaves at once, what waits in the queue, and in which order all of it goes.
 *
 * A small send takes the short way: `send` -> `openBatch` -> (copy) -> `postBatch`. The first of a turn is posted at
 * once; what follows in the same turn gathers in one message (see `reactor/turn.ts`). What finds no room is queued and
 * leaves by `pump` when the provider or the peer's credits make room.
 */
import {
  CAPABILITY_RDMA_READ,
  CAPABILITY_RDMA_SHARED,
  SESSION_DATA,
  SESSION_FIN,
  SESSION_HEADER_BYTES,
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
  WSAENOBUFS,
} from '../../spi/codes.js';
import type { SentCallback } from '../transport.js';
import { BulkCopy } from './bulk-copy.js';
import { CLAIM_LAST, CLAIM_STREAM } from './channel.js';
import type { Hello } from './messages.js';
import type { Rdma } from './rdma.js';
import { OFFER_BY_MESSAGES } from './rdma-sender.js';
import type { Receiver } from './receiver.js';
import type { QueuedSend } from './send-queue.js';
import { CLOSING, NEGOTIATING, OPEN, type SessionOptions } from './session-core.js';
import { CREDIT, NO_MESSAGES, SessionWriter, withMessage } from './session-writer.js';
import type { Suspension } from './suspension.js';

/** Bytes: sends up to this size may share a message with their neighbours. */
const BATCH_SEND_MAX_BYTES = 4096;
/** Bytes of such a message at most. */
const BATCH_BYTES = 16_384;
/** Bytes: a piece smaller than this is not worth a message while more is to go. */
const PIECE_MIN_BYTES = 512;
/** Bytes: urgent data travels in one control message. */
export const URGENT_MAX_BYTES = 1024;

/** The part of a session that sends what the application gives it. */
export abstract class SessionSender extends SessionWriter {
  protected abstract readonly receiver: Receiver;
  /** Null where the provider has no RDMA. */
  protected abstract readonly rdma: Rdma | null;
  /** Made with the first send that is queued: most connections never have one. */
  private bulkCopy: BulkCopy | null = null;
  private readonly highWaterMarkBytes: number;
  /** Bytes of a send that may share a message; what goes by RDMA (5.5) does not. */
  private shortBytesMax = BATCH_SEND_MAX_BYTES;
  protected batchBytes = 0;
  private batchRoom = 0;
  private batchTurn = turn.now - 1;
  private postedTurn = turn.now - 1;
  /** `send` has returned false and `drained` has not followed yet. */
  protected stopped = false;
  /** Times that its queue is empty again and this is told in a moment. */
  protected drainsDue = 0;
  protected endRequested = false;
  protected finSent = false;
  /** Part of a send was cancelled: the stream has a hole (5.11). */
  protected torn = false;
  /** What the application was given to write into, in which turn. */
  private reserved: Uint8Array | null = null;
  private reservedTurn = turn.now;
  /** Something could not be claimed on account of it. */
  private waitsForCommit = false;
  protected peerGone = false;
  /** The stream waits for room. */
  private isStalled = false;
  /** A send was refused because nothing that is sent arrives any more. */
  protected refused = false;
  protected peerHello: Hello | null = null;
  /** Made with the first change of owner: most connections never have one. */
  protected suspension: Suspension | null = null;

  constructor(options: SessionOptions) {
    super(options);
    this.highWaterMarkBytes = options.highWaterMarkBytes;
  }

  /** Ends a session whose application waits for sends that never leave. */
  protected abstract loseIfStuck(): void;
  /** Ends a session that has nothing left to do. */
  protected abstract maybeFinish(): void;

  get queuedBytes(): number {
    return this.queue.bytes + this.batchBytes;
  }

  /** Can the peer's provider read our memory (5.6)? */
  get peerReads(): boolean {
    return this.peerHello !== null && (this.peerHello.capabilities & CAPABILITY_RDMA_READ) !== 0;
  }

  /** May transfers be shared: some we read (5.6), others the peer writes (5.7)? */
  get sharesTransfers(): boolean {
    const { started, peerHello } = this;
    return started.info.transfersOnThread === true && ((peerHello?.capabilities ?? 0) & CAPABILITY_RDMA_SHARED) !== 0;
  }

  /** Bytes of the largest RDMA transfer that both sides take. */
  get rdmaBytesMax(): number {
    return this.peerHello === null ? 0 : Math.min(this.limits.maxRdmaBytes, this.peerHello.maxRdmaBytes);
  }

  /** Bytes of the smallest piece that goes by RDMA (5.5); Infinity: none does. */
  private get offeredBytesMin(): number {
    return this.rdma !== null && this.rdmaBytesMax > 0 ? this.limits.rdmaThresholdBytes : Number.POSITIVE_INFINITY;
  }

  /** The peer has said what it takes: sends go by it from now on. */
  protected heard(hello: Hello): void {
    this.peerHello = hello;
    if (this.rdmaBytesMax > 0) {
      this.shortBytesMax = Math.min(BATCH_SEND_MAX_BYTES, this.limits.rdmaThresholdBytes - 1);
    }
  }

  send(bytes: Uint8Array, sent?: SentCallback, isLent = false): boolean {
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
    return this.enqueue(bytes, sent, isLent);
  }

  /** The turn is over: what has gathered goes out. */
  endTurn(): void {
    if (this.waitsForCommit) {
      this.waitsForCommit = false;
      this.pump();
    }
    if (this.batchBytes > 0 && this.phase === OPEN) this.postBatch();
  }

  private openBatch(length: number): boolean {
    if (this.batchBytes > 0) this.postBatch();
    // Nothing may follow a batch that could not be posted.
    if (length === 0 || this.phase !== OPEN || this.sendsFail) return false;
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
    if (bytes === 0) return;
    this.bytesCopiedSent += bytes;
    this.postMessage(SESSION_DATA, 0, SESSION_HEADER_BYTES + bytes, false);
  }

  private enqueue(bytes: Uint8Array, sent: SentCallback | undefined, isLent: boolean): boolean {
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
    // What may be offered to the peer must stay where it is from the start.
    const copiesFirst = isLent && bytes.length >= this.offeredBytesMin;
    if (copiesFirst) this.bytesCopiedSent += bytes.length;
    const send: QueuedSend = { bytes: copiesFirst ? copyOut(bytes, 0, bytes.length) : bytes, offset: 0, sent };
    this.queue.push(send);
    this.pump();
    const left = send.bytes.length - send.offset;
    if (isLent && !copiesFirst && left > 0) {
      // At the same offset, by which a send that has begun is known.
      send.bytes = Buffer.allocUnsafe(bytes.length);
      copyBytes(send.bytes, send.offset, bytes, send.offset, left);
      this.bytesCopiedSent += left;
    }
    if (this.queue.bytes < this.highWaterMarkBytes) return true;
    this.stopped = true;
    return false;
  }

  allocate(bytes: number): Uint8Array {
    const { spi } = this.started;
    if (this.phase !== OPEN || spi.WSPAllocateMemory === undefined) return new Uint8Array(bytes);
    const registered = this.attempt(() => spi.WSPAllocateMemory?.(this.socket, bytes));
    // Whoever asks for registered memory is told that there is none; what he sends out of other memory is copied (5.8).
    if (!registered && this.phase === OPEN) throw nodeError(WSAENOBUFS, this.place('allocate'));
    return registered ?? new Uint8Array(bytes);
  }

  reserve(bytes: number): Uint8Array | null {
    this.isReserved = false;
    this.reserved = null;
    if (this.stopped) return null;
    this.reservedTurn = turn.now;
    this.reserved = this.claimReserved(bytes) ?? new Uint8Array(bytes);
    return this.reserved;
  }

  /** Room for one message of that size where the provider sends from; null if it can't be had now, or not at all. */
  private claimReserved(bytes: number): Uint8Array | null {
    if (!this.channel.writesInPlace || !this.idle || this.phase !== OPEN) return null;
    const length = SESSION_HEADER_BYTES + bytes;
    if (length > this.messageBytesMax) return null;
    this.postBatch();
    if (this.sendsFail || this.tryClaim(length, length, CLAIM_STREAM) !== NO_ERROR) return null;
    this.isReserved = true;
    const { bytes: memory, offset } = this.channel.out;
    return memory.subarray(offset + SESSION_HEADER_BYTES, offset + length);
  }

  commit(bytes: number): boolean | undefined {
    const { reserved, isReserved } = this;
    // What could not leave on its account goes on when the turn ends.
    this.isReserved = false;
    this.reserved = null;
    if (reserved === null || this.reservedTurn !== turn.now || bytes > reserved.length) return undefined;
    if (!isReserved) return this.send(reserved.subarray(0, bytes));
    if (this.phase !== OPEN || this.sendsFail) return false;
    if (bytes > 0) this.postMessage(SESSION_DATA, 0, SESSION_HEADER_BYTES + bytes, false);
    return !this.stopped;
  }

  protected hasLapsed(): boolean {
    if (this.reservedTurn !== turn.now) {
      this.isReserved = false;
    } else if (!this.waitsForCommit) {
      this.waitsForCommit = true;
      atTurnEnd(this);
    }
    return !this.isReserved;
  }

  /** Moves what waits as far as there is room: control messages first, then the stream, then its end. */
  pump(): void {
    if ((this.phase !== OPEN && this.phase !== NEGOTIATING) || this.sendsFail) return;
    if (this.suspension?.halted) return;
    this.postBatch();
    if (this.sendsFail) return;
    // Ahead of the control messages, which may wait for the credits that the peer sends when it gets these.
    if (this.channel.owesCredit(this.receiver.heldMessages) && !this.writeControl(CREDIT)) return;
    if (!this.writeAll(this.controls)) return;
    this.controls = NO_MESSAGES;
    if (this.phase !== OPEN || this.idle) return;
    // Behind an offer the peer would only hold it, and with it what ends the transfer.
    if (this.rdma?.sender.busy) return this.offerMore();
    if (this.suspension !== null && !this.suspension.pump()) return;
    if (!this.writeAll(this.urgents)) return;
    this.urgents = NO_MESSAGES;
    while (this.queue.head !== undefined) {
      if (!this.pumpHead()) return;
    }
    if (this.endRequested && !this.finSent) {
      if (!this.writeControl({ kind: SESSION_FIN, value: 0, body: null, use: CLAIM_LAST })) return;
      this.finSent = true;
    }
    this.bulkCopy?.emptied();
    this.idle = !this.endRequested && !this.torn && !this.peerGone;
    if (this.stopped) {
      this.stopped = false;
      this.drainsDue += 1;
      process.nextTick(() => {
        this.drainsDue -= 1;
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
    if (this.rdma !== null && left >= this.offeredBytesMin) {
      if (this.rdma.sender.offerHead(head) !== OFFER_BY_MESSAGES) {
        // Its answer comes by a message, for which no receive stands while the application does not read.
        this.receiver.expectControl();
        this.offerMore();
        return false;
      }
    }
    if (this.phase !== OPEN) return false;
    this.bulkCopy ??= new BulkCopy();
    const bulk = this.bulkCopy;
    const min = Math.min(SESSION_HEADER_BYTES + Math.min(left, PIECE_MIN_BYTES), this.messageBytesMax);
    if (!this.claim(min, SESSION_HEADER_BYTES + Math.min(left, bulk.pieceBytes), CLAIM_STREAM, true)) {
      bulk.waited();
      if (!this.isStalled) this.stalls += 1;
      this.isStalled = true;
      return false;
    }
    this.isStalled = false;
    const out = this.channel.out;
    const count = Math.min(left, out.length - SESSION_HEADER_BYTES);
    bulk.copy(out.bytes, out.offset + SESSION_HEADER_BYTES, head.bytes, head.offset, count);
    this.bytesCopiedSent += count;
    if (this.postMessage(SESSION_DATA, 0, SESSION_HEADER_BYTES + count, true) !== NO_ERROR) return false;
    this.streamAdvanced(count);
    return true;
  }

  /** Large sends follow one another closely; whatever else has something to say comes in between. */
  private offerMore(): void {
    if (this.phase !== OPEN || this.torn || this.urgents.length > 0 || this.suspension?.pends) return;
    this.rdma?.sender.offerMore(this.queue, this.offeredBytesMin);
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
    const begun = head !== undefined && head.sent === sent && head.offset > 0;
    if (this.rdma?.sender.carries(sent)) {
      this.rdma.sender.cancel(sent);
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

  /** The running RDMA transfers of a cancelled send have ended: what is left of it is dropped. */
  dropSend({ sent }: QueuedSend): void {
    if (sent !== undefined && this.queue.remove(sent) !== undefined) {
      sent(nodeError(WSA_OPERATION_ABORTED, this.place('write')));
    }
    this.tear();
  }

  /** What waits to be sent goes with another owner: it has left the senders' buffers. */
  protected takeUnsent(): { unsent: Uint8Array[]; unsentUrgent: Uint8Array[] } {
    const sends = this.queue.takeAll();
    const unsent = sends.map(({ bytes, offset }) => new Uint8Array(bytes.subarray(offset)));
    for (const { sent } of sends) if (sent !== undefined) process.nextTick(sent, null);
    const unsentUrgent = this.urgents.map(({ body }) => body as Uint8Array);
    this.urgents = NO_MESSAGES;
    return { unsent, unsentUrgent };
  }

  private get messageBytesMax(): number {
    return Math.min(this.limits.messageBytes, this.peerHello?.messageBytes ?? 0);
  }

  /** What was offered is in the queue until the peer has it. */
  get waitsForPeer(): boolean {
    // A change of owner has limits of its own, and nothing must be under way when it comes to the hand-over.
    if (this.phase !== OPEN || this.suspension?.moves) return false;
    const waits = this.queue.head !== undefined || this.controls.length > 0 || this.urgents.length > 0;
    return waits || (this.endRequested && !this.finSent);
  }

  get urgentBytesMax(): number {
    return Math.min(URGENT_MAX_BYTES, this.messageBytesMax - SESSION_HEADER_BYTES);
  }

  urgent(bytes: Uint8Array): void {
    const message = { kind: SESSION_URGENT, value: bytes.length, body: new Uint8Array(bytes), use: CLAIM_STREAM };
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
}
