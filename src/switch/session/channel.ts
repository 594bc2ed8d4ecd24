/**
 * Where a session writes its messages: a claim of room, the message written in place, a post. Two kinds of provider,
 * two channels. A ring refuses a claim while the peer has no room (`RingChannel`); a provider without flow control
 * of its own is kept within the receiver's buffers by credits (`CreditChannel`, rule 5.4).
 */
import { NO_ERROR, WSA_IO_PENDING, WSAEMSGSIZE, WSAENOBUFS, WSAEWOULDBLOCK, type WsaCode } from '../../spi/codes.js';
import type { SanProvider } from '../../spi/provider.js';
import { type CompletionSink, Overlapped, type RingReport, type Socket, type WsaBuffer } from '../../spi/types.js';
import { returnOperation, takeOperation } from './operations.js';

/** What a claim is for: it decides which credits it may spend. */
export const CLAIM_STREAM = 2;
export const CLAIM_CONTROL = 0;
/** FIN and SUSPEND: the peer may be out of credits, and must be able to say what ends a transfer all the same. */
export const CLAIM_LAST = 1;
/** HELLO, CREDIT and RESUME: they spend none, since the receiver keeps CONTROL_BUFFERS for them. */
export const CLAIM_FREE = -1;
/**
 * Receive buffers beyond those that HELLO announces, for messages that spend no credit: of CREDITs three at most are ever under
 * way, of RESUMEs two, and HELLO comes before them.
 */
export const CONTROL_BUFFERS = 5;

const EMPTY = new Uint8Array(0);

/** What travels of a channel when its session changes its owner (8.1). */
export interface ChannelState {
  /** Messages that the peer has room for; 0 where the provider has flow control. */
  readonly credits: number;
  /** Messages dealt with that the peer has not been told of. */
  readonly owed: number;
}

/** Room for one message: `bytes` from `offset` on, `room` bytes; valid from a successful claim until the post. */
export interface MessageChannel {
  readonly out: WsaBuffer;
  /** Sends accepted by the provider and not completed. */
  readonly inFlight: number;
  /** A claim's room lies, as a rule, where the provider sends from. */
  readonly writesInPlace: boolean;
  /** @returns 0, WSAEWOULDBLOCK (no room now; FD_WRITE or credits follow), or the provider's error */
  claim(minBytes: number, maxBytes: number, use: number): WsaCode;
  /** Sends the first `bytes` of the claimed room. Returns 0 or the provider's error. */
  post(bytes: number): WsaCode;
  /** Credits that the peer's message brought back. @returns false if they can't be right */
  credit(count: number): boolean;
  /** Messages dealt with whose buffers stand again, not yet told to the peer; taken into the header of the next message. */
  takeOwed(): number;
  /** The message that was to carry them did not go out. */
  returnOwed(count: number): void;
  /** A message was dealt with, and its buffer stands again. */
  owe(): void;
  /**
   * Should a CREDIT message go out? When half of what was announced is owed; and when the peer can't send another word
   * because all the rest is held here, since it may be a word that we wait for.
   */
  owesCredit(heldMessages: number): boolean;
  /** A send has completed: its buffer is free again. */
  sendCompleted(overlapped: Overlapped): void;
  /** The room at the peer, and how much of it is taken; null: there is none to tell of. */
  ring(): RingReport | null;
  /** How it stands with the peer. */
  readonly state: ChannelState;
  /** Goes on where another one of the same connection was; behind `negotiated`. */
  restore(state: ChannelState): void;
}

/** Over a provider that has WSPClaimMessageBuffer. */
export class RingChannel implements MessageChannel {
  readonly out: WsaBuffer = { bytes: EMPTY, offset: 0, length: 0 };
  readonly writesInPlace = true;
  inFlight = 0;
  private readonly gather: readonly WsaBuffer[] = [this.out];
  private readonly spi: SanProvider;
  private readonly socket: Socket;
  private readonly sink: CompletionSink;
  private readonly messageBytes: number;

  /** @param messageBytes largest message of the provider */
  constructor(spi: SanProvider, socket: Socket, sink: CompletionSink, messageBytes: number) {
    this.spi = spi;
    this.socket = socket;
    this.sink = sink;
    this.messageBytes = messageBytes;
  }

  claim(minBytes: number, maxBytes: number, _use: number): WsaCode {
    const { messageBytes } = this;
    if (minBytes > messageBytes) return WSAEMSGSIZE;
    return this.spi.WSPClaimMessageBuffer!(this.socket, minBytes, Math.min(maxBytes, messageBytes), this.out);
  }

  post(bytes: number): WsaCode {
    const overlapped = takeOperation(this.sink);
    this.out.length = bytes;
    overlapped.internal = WSA_IO_PENDING;
    const code = this.spi.WSPSend(this.socket, this.gather, 1, overlapped);
    if (code !== WSA_IO_PENDING) {
      returnOperation(overlapped);
      return code === NO_ERROR ? WSAEWOULDBLOCK : code;
    }
    this.inFlight++;
    return NO_ERROR;
  }

  sendCompleted(overlapped: Overlapped): void {
    this.inFlight--;
    returnOperation(overlapped);
  }

  credit(count: number): boolean {
    return count === 0;
  }

  takeOwed(): number {
    return 0;
  }

  returnOwed(_count: number): void {}

  owe(): void {}

  owesCredit(_heldMessages: number): boolean {
    return false;
  }

  ring(): RingReport | null {
    return this.spi.WSPQueryRing?.(this.socket) ?? null;
  }

  get state(): ChannelState {
    return { credits: 0, owed: 0 };
  }

