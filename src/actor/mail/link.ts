/**
 * A mail link joins two threads of a process: a record ring in each direction, a socket as doorbell and sign of death, and
 * a message port for what has no bytes. One side of it.
 */
import type { MessagePort } from 'node:worker_threads';
import { NotSerializableError, RingCorruptError } from '../../errors.js';
import {
  MAIL_FLAG_ATTACHED,
  MAIL_FLAG_DETACHED,
  MAIL_FLAG_SENDER,
  MAIL_HEADER_FLAGS_WORD,
  MAIL_HEADER_GENERATION_WORD,
  MAIL_HEADER_SENDER_GENERATION_WORD,
  MAIL_HEADER_SENDER_HOST_WORD,
  MAIL_HEADER_SENDER_SLOT_WORD,
  MAIL_HEADER_SHAPE_WORD,
  MAIL_HEADER_SLOT_WORD,
  RECORD_MAIL_BYTES,
  RECORD_MAIL_FIXED,
  RECORD_MAIL_SIGNAL,
  RECORD_MAIL_STRUCTURED,
} from '../../layout/layout.gen.js';
import { COLD_COPY_MIN_BYTES, copyBytes, copyOut } from '../../native/bytes.js';
import { closeDescriptor, duplicateDescriptor, systemError } from '../../native/os.js';
import { type Pollable, Reactor } from '../../reactor/reactor.js';
import { SharedMemory } from '../../reactor/shared-memory.js';
import { rethrowLater } from '../../rethrow.js';
import type { ActorAddress } from '../address.js';
import type { FieldsSignal, GateSignal, Signal } from '../remote.js';
import type { TellResult } from '../types.js';
import type { FixedCodec } from './fixed-codec.js';
import { Inbox, type InboxOwner } from './inbox.js';
import { mailPlace } from './memory.js';
import { Outbox, type OutboxOwner } from './outbox.js';
import type { MailLinkEnd } from './pair.js';
import type { MailSink } from './sink.js';
import { StructuredWriter } from './structured-writer.js';
import { Views } from './views.js';

const ECONNRESET = -104;

/** What a body is made of that came by the message port. */
type Attachments = Pick<StructuredWriter, 'attachments' | 'transfers'>;

/** Closed when `isClosed`: by `close`, by the end of the other side, or because that wrote nonsense. */
export class MailLink implements Pollable, OutboxOwner, InboxOwner {
  readonly reactor: Reactor;
  readonly windowId: number;
  isClosed = false;
  /** Messages and signals that were accepted here, those that wait included. */
  sent = 0;

  private readonly memory: SharedMemory;
  private readonly fd: number;
  private readonly linkId: number;
  private readonly port: MessagePort;
  private readonly sink: MailSink;
  private readonly outbox: Outbox;
  private readonly inbox: Inbox;
  /** Bytes of the largest body that goes by the ring. */
  private readonly inlineMax: number;
  /** One per message that is being written: a getter of one may tell another. */
  private readonly writers: StructuredWriter[] = [];
  private writing = 0;

  /**
   * Joins this thread to the other side; MailPair.joined may be called then. Nothing is delivered before the next turn of
   * the event loop. Does not keep that alive. @throws SystemError, RangeError, NativeUnavailableError; nothing is kept then
   */
  constructor(end: MailLinkEnd, sink: MailSink) {
    const place = mailPlace(end.memory, end.side);
    const views = new Views(end.memory);
    this.sink = sink;
    this.port = end.port;
    this.port.unref();
    this.reactor = Reactor.current();
    this.fd = duplicateDescriptor(end.fd);
    const undo = [() => closeDescriptor(this.fd)];
    try {
      this.memory = new SharedMemory(end.memory);
      undo.unshift(() => this.memory.close());
      this.windowId = this.memory.windowId;
      this.outbox = new Outbox(this, place, views);
      this.inlineMax = Math.min(this.outbox.bodyLimit, COLD_COPY_MIN_BYTES);
      this.inbox = new Inbox(this, place, views, this.port, sink);
      undo.unshift(() => this.inbox.close());
      this.linkId = this.reactor.addLink(this.fd, this.windowId, place.ownEpochWord, (event) =>
        this.socketEnded(event),
      );
    } catch (error) {
      for (const step of undo) step();
      throw error;
    }
    this.reactor.addPollable(this);
  }

  /** Messages and signals that came here. */
  get received(): number {
    return this.inbox.received;
  }

  /** Records that wait on this side, for the ring is full. */
  get waiting(): number {
    return this.outbox.waiting;
  }

  /**
   * Sends a message to an actor of the other side. `sent`: it is on its way. `queued`: it waits here for room in the ring.
   * `refused`: so many wait that it was given up, or the link is closed.
   * @param codec how that actor's messages are written, if this thread knows; null: in any form
   * @throws NotSerializableError, and whatever a getter of the message throws; nothing is sent then
   */
  tell(address: ActorAddress, message: unknown, sender: ActorAddress | null, codec: FixedCodec | null): TellResult {
    if (this.isClosed || this.outbox.isFull) return 'refused';
    if (codec !== null && codec.bytes <= this.inlineMax) {
      codec.encode(this.outbox, message);
      return this.commit(RECORD_MAIL_FIXED, address, sender, 0, codec.shape);
    }
    if (message instanceof Uint8Array) return this.sendBytes(address, message, sender);
    return this.sendStructured(RECORD_MAIL_STRUCTURED, address, message, sender);
  }

