/**
 * Large receives (rules 5.6 to 5.8): the peer offers, we read its memory or let it write into ours. The stream behind the
 * offer waits, so that order is kept (5.10).
 */
import {
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
import { NO_ERROR, WSAENOBUFS, type WsaCode } from '../../spi/codes.js';
import { MEM_WRITE, type Overlapped, RDMA_DESCRIPTOR_BYTES } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { CLAIM_CONTROL } from './channel.js';
import { readU32, writeU32 } from './messages.js';
import { RdmaMemory } from './rdma-memory.js';
import type { Session } from './session.js';

/** The receiving half of the RDMA protocol. */
export class RdmaReceiver {
  /** An offer is being fetched, or its bytes wait for the application to read. */
  busy = false;
  private number = 0;
  private target: Uint8Array | null = null;
  private arrived = false;
  private awaitsWrite = false;
  private readonly memory: RdmaMemory;
  private readonly provider: StartedProvider;
  private readonly session: Session;

  constructor(provider: StartedProvider, session: Session) {
    this.provider = provider;
    this.session = session;
    this.memory = new RdmaMemory(provider, session);
  }

  /** The peer's bytes are still to come. */
  get fetching(): boolean {
    return this.busy && !this.arrived;
  }

  owns(overlapped: Overlapped): boolean {
    return this.memory.owns(overlapped);
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
          ? this.memory.move('WSPRdmaRead', this.target.subarray(inlineBytes), MEM_WRITE, descriptor)
          : this.expose(this.target.subarray(inlineBytes));
    if (code === WSAENOBUFS) this.refuse(reads);
    else if (code !== NO_ERROR) session.lose(code);
  }

  /** 5.7: lets the one peer write. @returns 0, or WSAENOBUFS: no memory can be had */
  private expose(rest: Uint8Array): WsaCode {
    const descriptor = this.memory.expose(rest, MEM_WRITE);
    if (descriptor === undefined) return WSAENOBUFS;
    this.awaitsWrite = true;
    this.sayTarget(SESSION_STATUS_OK, descriptor);
    return NO_ERROR;
  }

  private sayTarget(status: number, descriptor: Uint8Array | null): void {
    const body = new Uint8Array(SESSION_TARGET_BYTES);
    writeU32(body, 0, status);
    if (descriptor !== null) body.set(descriptor.subarray(0, RDMA_DESCRIPTOR_BYTES), SESSION_TARGET_KEY_LOW);
    this.session.control(SESSION_TARGET, this.number, body, CLAIM_CONTROL);
  }

  /** 5.8: no memory for it here: the peer sends the bytes by messages. */
  private refuse(reads: boolean): void {
    this.target = null;
    this.busy = false;
    if (reads) this.memory.sayDone(this.number, SESSION_STATUS_NO_BUFFERS);
    else this.sayTarget(SESSION_STATUS_NO_BUFFERS, null);
  }

  completed(): void {
    if (!this.memory.moved()) return;
    this.memory.sayDone(this.number, SESSION_STATUS_OK);
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
    this.memory.release();
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

  /** The connection ends. */
  stop(): void {
    this.target = null;
    this.memory.stop();
  }
}
