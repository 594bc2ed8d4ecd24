/** The reading half of a mail link: records become messages and signals of this thread. */
import type { MessagePort } from 'node:worker_threads';
import { receiveMessageOnPort } from 'node:worker_threads';
import { RingCorruptError } from '../../errors.js';
import {
  MAIL_FLAG_ATTACHED,
  MAIL_FLAG_DETACHED,
  MAIL_FLAG_SENDER,
  MAIL_HEADER_BYTES,
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
import { copyBytes } from '../../native/bytes.js';
import type { Reactor, Watch } from '../../reactor/reactor.js';
import { rethrowLater } from '../../rethrow.js';
import { RingConsumer } from '../../ring/consumer.js';
import { ActorAddress } from '../address.js';
import type { FieldsSignal, GateSignal, Signal } from '../remote.js';
import type { RefMaker } from './fixed-codec.js';
import type { MailPlace } from './memory.js';
import type { MailSink } from './sink.js';
import { StructuredReader } from './structured-reader.js';
import { Views } from './views.js';

/** Records of one poll; then the actors that they are for get their turn. */
const RECORDS_PER_POLL = 512;

/** A message that can't be had any more. */
const LOST = Symbol('lost');
const NOTHING: readonly unknown[] = [];
/** Every kind: the compiler misses a new one here. */
const SIGNAL_KINDS: Readonly<Record<(Signal | FieldsSignal | GateSignal)['kind'], true>> = {
  watch: true,
  unwatch: true,
  terminated: true,
  stop: true,
  blocked: true,
  drained: true,
  held: true,
  moved: true,
  fence: true,
  fenced: true,
  fields: true,
  gate: true,
};

/** The link, seen from its reading half. */
export interface InboxOwner {
  readonly reactor: Reactor;
  readonly windowId: number;
  /** A commit may have made the room that the writer waits for. */
  spaceMade(): void;
}

/** Reads the ring that the other side writes. */
export class Inbox {
  /** Records read so far. */
  received = 0;

  private readonly ring: RingConsumer;
  private readonly views: Views;
  private readonly port: MessagePort;
  private readonly sink: MailSink;
  private readonly structured: StructuredReader;
  private readonly owner: InboxOwner;
  private readonly watch: Watch;
  /** The last sender: most messages come from one that has sent before. */
  private sender = new ActorAddress(0, 0, 0);
  private readonly ref: RefMaker;
  private isEnding = false;
  private isClosed = false;

  /** @throws RangeError, RingCorruptError */
  constructor(owner: InboxOwner, place: MailPlace, views: Views, port: MessagePort, sink: MailSink) {
    this.owner = owner;
    this.ring = new RingConsumer(place.in);
    this.views = views;
    this.port = port;
    this.sink = sink;
    this.ref = (address) => sink.ref(address);
    this.structured = new StructuredReader(this.ref);
    this.watch = owner.reactor.addWatch(owner.windowId, place.in.prodIndex, this.ring.position);
  }

  /** Reads what has come. @returns how many records @throws RingCorruptError */
  poll(): number {
    return this.ring.poll() ? this.read(RECORDS_PER_POLL) : 0;
  }

  /** Reads all that was published before the other side ended. @returns how many records @throws RingCorruptError */
  readRest(): number {
    this.isEnding = true;
    return this.ring.reload() ? this.read(Number.POSITIVE_INFINITY) : 0;
  }

  close(): void {
    this.isClosed = true;
    this.owner.reactor.removeWatch(this.watch);
  }

  private read(limit: number): number {
    const { ring } = this;
    let records = 0;
    while (records < limit && ring.next()) {
      records++;
      this.received++;
      try {
        this.handle(ring.type, ring.offset, ring.length);
      } catch (error) {
        if (error instanceof RingCorruptError) throw error;
        rethrowLater(error);
      }
      // What it was delivered to may have closed the link.
      if (this.isClosed) return records;
      if (ring.release() && ring.commit()) this.owner.spaceMade();
    }
    // Padding is skipped, not released: behind it there may be no record for which anybody would commit.
    if (ring.release() && ring.commit()) this.owner.spaceMade();
    this.owner.reactor.setSeen(this.watch, ring.position);
    return records;
  }

  private handle(type: number, offset: number, length: number): void {
    if (length < MAIL_HEADER_BYTES) throw new RingCorruptError(`a mail record of ${length} bytes`);
    const { i32 } = this.views;
    const word = offset >>> 2;
    const slot = (i32[word + MAIL_HEADER_SLOT_WORD] as number) >>> 0;
    const generation = (i32[word + MAIL_HEADER_GENERATION_WORD] as number) >>> 0;
    const flags = i32[word + MAIL_HEADER_FLAGS_WORD] as number;
    const body = offset + MAIL_HEADER_BYTES;
    const bytes = length - MAIL_HEADER_BYTES;
    const sender = (flags & MAIL_FLAG_SENDER) === 0 ? null : this.senderAt(word);
    if (type === RECORD_MAIL_FIXED) this.fixed(slot, generation, sender, word, body, bytes);
    else if (type === RECORD_MAIL_STRUCTURED) this.deliver(slot, generation, this.value(flags, body, bytes), sender);
    else if (type === RECORD_MAIL_BYTES) this.deliver(slot, generation, this.bytes(flags, body, bytes), sender);
    else if (type === RECORD_MAIL_SIGNAL) this.signal(slot, generation, this.value(flags, body, bytes));
    else throw new RingCorruptError(`a mail record of type ${type}`);
  }

  private deliver(slot: number, generation: number, message: unknown, sender: ActorAddress | null): void {
    if (message === LOST) this.sink.undeliverable(slot, generation, sender);
    else this.sink.deliver(slot, generation, message, sender);
  }

  private fixed(
    slot: number,
    generation: number,
    sender: ActorAddress | null,
    word: number,
    body: number,
    bytes: number,
  ): void {
    const codec = this.sink.codecOf(slot, generation);
    if (codec === null || codec.shape !== this.views.i32[word + MAIL_HEADER_SHAPE_WORD]) {
      this.sink.undeliverable(slot, generation, sender);
      return;
    }
    if (codec.bytes !== bytes) throw new RingCorruptError(`a message of ${bytes} bytes instead of ${codec.bytes}`);
    this.sink.deliver(slot, generation, codec.decode(this.views, body, this.ref), sender);
  }

  /** A structured value, or LOST. */
  private value(flags: number, body: number, bytes: number): unknown {
    if ((flags & (MAIL_FLAG_ATTACHED | MAIL_FLAG_DETACHED)) === 0) {
      return this.structured.read(this.views, body, bytes, NOTHING);
    }
    const attachments = this.attachments();
    if (attachments === null) return LOST;
    if ((flags & MAIL_FLAG_DETACHED) === 0) return this.structured.read(this.views, body, bytes, attachments);
    const detached = bodyOf(attachments);
    const views = new Views(detached.buffer);
    return this.structured.read(views, detached.byteOffset, detached.length, attachments.slice(1));
  }

  /** The bytes of a message, as a copy of our own, or LOST. */
  private bytes(flags: number, body: number, bytes: number): unknown {
    if ((flags & MAIL_FLAG_DETACHED) !== 0) {
      const attachments = this.attachments();
      return attachments === null ? LOST : bodyOf(attachments);
    }
    const copy = new Uint8Array(bytes);
    copyBytes(copy, 0, this.views.u8, body, bytes);
    return copy;
  }

  private signal(slot: number, generation: number, value: unknown): void {
    // What it is made of went down with the other thread, whose end everybody hears of.
    if (value === LOST) return;
    const signal = value as Signal | FieldsSignal | GateSignal | null | undefined;
    if (typeof signal?.kind !== 'string' || !Object.hasOwn(SIGNAL_KINDS, signal.kind))
      throw new RingCorruptError('a signal of no known kind');
    this.sink.signalled(slot, generation, signal);
  }

  private senderAt(word: number): ActorAddress {
    const { i32 } = this.views;
    const host = (i32[word + MAIL_HEADER_SENDER_HOST_WORD] as number) >>> 0;
    const slot = (i32[word + MAIL_HEADER_SENDER_SLOT_WORD] as number) >>> 0;
    const generation = (i32[word + MAIL_HEADER_SENDER_GENERATION_WORD] as number) >>> 0;
    const last = this.sender;
    if (last.slot === slot && last.generation === generation && last.host === host) return last;
    this.sender = new ActorAddress(host, slot, generation);
    return this.sender;
  }

  /** What was posted before this record was published; null: it went down with the other thread. */
  private attachments(): readonly unknown[] | null {
    const received = receiveMessageOnPort(this.port) as { message: unknown } | undefined;
    if (received === undefined && this.isEnding) return null;
    if (!Array.isArray(received?.message)) throw new RingCorruptError('a message whose attachments did not come');
    return received.message;
  }
}

/** The body that came by the message port, of which all memory is the message's. */
function bodyOf(attachments: readonly unknown[]): Uint8Array {
  const [detached] = attachments;
  if (detached instanceof Uint8Array) return detached;
  throw new RingCorruptError('the body of a message is no buffer');
}