  restore(_state: ChannelState): void {}
}

/** One send, and the memory that its message is written into: the provider's, or, where that has none to give, its own. */
class MessageOverlapped extends Overlapped {
  readonly gather: readonly WsaBuffer[];
  /** Bytes of the room that `gather` describes; 0: none. */
  room = 0;
  private own: Uint8Array | null = null;

  constructor(sink: CompletionSink) {
    super(sink);
    this.gather = [{ bytes: EMPTY, offset: 0, length: 0 }];
  }

  get buffer(): WsaBuffer {
    return this.gather[0] as WsaBuffer;
  }

  /** Writes into memory of its own, which it keeps. */
  useOwn(bytes: number): void {
    if (this.own === null || this.own.length < bytes) this.own = new Uint8Array(bytes);
    this.buffer.bytes = this.own;
    this.buffer.offset = 0;
    this.room = bytes;
  }

  /** What it was written into may be the provider's again. */
  forget(): void {
    this.room = 0;
    this.buffer.bytes = EMPTY;
  }
}

/** Over a provider without flow control: one credit is one of the peer's receive buffers. */
export class CreditChannel implements MessageChannel {
  out: WsaBuffer = { bytes: EMPTY, offset: 0, length: 0 };
  readonly writesInPlace: boolean;
  inFlight = 0;
  private claimed: MessageOverlapped | null = null;
  private readonly free: MessageOverlapped[] = [];
  private credits = 0;
  private creditLimit = 0;
  private owed = 0;
  private spends = false;
  private messageBytes: number;
  private readonly announced: number;
  private readonly spi: SanProvider;
  private readonly socket: Socket;
  private readonly sink: CompletionSink;

  /**
   * @param messageBytes largest message of our own provider; the peer's HELLO may lower it
   * @param announced receive buffers that our HELLO announces
   */
  constructor(spi: SanProvider, socket: Socket, sink: CompletionSink, messageBytes: number, announced: number) {
    this.spi = spi;
    this.socket = socket;
    this.sink = sink;
    this.messageBytes = messageBytes;
    this.announced = announced;
    this.writesInPlace = spi.WSPAllocateMessageBuffer !== undefined;
  }

  /** The peer's HELLO: how many messages of which size it takes. */
  negotiated(receiveBuffers: number, messageBytes: number): void {
    this.credits = receiveBuffers;
    this.creditLimit = receiveBuffers;
    this.messageBytes = Math.min(this.messageBytes, messageBytes);
  }

  claim(minBytes: number, maxBytes: number, use: number): WsaCode {
    if (use !== CLAIM_FREE && this.credits <= use) return WSAEWOULDBLOCK;
    if (minBytes > this.messageBytes) return WSAEMSGSIZE;
    this.claimed ??= this.free.pop() ?? new MessageOverlapped(this.sink);
    const bytes = Math.min(maxBytes, this.messageBytes);
    const code = this.claimed.room >= bytes ? NO_ERROR : this.allocate(this.claimed, bytes);
    if (code !== NO_ERROR) return code;
    this.out = this.claimed.buffer;
    this.out.length = bytes;
    this.spends = use !== CLAIM_FREE;
    return NO_ERROR;
  }

  /** Room for a message where the provider sends from, if it has any to give. */
  private allocate(claimed: MessageOverlapped, bytes: number): WsaCode {
    const { spi, socket } = this;
    const code = spi.WSPAllocateMessageBuffer?.(socket, bytes, claimed.buffer) ?? WSAENOBUFS;
    if (code === NO_ERROR) claimed.room = claimed.buffer.length;
    else if (code === WSAENOBUFS) claimed.useOwn(this.messageBytes);
    else return code;
    return NO_ERROR;
  }

  post(bytes: number): WsaCode {
    const overlapped = this.claimed as MessageOverlapped;
    overlapped.buffer.length = bytes;
    overlapped.internal = WSA_IO_PENDING;
    const code = this.spi.WSPSend(this.socket, overlapped.gather, 1, overlapped);
    if (code !== WSA_IO_PENDING) return code === NO_ERROR ? WSAEWOULDBLOCK : code;
    this.claimed = null;
    this.inFlight++;
    if (this.spends) this.credits--;
    return NO_ERROR;
  }

  sendCompleted(overlapped: Overlapped): void {
    const sent = overlapped as MessageOverlapped;
    this.inFlight--;
    sent.forget();
    this.free.push(sent);
  }

  credit(count: number): boolean {
    this.credits += count;
    return this.credits <= this.creditLimit;
  }

  takeOwed(): number {
    const owed = this.owed;
    this.owed = 0;
    return owed;
  }

  returnOwed(count: number): void {
    this.owed += count;
  }

  owe(): void {
    this.owed++;
  }

  owesCredit(heldMessages: number): boolean {
    const { owed, announced } = this;
    return owed * 2 >= announced || (owed > 0 && owed + heldMessages >= announced);
  }

  /** The peer's receive buffers: one is taken, whole, from the message that was sent into it until its credit is back. */
  ring(): RingReport | null {
    const { spi, socket, messageBytes, creditLimit, credits } = this;
    if (spi.WSPQueryRing !== undefined) return spi.WSPQueryRing(socket);
    return { peerPid: 0, capacityBytes: creditLimit * messageBytes, usedBytes: (creditLimit - credits) * messageBytes };
  }

  get state(): ChannelState {
    return { credits: this.credits, owed: this.owed };
  }

  restore({ credits, owed }: ChannelState): void {
    this.credits = credits;
    this.owed = owed;
  }
}
