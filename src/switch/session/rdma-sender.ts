/**
 * Large sends (rules 5.5 to 5.8). Where the peer's provider reads, the offer carries the descriptor of our memory and the
 * peer says done; otherwise the peer names a target, we write, and we say done. A reading peer is offered what comes next
 * while it reads. If it refuses an offer, it refuses those behind it too, and all of them go another way.
 */
import {
  SESSION_DONE_BYTES,
  SESSION_HEADER_BYTES,
  SESSION_OFFER,
  SESSION_OFFER_BYTES,
  SESSION_OFFER_INLINE_BYTES,
  SESSION_OFFER_KEY_LOW,
  SESSION_OFFER_TOTAL_BYTES,
  SESSION_STATUS_NO_BUFFERS,
  SESSION_STATUS_OK,
  SESSION_TARGET_BYTES,
  SESSION_TARGET_KEY_LOW,
} from '../../layout/layout.gen.js';
import { NO_ERROR, WSAENOBUFS, WSAETIMEDOUT, type WsaCode, WsaError } from '../../spi/codes.js';
import { MEM_READ } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import type { SentCallback } from '../transport.js';
import { readU32, writeU32 } from './messages.js';
import { descriptorAt, mayJoin, OFFERED, putDescriptor, RdmaTransfer } from './rdma-transfer.js';
import type { QueuedSend, SendQueue } from './send-queue.js';
import type { Session } from './session.js';

/** Bytes of a large send that go with its offer (5.6, 5.7: "the first bytes"). */
const INLINE_BYTES_MAX = 64;
/** A cancelled transfer that runs longer than this is ended by an abortive close (5.11). */
const CANCEL_TIMEOUT_MS = 5_000;

/** What became of an attempt to send by RDMA. */
export const OFFER_MADE = 0;
export const OFFER_NO_ROOM = 1;
export const OFFER_BY_MESSAGES = 2;

/** A part of a send that has been offered. */
export class Offer extends RdmaTransfer {
  readonly send: QueuedSend;
  /** Where in the send it begins, and how much of the send it is. */
  readonly start: number;
  readonly bytesOffered: number;
  outcome: 'waits' | 'sent' | 'refused' = 'waits';
  private readonly inlineBytes: number;

  constructor(
    session: Session,
    provider: StartedProvider,
    number: number,
    send: QueuedSend,
    start: number,
    roomBytes: number,
  ) {
    super(session, provider, number);
    this.send = send;
    this.start = start;
    this.bytesOffered = Math.min(send.bytes.length - start, session.rdmaBytesMax);
    this.inlineBytes = Math.max(0, Math.min(roomBytes, INLINE_BYTES_MAX, this.bytesOffered - 1));
  }

  get end(): number {
    return this.start + this.bytesOffered;
  }

  /** What is offered behind the inline bytes. */
  get rest(): Uint8Array {
    return this.send.bytes.subarray(this.start + this.inlineBytes, this.end);
  }

  /** Writes the body of the message. @returns its length, or 0: no memory can be had (5.8) */
  write(out: Uint8Array, body: number): number {
    out.fill(0, body, body + SESSION_OFFER_BYTES);
    if (this.session.peerReads) {
      const descriptor = this.expose(this.rest, MEM_READ);
      if (descriptor === undefined) return 0;
      putDescriptor(out, body + SESSION_OFFER_KEY_LOW, descriptor);
    }
    const { start, inlineBytes } = this;
    writeU32(out, body + SESSION_OFFER_TOTAL_BYTES, this.bytesOffered);
    writeU32(out, body + SESSION_OFFER_INLINE_BYTES, inlineBytes);
    out.set(this.send.bytes.subarray(start, start + inlineBytes), body + SESSION_OFFER_BYTES);
    this.session.bytesCopiedSent += inlineBytes;
    return SESSION_OFFER_BYTES + inlineBytes;
  }
}

