/**
 * Large receives (rules 5.6 to 5.8): the peer offers, we read its memory or let it write into ours. The stream behind an
 * offer waits, so that order is kept (5.10); only a few more offers are fetched meanwhile.
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
import { copyOut } from '../../native/bytes.js';
import { NO_ERROR, WSAENOBUFS, WSAEWOULDBLOCK, type WsaCode } from '../../spi/codes.js';
import type { RdmaLocalBuffer } from '../../spi/provider.js';
import { MEM_WRITE } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { CLAIM_CONTROL } from './channel.js';
import { readU32, writeU32 } from './messages.js';
import { descriptorAt, FETCHED, mayJoin, putDescriptor, RdmaTransfer } from './rdma-transfer.js';
import type { Session } from './session.js';

const NOTHING = new Uint8Array(0);

/** An offer that is being fetched, and then waits for the application to read. */
export class Fetch extends RdmaTransfer {
  /** Where the bytes go; the first of them have come with the offer. */
  target: Uint8Array = NOTHING;
  /** The target is the application's own memory. */
  isPlaced = false;
  /** All bytes are there. */
  hasArrived = false;
  /** The peer has been told where to write. */
  awaitsWrite = false;
  /** Of the rest of the bytes, where this side reads. */
  private readonly source: Uint8Array;
  /** How many bytes have come with the offer. */
  private readonly start: number;
  private borrowed: RdmaLocalBuffer | null = null;
  /** Where to read to. */
  private room: RdmaLocalBuffer | null = null;

  constructor(session: Session, provider: StartedProvider, number: number, source: Uint8Array, start: number) {
    super(session, provider, number);
    this.source = source;
    this.start = start;
  }

  /** Where the rest of the bytes goes. */
  get rest(): Uint8Array {
    return this.target.subarray(this.start);
  }

  /**
   * Finds memory for `total` bytes: the application's, the provider's, or new.
   * @param first the first of the bytes
   * @param canWait where the provider has none to lend now, later will do
   * @returns 0; WSAEWOULDBLOCK: later; WSAENOBUFS: there is none (5.8), or the connection has ended
   */
  prepare(total: number, first: Uint8Array, canWait: boolean): WsaCode {
    const { session } = this;
    const own = session.ownTarget(total);
    if (session.ended) return WSAENOBUFS;
    this.isPlaced = own !== null;
    this.borrowed = own === null ? this.borrow(total) : null;
    if (session.ended) return WSAENOBUFS;
    if (own === null && this.borrowed === null && this.lends && canWait) return WSAEWOULDBLOCK;
    const target = own ?? this.lentTarget(total) ?? session.attempt(() => new Uint8Array(total));
    if (target === undefined) return WSAENOBUFS;
    this.target = target;
    target.set(first);
    session.bytesCopiedReceived += first.length;
    return NO_ERROR;
  }

  private lentTarget(total: number): Uint8Array | undefined {
    const { borrowed } = this;
    return borrowed?.bytes.subarray(borrowed.offset, borrowed.offset + total);
  }

  /** Registers it for this side. @returns false: no memory can be had (5.8) */
  registerRest(): boolean {
    const { borrowed, rest } = this;
    this.room =
      borrowed === null
        ? (this.register(rest, MEM_WRITE) ?? null)
        : { ...borrowed, offset: borrowed.offset + this.start, length: rest.length };
    return this.room !== null;
  }

  /** Reads what `registerRest` has made room for (5.6). @returns as `move` */
  read(): WsaCode {
    return this.room === null ? WSAENOBUFS : this.move('WSPRdmaRead', this.room, this.source);
  }

  /** All bytes are there. @param lend the application takes a view of whatever memory they lie in */
  arrive(lend: boolean): void {
    this.hasArrived = true;
    if (this.borrowed === null || lend) return;
    this.target = copyOut(this.target, 0, this.target.length);
    this.session.bytesCopiedReceived += this.target.length;
    this.giveBack();
  }
}

/** The receiving half of the RDMA protocol. */
export class RdmaReceiver {
  /** In the order of their offers. */
  private readonly fetches: Fetch[] = [];
  /** An offer was refused, and its bytes have not come by messages yet: what was offered behind it must not overtake them. */
  private refusing = false;
  /** The stream goes on behind an offer that has been delivered. */
  private goesOn = false;
  private readonly provider: StartedProvider;
  private readonly session: Session;

  constructor(provider: StartedProvider, session: Session) {
    this.provider = provider;
    this.session = session;
  }

  /** Offers are being fetched, or their bytes wait for the application to read. */
  get busy(): boolean {
    return this.fetches.length > 0;
  }

  /** Another offer may be looked at. */
  get takesOffers(): boolean {
    const bytes = this.fetches.reduce((sum, { target }) => sum + target.length, 0);
    return mayJoin(FETCHED, this.fetches.length, bytes, this.session.rdmaBytesMax);
  }

  /** The peer's bytes are still to come. */
  get fetching(): boolean {
    return this.fetches.some(({ hasArrived }) => !hasArrived);
  }

  /** Bytes have come by message: if any were refused by RDMA, these are they. */
  dataCame(): void {
    this.refusing = false;
  }

