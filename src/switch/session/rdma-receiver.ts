/**
 * Large receives (rules 5.6 to 5.8): the peer offers, we read its memory or let it write into ours. The stream behind the
 * offer waits, so that order is kept (5.10).
 */
import {
  SESSION_DONE,
  SESSION_DONE_BYTES,
  SESSION_HEADER_BYTES,
  SESSION_HEADER_VALUE,
  SESSION_OFFER_BYTES,
  SESSION_OFFER_INLINE_BYTES,
  SESSION_OFFER_KEY_LOW,
  SESSION_OFFER_TOTAL_BYTES,
  SESSION_STATUS_NO_BUFFERS,
  SESSION_STATUS_OK,
  SESSION_TARGET,
  SESSION_TARGET_BYTES,
  SESSION_TARGET_KEY_LOW,
} from '../../layout/layout.gen.js';
import { NO_ERROR, WSA_IO_PENDING, WSAECONNABORTED, WSAENOBUFS } from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import { MEM_WRITE, type MemoryHandle, Overlapped, RDMA_DESCRIPTOR_BYTES } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { CLAIM_CONTROL } from './channel.js';
import { readU32, writeU32 } from './messages.js';
import type { Session } from './session.js';

/** The receiving half of the RDMA protocol. */
export class RdmaReceiver {
  /** An offer is being fetched, or its bytes wait for the application to read. */
  busy = false;
  private number = 0;
  private target: Uint8Array | null = null;
  private arrived = false;
  private awaitsWrite = false;
  private local: MemoryHandle | null = null;
  private remote: MemoryHandle | null = null;
  private readonly overlapped: Overlapped;
  private readonly provider: StartedProvider;
  private readonly session: Session;

  constructor(provider: StartedProvider, session: Session) {
    this.provider = provider;
    this.session = session;
    this.overlapped = new Overlapped(session);
  }

  /** The peer's bytes are still to come. */
  get fetching(): boolean {
    return this.busy && !this.arrived;
  }

  owns(overlapped: Overlapped): boolean {
    return overlapped === this.overlapped;
  }

  /** An OFFER message: everything in it comes from the peer and is checked against what our HELLO announced. */
  offered(bytes: Uint8Array, offset: number, length: number): void {
    const { session } = this;
    const body = offset + SESSION_HEADER_BYTES;
    const inlineRoom = length - SESSION_HEADER_BYTES - SESSION_OFFER_BYTES;
    if (inlineRoom < 0) return void session.violation('a short offer');
    const total = readU32(bytes, body + SESSION_OFFER_TOTAL_BYTES);
    const inlineBytes = readU32(bytes, body + SESSION_OFFER_INLINE_BYTES);
    if (inlineBytes !== inlineRoom || inlineBytes >= total || total > session.limits.maxRdmaBytes) {
      return void session.violation(`an offer of ${total} bytes with ${inlineBytes} inside`);
    }
    this.number = readU32(bytes, offset + SESSION_HEADER_VALUE);
    this.busy = true;
    this.arrived = false;
    this.target = session.attempt(() => new Uint8Array(total)) ?? null;
    this.target?.set(bytes.subarray(body + SESSION_OFFER_BYTES, offset + length));
    const descriptor = bytes.slice(body + SESSION_OFFER_KEY_LOW, body + SESSION_OFFER_KEY_LOW + RDMA_DESCRIPTOR_BYTES);
    const reads = this.provider.extensions.WSPRdmaRead !== undefined;
    const code =
      this.target === null
        ? WSAENOBUFS
        : reads
          ? this.read(this.target, inlineBytes, descriptor)
          : this.expose(this.target, inlineBytes);
    if (code === WSAENOBUFS) this.refuse(reads);
    else if (code !== NO_ERROR) session.lose(code);
  }

  /** 5.6. @returns 0, WSAENOBUFS, or what ends the connection */
  private read(target: Uint8Array, inlineBytes: number, descriptor: Uint8Array): number {
    const { session, provider } = this;
    const rest = target.subarray(inlineBytes);
    const handle = session.attempt(() => provider.extensions.WSPRegisterMemory?.(session.socket, rest, MEM_WRITE));
    if (handle === undefined) return WSAENOBUFS;
    this.local = handle;
    const local: RdmaLocalBuffer = { bytes: rest, offset: 0, length: rest.length, handle };
    this.overlapped.internal = WSA_IO_PENDING;
    const code = session.attempt(() =>
      provider.extensions.WSPRdmaRead?.(session.socket, local, descriptor, 0, this.overlapped),
    );
    if (code === WSA_IO_PENDING) return NO_ERROR;
    this.overlapped.internal = NO_ERROR;
    this.release();
    return code === undefined ? WSAENOBUFS : code === NO_ERROR ? WSAECONNABORTED : code;
  }

  /** 5.7: lets the one peer write behind the inline bytes. */
  private expose(target: Uint8Array, inlineBytes: number): number {
    const { session, provider } = this;
    const rest = target.subarray(inlineBytes);
    const registration = session.attempt(() =>
      provider.extensions.WSPRegisterRdmaMemory?.(session.socket, rest, MEM_WRITE),
    );
    if (registration === undefined) return WSAENOBUFS;
    this.remote = registration.handle;
    this.awaitsWrite = true;
    this.sayTarget(SESSION_STATUS_OK, registration.descriptor);
    return NO_ERROR;
  }

  private sayTarget(status: number, descriptor: Uint8Array | null): void {
    const body = new Uint8Array(SESSION_TARGET_BYTES);
    writeU32(body, 0, status);
    if (descriptor !== null) body.set(descriptor.subarray(0, RDMA_DESCRIPTOR_BYTES), SESSION_TARGET_KEY_LOW);
    this.session.control(SESSION_TARGET, this.number, body, CLAIM_CONTROL);
  }

  private sayDone(status: number): void {
    const body = new Uint8Array(SESSION_DONE_BYTES);
    writeU32(body, 0, status);
    this.session.control(SESSION_DONE, this.number, body, CLAIM_CONTROL);
  }

  /** 5.8: no memory for it here: the peer sends the bytes by messages. */
  private refuse(reads: boolean): void {
    this.target = null;
    this.busy = false;
    if (reads) this.sayDone(SESSION_STATUS_NO_BUFFERS);
    else this.sayTarget(SESSION_STATUS_NO_BUFFERS, null);
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
    this.arrived = true;
    this.resume();
  }

  /** 5.7: the peer has written, or can't. */
  done(bytes: Uint8Array, offset: number, length: number): void {
    const { session } = this;
    const expected = this.awaitsWrite && length === SESSION_HEADER_BYTES + SESSION_DONE_BYTES;
    if (!expected || readU32(bytes, offset + SESSION_HEADER_VALUE) !== this.number) {
      return void session.violation('the end of a transfer that does not run');
    }
    this.awaitsWrite = false;
    this.release();
    if (readU32(bytes, offset + SESSION_HEADER_BYTES) === SESSION_STATUS_OK) this.arrived = true;
    else {
      this.target = null;
      this.busy = false;
    }
    this.resume();
  }

  /** Delivers what has arrived, if the application reads, and lets the stream go on. */
  resume(): void {
    if (this.arrived && this.session.reading) {
      const target = this.target as Uint8Array;
      this.arrived = false;
      this.target = null;
      this.session.deliverOwned(target);
      this.busy = false;
    }
    this.session.unblock();
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
    this.target = null;
    if (this.overlapped.internal !== WSA_IO_PENDING) this.release();
    this.remote = null;
    this.local = null;
  }
}