  /** Sends a system message; never refused while the link stands. */
  signal(address: ActorAddress, signal: Signal | FieldsSignal | GateSignal): void {
    if (!this.isClosed) this.sendStructured(RECORD_MAIL_SIGNAL, address, signal, null);
  }

  /** What this side has sent arrives still, unless it waits for room; nothing is delivered any more. Idempotent. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.outbox.close();
    this.inbox.close();
    this.reactor.removeLink(this.linkId);
    this.reactor.removePollable(this);
    this.memory.close();
    closeDescriptor(this.fd);
    this.port.close();
  }

  // ------------------------------------------------------------ for the reactor and both halves

  poll(): number {
    if (this.isClosed) return 0;
    try {
      const sent = this.outbox.poll();
      const received = this.inbox.poll();
      if (received > 0) this.sink.run();
      return sent + received;
    } catch (error) {
      if (!(error instanceof RingCorruptError)) throw error;
      this.fail(error);
      return 1;
    }
  }

  /** Nothing is held back beyond the end of a turn. */
  beforeSleep(): number {
    return 0;
  }

  spaceMade(): void {
    this.outbox.wakeSleeper();
  }

  wakePeer(): boolean {
    return this.reactor.wake(this.linkId);
  }

  fail(error: unknown): void {
    if (this.isClosed) return;
    this.close();
    this.sink.ended(this, error);
  }

  private socketEnded(event: number): void {
    if (this.isClosed) return;
    let error: unknown = event === 0 || event === ECONNRESET ? null : systemError(event, 'recv');
    try {
      if (this.inbox.readRest() > 0) this.sink.run();
    } catch (cause) {
      if (cause instanceof RingCorruptError) error ??= cause;
      else rethrowLater(cause);
    }
    this.fail(error);
  }

  // ------------------------------------------------------------ records

  private sendBytes(address: ActorAddress, bytes: Uint8Array, sender: ActorAddress | null): TellResult {
    const { length } = bytes;
    if (length > this.inlineMax) {
      return this.detached(RECORD_MAIL_BYTES, address, sender, bytes, length, { attachments: [], transfers: [] });
    }
    const at = this.outbox.claim(length);
    copyBytes(this.outbox.views.u8, at, bytes, 0, length);
    return this.commit(RECORD_MAIL_BYTES, address, sender, 0, 0);
  }

  private sendStructured(type: number, address: ActorAddress, value: unknown, sender: ActorAddress | null): TellResult {
    this.writers[this.writing] ??= new StructuredWriter();
    const writer = this.writers[this.writing++] as StructuredWriter;
    try {
      writer.write(value);
      // A getter may have closed the link.
      if (this.isClosed) return 'refused';
      const { length } = writer;
      if (length > this.inlineMax) {
        return this.detached(type, address, sender, writer.views.u8, length, writer);
      }
      const flags = writer.attachments.length === 0 ? 0 : MAIL_FLAG_ATTACHED;
      if (flags !== 0) this.post(writer.attachments, writer.transfers);
      const at = this.outbox.claim(length);
      copyBytes(this.outbox.views.u8, at, writer.views.u8, 0, length);
      return this.commit(type, address, sender, flags, 0);
    } finally {
      this.writing--;
      writer.clear();
    }
  }

  /** Sends a body that is too large for the ring, or better copied only once, by the message port. */
  private detached(
    type: number,
    address: ActorAddress,
    sender: ActorAddress | null,
    body: Uint8Array,
    length: number,
    { attachments, transfers }: Attachments,
  ): TellResult {
    const copy = copyOut(body, 0, length);
    this.post([new Uint8Array(copy.buffer, 0, length), ...attachments], [copy.buffer as ArrayBuffer, ...transfers]);
    this.outbox.claim(0);
    return this.commit(type, address, sender, MAIL_FLAG_DETACHED, 0);
  }

  /** Before the record is published, so that its reader finds it. */
  private post(attachments: readonly unknown[], transfers: Attachments['transfers']): void {
    try {
      this.port.postMessage(attachments, transfers);
    } catch (cause) {
      throw new NotSerializableError(`a message can't be sent: ${(cause as Error).message}`, { cause });
    }
  }

  /** Gives the claimed record its header and sends it. */
  private commit(
    type: number,
    { slot, generation }: ActorAddress,
    sender: ActorAddress | null,
    flags: number,
    shape: number,
  ): TellResult {
    const { outbox } = this;
    const { i32 } = outbox.views;
    const word = outbox.headerWord;
    i32[word + MAIL_HEADER_SLOT_WORD] = slot;
    i32[word + MAIL_HEADER_GENERATION_WORD] = generation;
    if (sender !== null) {
      i32[word + MAIL_HEADER_SENDER_HOST_WORD] = sender.host;
      i32[word + MAIL_HEADER_SENDER_SLOT_WORD] = sender.slot;
      i32[word + MAIL_HEADER_SENDER_GENERATION_WORD] = sender.generation;
    }
    i32[word + MAIL_HEADER_SHAPE_WORD] = shape;
    i32[word + MAIL_HEADER_FLAGS_WORD] = sender === null ? flags : flags | MAIL_FLAG_SENDER;
    const isOnItsWay = outbox.commit(type);
    // The claim has found out that the other side wrote nonsense, or a getter of the message has closed the link.
    if (this.isClosed) return 'refused';
    this.sent++;
    return isOnItsWay ? 'sent' : 'queued';
  }
}
