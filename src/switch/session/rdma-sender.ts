/**
 * Large sends (rules 5.5 to 5.8): one offer at a time. Where the peer's provider reads, the offer carries the descriptor
 * of our memory and the peer says done; otherwise the peer names a target, we write, and we say done.
 */
import {
  SESSION_DONE_BYTES,
  SESSION_HEADER_BYTES,
  SESSION_HEADER_VALUE,
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
import { NO_ERROR, WSAENOBUFS, WSAETIMEDOUT, WsaError } from '../../spi/codes.js';
import { MEM_READ, type Overlapped, RDMA_DESCRIPTOR_BYTES } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { CLAIM_STREAM } from './channel.js';
import { readU32, writeU32 } from './messages.js';
import { RdmaMemory } from './rdma-memory.js';
import type { QueuedSend } from './send-queue.js';
import type { Session } from './session.js';

/** Bytes of a large send that go with its offer (5.6, 5.7: "the first bytes"). */
const INLINE_BYTES_MAX = 64;
/** A cancelled transfer that runs longer than this is ended by an abortive close (5.11). */
const CANCEL_TIMEOUT_MS = 5_000;

/** What became of an attempt to send by RDMA. */
export const OFFER_MADE = 0;
export const OFFER_NO_ROOM = 1;
export const OFFER_BY_MESSAGES = 2;

/** The sending half of the RDMA protocol. */
export class RdmaSender {
  /** An offer is out. */
  busy = false;
  /** Of the last offer. The connecting side's are odd, the other's even, so that a DONE belongs to one transfer only. */
  private number: number;
  private head: QueuedSend | null = null;
  private bytes = 0;
  private inlineBytes = 0;
  private byMessages: QueuedSend | null = null;
  private cancelTimer: NodeJS.Timeout | undefined;
  private readonly memory: RdmaMemory;
  private readonly session: Session;

  constructor(provider: StartedProvider, session: Session, role: 'connecting' | 'accepting') {
    this.number = role === 'connecting' ? 1 : 0;
    this.session = session;
    this.memory = new RdmaMemory(provider, session);
  }

  owns(overlapped: Overlapped): boolean {
    return this.memory.owns(overlapped);
  }

  /** Offers the next part of `head`. */
  offer(head: QueuedSend): number {
    if (this.byMessages === head) return OFFER_BY_MESSAGES;
    const { session } = this;
    const fixed = SESSION_HEADER_BYTES + SESSION_OFFER_BYTES;
    if (!session.claim(fixed, fixed + INLINE_BYTES_MAX, CLAIM_STREAM, true)) return OFFER_NO_ROOM;
    const { out } = session;
    this.bytes = Math.min(head.bytes.length - head.offset, session.rdmaBytesMax);
    this.inlineBytes = Math.max(0, Math.min(out.length - fixed, INLINE_BYTES_MAX, this.bytes - 1));
    const body = out.offset + SESSION_HEADER_BYTES;
    out.bytes.fill(0, body, body + SESSION_OFFER_BYTES);
    if (session.peerReads && !this.exposeMemory(head, out.bytes, body)) return OFFER_BY_MESSAGES;
    writeU32(out.bytes, body + SESSION_OFFER_TOTAL_BYTES, this.bytes);
    writeU32(out.bytes, body + SESSION_OFFER_INLINE_BYTES, this.inlineBytes);
    out.bytes.set(head.bytes.subarray(head.offset, head.offset + this.inlineBytes), body + SESSION_OFFER_BYTES);
    this.busy = true;
    this.head = head;
    this.number = (this.number + 2) >>> 0;
    if (session.postMessage(SESSION_OFFER, this.number, fixed + this.inlineBytes, true) === NO_ERROR) return OFFER_MADE;
    this.busy = false;
    this.head = null;
    this.memory.release();
    return OFFER_NO_ROOM;
  }

  /** 5.6: lets the one peer read what follows the inline bytes. @returns false: no memory, go by messages (5.8) */
  private exposeMemory(head: QueuedSend, out: Uint8Array, body: number): boolean {
    const descriptor = this.memory.expose(this.restOf(head), MEM_READ);
    if (descriptor === undefined) {
      this.byMessages = head;
      return false;
    }
    out.set(descriptor.subarray(0, RDMA_DESCRIPTOR_BYTES), body + SESSION_OFFER_KEY_LOW);
    return true;
  }

  /** 5.7: the peer names its target. */
  targeted(bytes: Uint8Array, offset: number, length: number): void {
    const { session } = this;
    if (!this.expects(bytes, offset, length, SESSION_TARGET_BYTES) || session.peerReads || this.memory.moving) {
      session.violation('a target that was not asked for');
      return;
    }
    const body = offset + SESSION_HEADER_BYTES;
    if (readU32(bytes, body) !== SESSION_STATUS_OK) {
      this.goByMessages();
      return;
    }
    const descriptor = bytes.slice(
      body + SESSION_TARGET_KEY_LOW,
      body + SESSION_TARGET_KEY_LOW + RDMA_DESCRIPTOR_BYTES,
    );
    const code = this.memory.move('WSPRdmaWrite', this.restOf(this.head as QueuedSend), MEM_READ, descriptor);
    if (code === NO_ERROR) return;
    if (code !== WSAENOBUFS) session.lose(code);
    this.memory.sayDone(this.number, SESSION_STATUS_NO_BUFFERS);
    this.goByMessages();
  }

  completed(): void {
    if (!this.memory.moved()) return;
    this.memory.sayDone(this.number, SESSION_STATUS_OK);
    this.finish();
  }

  /** 5.6: the peer has read, or can't. @returns false: not for this side */
  done(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.session.peerReads || !this.busy) return false;
    if (!this.expects(bytes, offset, length, SESSION_DONE_BYTES)) return false;
    const status = readU32(bytes, offset + SESSION_HEADER_BYTES);
    this.memory.release();
    if (status === SESSION_STATUS_OK) this.finish();
    else this.goByMessages();
    return true;
  }

  private expects(bytes: Uint8Array, offset: number, length: number, bodyBytes: number): boolean {
    return (
      this.busy &&
      length === SESSION_HEADER_BYTES + bodyBytes &&
      readU32(bytes, offset + SESSION_HEADER_VALUE) === this.number
    );
  }

  /** What is offered of `head` behind the inline bytes. */
  private restOf(head: QueuedSend): Uint8Array {
    return head.bytes.subarray(head.offset + this.inlineBytes, head.offset + this.bytes);
  }

  private goByMessages(): void {
    this.byMessages = this.head;
    this.bytes = 0;
    this.finish();
  }

  private finish(): void {
    this.busy = false;
    this.head = null;
    if (this.session.ended) return;
    if (this.cancelTimer === undefined) this.session.streamAdvanced(this.bytes);
    else {
      clearTimeout(this.cancelTimer);
      this.cancelTimer = undefined;
      this.session.dropHead();
    }
    process.nextTick(() => this.session.pump());
  }

  /** 5.11: the running transfer is waited for, then the rest is dropped. */
  cancel(): void {
    this.cancelTimer ??= setTimeout(() => this.session.lose(WSAETIMEDOUT), CANCEL_TIMEOUT_MS);
  }

  /** The connection ends. */
  stop(): void {
    clearTimeout(this.cancelTimer);
    this.memory.stop();
  }
}

/** Is this the provider's way to say that no memory can be had (5.8)? */
export function isNoBuffers(error: unknown): boolean {
  return error instanceof WsaError && error.wsaCode === WSAENOBUFS;
}
