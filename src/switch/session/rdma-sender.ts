/**
 * Large sends (rules 5.5 to 5.8): one offer at a time. Where the peer's provider reads, the offer carries the descriptor
 * of our memory and the peer says done; otherwise the peer names a target, we write, and we say done.
 */
import {
  SESSION_DONE,
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
import { NO_ERROR, WSA_IO_PENDING, WSAECONNABORTED, WSAENOBUFS, WSAETIMEDOUT, WsaError } from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import { MEM_READ, type MemoryHandle, Overlapped, RDMA_DESCRIPTOR_BYTES } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { CLAIM_CONTROL, CLAIM_STREAM } from './channel.js';
import { readU32, writeU32 } from './messages.js';
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
  private remote: MemoryHandle | null = null;
  private local: MemoryHandle | null = null;
  private byMessages: QueuedSend | null = null;
  private cancelTimer: NodeJS.Timeout | undefined;
  private readonly overlapped: Overlapped;
  private readonly provider: StartedProvider;
  private readonly session: Session;

  constructor(provider: StartedProvider, session: Session, role: 'connecting' | 'accepting') {
    this.number = role === 'connecting' ? 1 : 0;
    this.provider = provider;
    this.session = session;
    this.overlapped = new Overlapped(session);
  }

  owns(overlapped: Overlapped): boolean {
    return overlapped === this.overlapped;
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
    this.release();
    return OFFER_NO_ROOM;
  }

  /** 5.6: lets the one peer read what follows the inline bytes. @returns false: no memory, go by messages (5.8) */
  private exposeMemory(head: QueuedSend, out: Uint8Array, body: number): boolean {
    const from = head.offset + this.inlineBytes;
    const registration = this.session.attempt(() =>
      this.provider.extensions.WSPRegisterRdmaMemory?.(
        this.session.socket,
        head.bytes.subarray(from, head.offset + this.bytes),
        MEM_READ,
      ),
    );
    if (registration === undefined) {
      this.byMessages = head;
      return false;
    }
    this.remote = registration.handle;
    out.set(registration.descriptor.subarray(0, RDMA_DESCRIPTOR_BYTES), body + SESSION_OFFER_KEY_LOW);
    return true;
  }

  /** 5.7: the peer names its target. */
  targeted(bytes: Uint8Array, offset: number, length: number): void {
    const { session } = this;
    if (!this.expects(bytes, offset, length, SESSION_TARGET_BYTES) || session.peerReads || this.local !== null) {
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
    if (!this.write(descriptor)) {
      this.sayDone(SESSION_STATUS_NO_BUFFERS);
      this.goByMessages();
    }
  }

  /** @returns false: no memory can be registered for it */
  private write(descriptor: Uint8Array): boolean {
    const { session, provider } = this;
    const head = this.head as QueuedSend;
    const from = head.offset + this.inlineBytes;
    const rest = head.bytes.subarray(from, head.offset + this.bytes);
    const handle = session.attempt(() => provider.extensions.WSPRegisterMemory?.(session.socket, rest, MEM_READ));
    if (handle === undefined) return false;
    this.local = handle;
    const local: RdmaLocalBuffer = { bytes: rest, offset: 0, length: rest.length, handle };
    this.overlapped.internal = WSA_IO_PENDING;
    const code = session.attempt(() =>
      provider.extensions.WSPRdmaWrite?.(session.socket, local, descriptor, 0, this.overlapped),
    );
    if (code === WSA_IO_PENDING) return true;
    this.overlapped.internal = NO_ERROR;
    this.release();
    if (code !== undefined && code !== WSAENOBUFS) session.lose(code === NO_ERROR ? WSAECONNABORTED : code);
    return false;
  }

  completed(overlapped: Overlapped): void {
    // The socket is closed: its memory has gone with it (6.3).
    if (this.session.ended) return;
    this.release();
    if (overlapped.internal !== NO_ERROR) {
      this.session.lose(overlapped.internal);
      return;
    }
    this.sayDone(SESSION_STATUS_OK);
    this.finish();
  }

  /** 5.6: the peer has read, or can't. @returns false: not for this side */
  done(bytes: Uint8Array, offset: number, length: number): boolean {
    if (!this.session.peerReads || !this.busy) return false;
    if (!this.expects(bytes, offset, length, SESSION_DONE_BYTES)) return false;
    const status = readU32(bytes, offset + SESSION_HEADER_BYTES);
    this.release();
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

  private sayDone(status: number): void {
    const body = new Uint8Array(SESSION_DONE_BYTES);
    writeU32(body, 0, status);
    this.session.control(SESSION_DONE, this.number, body, CLAIM_CONTROL);
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

  private release(): void {
    const { socket } = this.session;
    const { remote, local } = this;
    this.remote = null;
    this.local = null;
    if (remote !== null) this.session.attempt(() => this.provider.extensions.WSPDeregisterRdmaMemory?.(socket, remote));
    if (local !== null) this.session.attempt(() => this.provider.extensions.WSPDeregisterMemory?.(socket, local));
  }

  /** The connection ends (6.3): memory that no operation uses goes back now, the rest with the socket. */
  stop(): void {
    clearTimeout(this.cancelTimer);
    if (this.overlapped.internal !== WSA_IO_PENDING) this.release();
    this.remote = null;
    this.local = null;
  }
}

/** Is this the provider's way to say that no memory can be had (5.8)? */
export function isNoBuffers(error: unknown): boolean {
  return error instanceof WsaError && error.wsaCode === WSAENOBUFS;
}