  /**
   * An OFFER message: everything in it comes from the peer and is checked against what our HELLO announced.
   * @returns false: not now; keep the message until those before it are delivered
   */
  offered(bytes: Uint8Array, offset: number, length: number): boolean {
    const { session } = this;
    const body = offset + SESSION_HEADER_BYTES;
    const inlineRoom = length - SESSION_HEADER_BYTES - SESSION_OFFER_BYTES;
    if (inlineRoom < 0) return session.violation('a short offer');
    const total = readU32(bytes, body + SESSION_OFFER_TOTAL_BYTES);
    const inlineBytes = readU32(bytes, body + SESSION_OFFER_INLINE_BYTES);
    if (inlineBytes !== inlineRoom || inlineBytes >= total || total > session.limits.maxRdmaBytes) {
      return session.violation(`an offer of ${total} bytes with ${inlineBytes} inside`);
    }
    const number = readU32(bytes, offset + SESSION_HEADER_VALUE);
    const source = descriptorAt(bytes, body + SESSION_OFFER_KEY_LOW);
    const fetch = new Fetch(session, this.provider, number, source, inlineBytes);
    this.fetches.push(fetch);
    const first = bytes.subarray(body + SESSION_OFFER_BYTES, offset + length);
    const code = this.refusing ? WSAENOBUFS : this.begin(fetch, total, first);
    if (code === NO_ERROR || session.ended) return true;
    if (code === WSAENOBUFS) this.refuse(fetch);
    else if (code === WSAEWOULDBLOCK) this.drop(fetch);
    else session.lose(code);
    return code !== WSAEWOULDBLOCK;
  }

  private get reads(): boolean {
    return this.provider.extensions.WSPRdmaRead !== undefined;
  }

  /** @returns 0: under way; WSAEWOULDBLOCK: not now; WSAENOBUFS: no memory can be had (5.8); or what ends the connection */
  private begin(fetch: Fetch, total: number, first: Uint8Array): WsaCode {
    const canWait = this.fetches[0] !== fetch;
    const code = fetch.prepare(total, first, canWait);
    if (code !== NO_ERROR) return code;
    if (!this.reads) {
      if (this.expose(fetch) === NO_ERROR) return NO_ERROR;
      // There may be more to open when those before it are closed; but the application is not asked twice for a buffer.
      return canWait && !fetch.isPlaced ? WSAEWOULDBLOCK : WSAENOBUFS;
    }
    // In any case: what the peer then can't write is read.
    if (!fetch.registerRest()) return WSAENOBUFS;
    if (this.leavesToPeer && this.expose(fetch) === NO_ERROR) return NO_ERROR;
    return this.session.ended ? WSAENOBUFS : fetch.read();
  }

  /** Where both sides' processors can move bytes, the peer is given what it writes while this side reads. */
  private get leavesToPeer(): boolean {
    if (!this.session.sharesTransfers) return false;
    let reads = this.goesOn ? 1 : 0;
    for (const { moving, awaitsWrite } of this.fetches) reads += moving ? 1 : awaitsWrite ? -1 : 0;
    return reads > 0;
  }

  /** 5.7: lets the one peer write. @returns 0, or WSAENOBUFS: no memory can be had */
  private expose(fetch: Fetch): WsaCode {
    const descriptor = fetch.expose(fetch.rest, MEM_WRITE);
    if (descriptor === undefined) return WSAENOBUFS;
    fetch.awaitsWrite = true;
    this.sayTarget(fetch, SESSION_STATUS_OK, descriptor);
    return NO_ERROR;
  }

  private sayTarget(fetch: Fetch, status: number, descriptor: Uint8Array | null): void {
    const body = new Uint8Array(SESSION_TARGET_BYTES);
    writeU32(body, 0, status);
    if (descriptor !== null) putDescriptor(body, SESSION_TARGET_KEY_LOW, descriptor);
    this.session.control(SESSION_TARGET, fetch.number, body, CLAIM_CONTROL);
  }

  /** 5.8: no memory for it here: the peer sends the bytes by messages. */
  private refuse(fetch: Fetch): void {
    this.refusing = true;
    this.drop(fetch);
    if (this.reads) fetch.sayDone(SESSION_STATUS_NO_BUFFERS);
    else this.sayTarget(fetch, SESSION_STATUS_NO_BUFFERS, null);
  }

  private drop(fetch: Fetch): void {
    this.fetches.splice(this.fetches.indexOf(fetch), 1);
    fetch.stop();
  }

  completed(fetch: Fetch): void {
    if (!fetch.hasMoved()) return;
    fetch.arrive(this.session.lend);
    fetch.sayDone(SESSION_STATUS_OK);
    this.resume();
  }

  /** 5.7: the peer has written, or can't. */
  done(bytes: Uint8Array, offset: number, length: number): void {
    const { session } = this;
    const fetch = this.fetches.find((one) => one.isMeant(bytes, offset, length, SESSION_DONE_BYTES));
    if (!fetch?.awaitsWrite) {
      return void session.violation('the end of a transfer that does not run');
    }
    fetch.awaitsWrite = false;
    fetch.hide();
    if (session.ended) return;
    if (readU32(bytes, offset + SESSION_HEADER_BYTES) === SESSION_STATUS_OK) {
      fetch.release();
      fetch.arrive(session.lend);
    } else if (this.reads) {
      // It can't be refused: those behind it may be under way.
      const code = fetch.read();
      if (code !== NO_ERROR) session.lose(code);
    } else this.drop(fetch);
    this.resume();
  }

  /** Delivers what has arrived, if the application reads, and lets the stream go on. */
  resume(): void {
    let [fetch] = this.fetches;
    while (fetch?.hasArrived && this.session.reading) {
      // Whoever calls back in here from within the delivery must not have it twice, nor what is behind it.
      fetch.hasArrived = false;
      this.session.deliverFetched(fetch.target, fetch.isPlaced);
      if (this.fetches[0] !== fetch) return;
      this.fetches.shift();
      fetch.giveBack();
      [fetch] = this.fetches;
    }
    this.goesOn = true;
    this.session.unblock();
    this.goesOn = false;
  }

  /** The connection ends. */
  stop(): void {
    for (const fetch of this.fetches.splice(0)) fetch.stop();
  }
}
