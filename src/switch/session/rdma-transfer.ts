/**
 * What both halves of the RDMA protocol do for one large transfer: get memory, register it for this side or for the peer,
 * move bytes, say how it went, and give the memory back (rules 5.6 to 5.8, 6.1, 6.3).
 */
import {
  SESSION_DONE,
  SESSION_DONE_BYTES,
  SESSION_HEADER_BYTES,
  SESSION_HEADER_VALUE,
} from '../../layout/layout.gen.js';
import { NO_ERROR, WSA_IO_PENDING, WSAECONNABORTED, WSAENOBUFS, type WsaCode } from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import { type MemoryHandle, Overlapped, RDMA_DESCRIPTOR_BYTES } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { CLAIM_CONTROL } from './channel.js';
import { readU32, writeU32 } from './messages.js';
import type { Session } from './session.js';

/** How much of one direction may be under way at the same time, where the peer reads. */
interface Depth {
  readonly transfers: number;
  /** How many of the largest transfers all of them together are at most. */
  readonly largest: number;
}

/**
 * What one side has offered. Twice of what the other fetches: there must be an offer to take up when a transfer ends, not a
 * round trip later. It ties down memory of the application's, which has queued it in any case.
 */
export const OFFERED: Depth = { transfers: 8, largest: 4 };
/** What the other side fetches, or has fetched and not delivered: memory that the peer can claim. It holds what is offered beyond. */
export const FETCHED: Depth = { transfers: 4, largest: 2 };

/** May one more, of whatever size, join `count` transfers of `bytes` bytes? */
export function mayJoin({ transfers, largest }: Depth, count: number, bytes: number, largestBytes: number): boolean {
  return count < transfers && bytes <= (largest - 1) * largestBytes;
}

/** One large transfer on one side, and its operation. */
export class RdmaTransfer extends Overlapped {
  /** Of its offer. */
  readonly number: number;
  protected readonly session: Session;
  private readonly provider: StartedProvider;
  /** Registered for this side. */
  private local: MemoryHandle | null = null;
  /** Opened to the peer. */
  private remote: MemoryHandle | null = null;
  /** Lent by the provider. */
  private lent: MemoryHandle | null = null;

  constructor(session: Session, provider: StartedProvider, number: number) {
    super(session);
    this.session = session;
    this.provider = provider;
    this.number = number;
  }

  /** Bytes are being read or written by this side. */
  get moving(): boolean {
    return this.internal === WSA_IO_PENDING;
  }

  /** Is this message about it, with a body of that many bytes? */
  isMeant(bytes: Uint8Array, offset: number, length: number, bodyBytes: number): boolean {
    return length === SESSION_HEADER_BYTES + bodyBytes && readU32(bytes, offset + SESSION_HEADER_VALUE) === this.number;
  }

  /** The provider lends memory, if not at any time. */
  get lends(): boolean {
    return this.provider.spi.WSPBorrowMemory !== undefined;
  }

  /** Memory of the provider's for `bytes` bytes, until `giveBack`. @returns null: it lends none, or none now */
  borrow(bytes: number): RdmaLocalBuffer | null {
    const { session } = this;
    const { spi } = this.provider;
    const local = session.attempt(() => spi.WSPBorrowMemory?.(session.socket, bytes)) ?? null;
    this.lent = local?.handle ?? null;
    return local;
  }

  /** What `borrow` got is the provider's again. */
  giveBack(): void {
    const { session, lent } = this;
    const { spi } = this.provider;
    this.lent = null;
    if (lent !== null) session.attempt(() => spi.WSPReturnMemory?.(session.socket, lent));
  }

  /** Registers memory for this side. @returns undefined: no memory can be had (5.8) */
  register(bytes: Uint8Array, access: number): RdmaLocalBuffer | undefined {
    const { session } = this;
    const { extensions } = this.provider;
    const handle = session.attempt(() => extensions.WSPRegisterMemory?.(session.socket, bytes, access));
    if (handle === undefined) return undefined;
    this.local = handle;
    return { bytes, offset: 0, length: bytes.length, handle };
  }

  /** Lets the one peer get at `bytes`. @returns the descriptor that it needs; undefined: no memory can be had (5.8) */
  expose(bytes: Uint8Array, access: number): Uint8Array | undefined {
    const { session } = this;
    const { extensions } = this.provider;
    const registration = session.attempt(() => extensions.WSPRegisterRdmaMemory?.(session.socket, bytes, access));
    if (registration === undefined) return undefined;
    this.remote = registration.handle;
    return registration.descriptor;
  }

  /**
   * Moves the peer's memory into `local`, or the other way round; `hasMoved` says how it went.
   * @returns 0: under way; WSAENOBUFS: no memory can be had (5.8); or what ends the connection
   */
  move(how: 'WSPRdmaRead' | 'WSPRdmaWrite', local: RdmaLocalBuffer, descriptor: Uint8Array): WsaCode {
    const { session } = this;
    const { extensions } = this.provider;
    this.internal = WSA_IO_PENDING;
    const code = session.attempt(() => extensions[how]?.(session.socket, local, descriptor, 0, this));
    if (code === WSA_IO_PENDING) return NO_ERROR;
    this.internal = NO_ERROR;
    this.unregister();
    if (code === undefined) return WSAENOBUFS;
    return code === NO_ERROR ? WSAECONNABORTED : code;
  }

  /** The operation has come to its end. @returns false: nothing was moved, and the connection is or goes with it */
  hasMoved(): boolean {
    // The socket is closed: its memory has gone with it (6.3).
    if (this.session.ended) return false;
    this.release();
    if (this.internal !== NO_ERROR) this.session.lose(this.internal);
    return this.internal === NO_ERROR;
  }

  /** Tells the peer how the transfer has ended on this side. */
  sayDone(status: number): void {
    const body = new Uint8Array(SESSION_DONE_BYTES);
    writeU32(body, 0, status);
    this.session.control(SESSION_DONE, this.number, body, CLAIM_CONTROL);
  }

  /** What `expose` opened is closed to the peer. */
  hide(): void {
    const { remote, provider, session } = this;
    this.remote = null;
    if (remote === null) return;
    session.attempt(() => provider.extensions.WSPDeregisterRdmaMemory?.(session.socket, remote));
  }

  /** Ends what `register` began. */
  private unregister(): void {
    const { local, provider, session } = this;
    this.local = null;
    // With the socket its memory has gone (6.3).
    if (local === null || session.ended) return;
    session.attempt(() => provider.extensions.WSPDeregisterMemory?.(session.socket, local));
  }

  /** Its registrations end. */
  release(): void {
    this.hide();
    this.unregister();
  }

  /** The connection ends (6.3): memory that no operation uses goes back now, the rest with the socket. */
  stop(): void {
    if (!this.moving) {
      this.release();
      this.giveBack();
    }
    this.remote = null;
    this.local = null;
    this.lent = null;
  }
}

/** The descriptor that stands there in a message: a copy, since the message is dead when the transfer begins. */
export function descriptorAt(bytes: Uint8Array, at: number): Uint8Array {
  return new Uint8Array(bytes.subarray(at, at + RDMA_DESCRIPTOR_BYTES));
}

/** Writes a descriptor into a message. */
export function putDescriptor(bytes: Uint8Array, at: number, descriptor: Uint8Array): void {
  bytes.set(descriptor.subarray(0, RDMA_DESCRIPTOR_BYTES), at);
}
