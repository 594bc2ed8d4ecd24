/**
 * What both halves of the RDMA protocol do with the provider: register memory for one transfer, for this side or for the
 * peer, move bytes, and give the memory back (rules 5.6 to 5.8, 6.1, 6.3).
 */
import { SESSION_DONE, SESSION_DONE_BYTES } from '../../layout/layout.gen.js';
import { NO_ERROR, WSA_IO_PENDING, WSAECONNABORTED, WSAENOBUFS, type WsaCode } from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import { type MemoryHandle, Overlapped } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { CLAIM_CONTROL } from './channel.js';
import { writeU32 } from './messages.js';
import type { Session } from './session.js';

/** The memory and the operation of one transfer at a time. */
export class RdmaMemory {
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

  /** Bytes are being read or written by this side. */
  get moving(): boolean {
    return this.local !== null;
  }

  owns(overlapped: Overlapped): boolean {
    return overlapped === this.overlapped;
  }

  /** Lets the one peer get at `bytes`. @returns the descriptor that it needs; undefined: no memory can be had (5.8) */
  expose(bytes: Uint8Array, access: number): Uint8Array | undefined {
    const { extensions } = this.provider;
    const registration = this.session.attempt(() =>
      extensions.WSPRegisterRdmaMemory?.(this.session.socket, bytes, access),
    );
    if (registration === undefined) return undefined;
    this.remote = registration.handle;
    return registration.descriptor;
  }

  /**
   * Moves the peer's memory into `bytes`, or the other way round; `moved` says how it went.
   * @returns 0: under way; WSAENOBUFS: no memory can be had (5.8); or what ends the connection
   */
  move(how: 'WSPRdmaRead' | 'WSPRdmaWrite', bytes: Uint8Array, access: number, descriptor: Uint8Array): WsaCode {
    const { session } = this;
    const { extensions } = this.provider;
    const handle = session.attempt(() => extensions.WSPRegisterMemory?.(session.socket, bytes, access));
    if (handle === undefined) return WSAENOBUFS;
    this.local = handle;
    const local: RdmaLocalBuffer = { bytes, offset: 0, length: bytes.length, handle };
    this.overlapped.internal = WSA_IO_PENDING;
    const code = session.attempt(() => extensions[how]?.(session.socket, local, descriptor, 0, this.overlapped));
    if (code === WSA_IO_PENDING) return NO_ERROR;
    this.overlapped.internal = NO_ERROR;
    this.release();
    if (code === undefined) return WSAENOBUFS;
    return code === NO_ERROR ? WSAECONNABORTED : code;
  }

  /** The operation has come to its end. @returns false: nothing was moved, and the connection is or goes with it */
  moved(): boolean {
    // The socket is closed: its memory has gone with it (6.3).
    if (this.session.ended) return false;
    this.release();
    const { internal } = this.overlapped;
    if (internal !== NO_ERROR) this.session.lose(internal);
    return internal === NO_ERROR;
  }

  /** Tells the peer how the transfer `number` has ended on this side. */
  sayDone(number: number, status: number): void {
    const body = new Uint8Array(SESSION_DONE_BYTES);
    writeU32(body, 0, status);
    this.session.control(SESSION_DONE, number, body, CLAIM_CONTROL);
  }

  release(): void {
    const { socket } = this.session;
    const { extensions } = this.provider;
    const { remote, local } = this;
    this.remote = null;
    this.local = null;
    if (remote !== null) this.session.attempt(() => extensions.WSPDeregisterRdmaMemory?.(socket, remote));
    if (local !== null) this.session.attempt(() => extensions.WSPDeregisterMemory?.(socket, local));
  }

  /** The connection ends (6.3): memory that no operation uses goes back now, the rest with the socket. */
  stop(): void {
    if (this.overlapped.internal !== WSA_IO_PENDING) this.release();
    this.remote = null;
    this.local = null;
  }
}