/** The sending half of the RDMA protocol. */
export class RdmaSender {
  /** Those that are out, in the order of the stream. */
  private readonly offers: Offer[] = [];
  /** Of the last offer. The connecting side's are odd, the other's even, so that a DONE belongs to one transfer only. */
  private number: number;
  /** A send that could not go by RDMA; the rest of it goes by messages. */
  private byMessages: QueuedSend | null = null;
  /**
   * An offer has left that was refused, or whose send is cancelled: those behind it carry nothing on, and when they have left
   * too the stream goes on from there.
   */
  private gap: 'none' | 'refused' | 'cancelled' = 'none';
  private cancelled: QueuedSend | null = null;
  private cancelTimer: NodeJS.Timeout | undefined;
  private readonly provider: StartedProvider;
  private readonly session: Session;

  constructor(provider: StartedProvider, session: Session, role: 'connecting' | 'accepting') {
    this.number = role === 'connecting' ? 1 : 0;
    this.provider = provider;
    this.session = session;
  }

  /** An offer is out. */
  get busy(): boolean {
    return this.offers.length > 0;
  }

  /** Is a part of the send with this callback out, or is it cancelled and waits for what is? */
  carries(sent: SentCallback): boolean {
    return this.cancelled?.sent === sent || this.offers.some(({ send }) => send.sent === sent);
  }

  /** Offers the next part of the queue's head; nothing is out. */
  offerHead(head: QueuedSend): number {
    return this.byMessages === head ? OFFER_BY_MESSAGES : this.offer(head, head.offset);
  }

  /** Offers what is behind that which is out, as far as the peer takes it. @param bytesMin smallest piece that is offered */
  offerMore(queue: SendQueue, bytesMin: number): void {
    for (;;) {
      const last = this.offers.at(-1);
      if (last === undefined || this.halts) return;
      const whole = last.end === last.send.bytes.length;
      const send = whole ? queue.behind(last.send) : last.send;
      const start = whole ? 0 : last.end;
      if (send === undefined || send.bytes.length - start < bytesMin) return;
      if (this.offer(send, start) !== OFFER_MADE) return;
    }
  }

  /** Those that are out are waited for. */
  private get halts(): boolean {
    const { gap, offers, session } = this;
    if (gap !== 'none' || offers.some(({ outcome }) => outcome === 'refused')) return true;
    const bytes = offers.reduce((sum, { bytesOffered }) => sum + bytesOffered, 0);
    return !mayJoin(OFFERED, offers.length, bytes, session.rdmaBytesMax);
  }

  private offer(send: QueuedSend, start: number): number {
    const { session } = this;
    const isFirst = !this.busy;
    const fixed = SESSION_HEADER_BYTES + SESSION_OFFER_BYTES;
    if (!session.claimOffer(fixed, fixed + INLINE_BYTES_MAX, isFirst)) return OFFER_NO_ROOM;
    const { out } = session;
    const number = (this.number + 2) >>> 0;
    const offer = new Offer(session, this.provider, number, send, start, out.length - fixed);
    const length = offer.write(out.bytes, out.offset + SESSION_HEADER_BYTES);
    if (length === 0) {
      // Behind others it waits for them: the depth shrinks when memory is scarce.
      if (!isFirst) return OFFER_NO_ROOM;
      this.goByMessages(send);
      return OFFER_BY_MESSAGES;
    }
    this.number = number;
    this.offers.push(offer);
    if (session.postMessage(SESSION_OFFER, number, SESSION_HEADER_BYTES + length, isFirst) === NO_ERROR) {
      session.awaitPeer();
      return OFFER_MADE;
    }
    // Where the connection has ended nothing is out any more.
    if (this.offers.at(-1) === offer) this.offers.pop();
    offer.stop();
    return OFFER_NO_ROOM;
  }

  /** 5.7: the peer names its target. */
  targeted(bytes: Uint8Array, offset: number, length: number): void {
    const { session } = this;
    const offer = this.offers.find((one) => one.isMeant(bytes, offset, length, SESSION_TARGET_BYTES));
    if (offer?.outcome !== 'waits' || offer.moving) {
      return void session.violation('a target that was not asked for');
    }
    const body = offset + SESSION_HEADER_BYTES;
    if (readU32(bytes, body) !== SESSION_STATUS_OK) return this.answered(offer, 'refused');
    const code = this.write(offer, descriptorAt(bytes, body + SESSION_TARGET_KEY_LOW));
    if (code === NO_ERROR) return;
    if (code !== WSAENOBUFS) return session.lose(code);
    offer.sayDone(SESSION_STATUS_NO_BUFFERS);
    // Who reads does so then.
    if (!session.peerReads) this.answered(offer, 'refused');
  }

  /** @returns 0: under way; WSAENOBUFS: it can't or must not be written; or what ends the connection */
  private write(offer: Offer, descriptor: Uint8Array): WsaCode {
    // What is behind a gap must not overtake what fills it. Who reads sees to that by itself.
    if (!this.session.peerReads && (this.gap !== 'none' || this.offers.some(({ outcome }) => outcome === 'refused')))
      return WSAENOBUFS;
    const local = offer.register(offer.rest, MEM_READ);
    return local === undefined ? WSAENOBUFS : offer.move('WSPRdmaWrite', local, descriptor);
  }

  completed(offer: Offer): void {
    if (!offer.hasMoved()) return;
    offer.sayDone(SESSION_STATUS_OK);
    this.answered(offer, 'sent');
  }

  /** 5.6: the peer has read, or can't. @returns false: not for this side */
  done(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.session.peerReads) return false;
    const offer = this.offers.find((one) => one.isMeant(bytes, offset, length, SESSION_DONE_BYTES));
    if (offer?.outcome !== 'waits' || offer.moving) return false;
    const status = readU32(bytes, offset + SESSION_HEADER_BYTES);
    offer.release();
    this.answered(offer, status === SESSION_STATUS_OK ? 'sent' : 'refused');
    return true;
  }

  /** An offer has its outcome; those at the front that have theirs leave, in order. */
  private answered(offer: Offer, outcome: 'sent' | 'refused'): void {
    const { session, offers } = this;
    if (session.ended) return;
    offer.outcome = outcome;
    for (let [first] = offers; first !== undefined && first.outcome !== 'waits'; [first] = offers) {
      offers.shift();
      this.left(first);
      if (session.ended) return;
    }
    if (!this.busy) {
      this.gap = 'none';
      if (this.cancelled !== null) this.dropCancelled(this.cancelled);
    }
    process.nextTick(() => session.pump());
  }

  private left({ send, outcome, bytesOffered }: Offer): void {
    if (this.gap === 'refused' && outcome === 'sent') {
      this.session.violation('the end of a transfer behind one that it has refused');
    } else if (this.gap !== 'none') {
      // Nothing that could be carried on.
    } else if (send === this.cancelled) {
      this.gap = 'cancelled';
    } else if (outcome === 'refused') {
      this.gap = 'refused';
      this.goByMessages(send);
    } else this.session.streamAdvanced(bytesOffered);
  }

  /** 5.8: no memory could be had, here or by the peer. */
  private goByMessages(send: QueuedSend): void {
    if (this.byMessages !== send) this.session.largeSendsCopied += 1;
    this.byMessages = send;
  }

  /** 5.11: what runs is waited for, then the rest is dropped. */
  cancel(sent: SentCallback): void {
    if (this.cancelled !== null) return;
    this.cancelled = this.offers.find(({ send }) => send.sent === sent)?.send ?? null;
    this.cancelTimer = setTimeout(() => this.session.lose(WSAETIMEDOUT), CANCEL_TIMEOUT_MS);
  }

  private dropCancelled(send: QueuedSend): void {
    clearTimeout(this.cancelTimer);
    this.cancelled = null;
    this.session.dropSend(send);
  }

  /** The connection ends. */
  stop(): void {
    clearTimeout(this.cancelTimer);
    for (const offer of this.offers.splice(0)) offer.stop();
  }
}

/** Is this the provider's way to say that no memory can be had (5.8)? */
export function isNoBuffers(error: unknown): boolean {
  return error instanceof WsaError && error.wsaCode === WSAENOBUFS;
}
