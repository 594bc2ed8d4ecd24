/**
 * The session's receives: how messages get from the provider to `Session.message`. A provider that lends is given one
 * receive at a time, and none once the application does not read and a little is held: its ring then fills. Any
 * other is given all the buffers that our HELLO announces. A message that can't be handled yet is held, in its buffer or
 * as a copy of what was lent, and no credit goes back for it (rule 5.4). A failed receive is told when the application
 * has had everything that came before it (7.3).
 */
import { NO_ERROR, WSA_IO_PENDING, WSAECONNABORTED, WSAEINVAL, type WsaCode } from '../../spi/codes.js';
import { type CompletionSink, Overlapped, type WsaBuffer } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { CONTROL_BUFFERS } from './channel.js';

/** What the receiver needs of its session. */
export interface MessageHandler extends CompletionSink {
  readonly socket: number;
  /** A message has come, handled now or later: its credits count at once, or two sides that don't read would wait for each other. */
  arrived(bytes: Uint8Array, offset: number, length: number): void;
  /** @returns false: not now; keep the message */
  message(bytes: Uint8Array, offset: number, length: number): boolean;
  /** A message is held, and so is its credit. */
  heldMore(): void;
  /** The provider refuses or failed a receive. */
  receiveFailed(code: WsaCode): void;
  /** The provider threw. */
  providerFaulted(cause: unknown): void;
  /** Does the application take bytes now? */
  readonly reading: boolean;
  /** A transfer waits for a word of the peer, whether or not the application reads. */
  readonly awaitsControl: boolean;
  /** No message may be handled any more. */
  readonly ended: boolean;
}

/** Bytes: once so much is held, what follows stays in the provider's memory until the application reads. The last one may be as long as a message is. */
const HELD_BYTES_MAX = 1_024;

const NO_BUFFERS: readonly WsaBuffer[] = [];

/** A source of messages. */
export abstract class Receiver<Held = unknown> {
  /** Messages wait to be handled: later ones must not overtake them. */
  holding = false;
  /** Null: none, as for most connections most of the time. */
  private held: Held[] | null = null;
  protected readonly provider: StartedProvider;
  protected readonly handler: MessageHandler;
  private resuming = false;
  private failure: WsaCode = NO_ERROR;

  constructor(provider: StartedProvider, handler: MessageHandler) {
    this.provider = provider;
    this.handler = handler;
  }

  get heldMessages(): number {
    return this.held?.length ?? 0;
  }

  /** Posts the receives; from then on messages may come. @returns the provider's error or 0 */
  abstract start(): WsaCode;
  /** Is this one of the receiver's overlapped operations? */
  abstract owns(overlapped: Overlapped): boolean;
  abstract completed(overlapped: Overlapped): void;
  /** Posts one receive. @returns 0 or why it failed; a provider that throws has ended the connection */
  protected receive(buffers: readonly WsaBuffer[], overlapped: Overlapped): WsaCode {
    overlapped.internal = WSA_IO_PENDING;
    let code: WsaCode;
    try {
      code = this.provider.spi.WSPRecv(this.handler.socket, buffers, buffers.length, overlapped);
    } catch (error) {
      this.handler.providerFaulted(error);
      return WSAECONNABORTED;
    }
    if (code === WSA_IO_PENDING) return NO_ERROR;
    return code === NO_ERROR ? WSAEINVAL : code;
  }

  /** A transfer has begun that waits for a word of the peer. */
  expectControl(): void {}

  /** Hands over a message that was held. @returns false: still not */
  protected abstract deliver(held: Held): boolean;

  protected hold(message: Held): void {
    this.held ??= [];
    this.held.push(message);
    if (!this.resuming) this.holding = true;
    this.handler.heldMore();
  }

  /** The application reads again, or what stood in the way is done. */
  resume(): void {
    // The application may call back in here from within a delivery: the outer loop then goes on.
    if (this.resuming) return;
    this.resuming = true;
    this.holding = false;
    try {
      while (this.held !== null && this.held.length > 0 && !this.handler.ended) {
        const next = this.held.shift() as Held;
        if (!this.deliver(next)) {
          this.held.unshift(next);
          break;
        }
      }
    } finally {
      this.resuming = false;
      if (this.heldMessages === 0) this.held = null;
      this.holding = this.held !== null;
    }
    if (this.failure !== NO_ERROR) this.fail(this.failure);
  }

  /** What is still held while the application reads waits for a transfer that will never end. */
  protected fail(code: WsaCode): void {
    this.failure = code;
    if (this.resuming) return;
    if (this.heldMessages === 0 || this.handler.reading) this.handler.receiveFailed(code);
  }
}

/** Over a provider that lends. */
export class LentReceiver extends Receiver<Uint8Array> {
  private readonly overlapped: Overlapped;
  private readonly credits: boolean;
  private readonly heldMax: number;
  private posted = false;
  /** Bytes of the messages that are held. */
  private heldBytes = 0;

  /** @param buffers how many HELLO announces */
  constructor(provider: StartedProvider, handler: MessageHandler, buffers: number) {
    super(provider, handler);
    this.overlapped = new Overlapped(handler);
    this.credits = !provider.info.claimsMessageBuffers;
    this.heldMax = buffers + CONTROL_BUFFERS;
  }

  start(): WsaCode {
    return this.post();
  }

  owns(overlapped: Overlapped): boolean {
    return overlapped === this.overlapped;
  }

  completed(overlapped: Overlapped): void {
    this.posted = false;
    if (overlapped.internal !== NO_ERROR) {
      this.fail(overlapped.internal);
      return;
    }
    const { bytes, offset, internalHigh: length } = overlapped;
    if (this.credits) this.handler.arrived(bytes, offset, length);
    if (!this.handler.message(bytes, offset, length)) {
      this.heldBytes += length;
      this.hold(new Uint8Array(bytes.subarray(offset, offset + length)));
    }
    this.postNext();
  }

  override resume(): void {
    super.resume();
    this.postNext();
  }

  override expectControl(): void {
    this.postNext();
  }

  protected deliver(held: Uint8Array): boolean {
    if (!this.handler.message(held, 0, held.length)) return false;
    this.heldBytes -= held.length;
    return true;
  }

  /**
   * While the application does not read the peer is slowed down, but what a transfer waits for must still come through, and a
   * little more: behind it there may be the word that the peer changes its owner (8.1).
   */
  private postNext(): void {
    const { handler } = this;
    if (this.posted || handler.ended || this.heldMessages >= this.heldMax) return;
    if (!handler.reading && !this.credits && !handler.awaitsControl && this.heldBytes >= HELD_BYTES_MAX) return;
    const code = this.post();
    if (code !== NO_ERROR) this.fail(code);
  }

  private post(): WsaCode {
    this.posted = true;
    const code = this.receive(NO_BUFFERS, this.overlapped);
    if (code !== NO_ERROR) this.posted = false;
    return code;
  }
}

class ReceiveOverlapped extends Overlapped {
  readonly gather: WsaBuffer[];

  constructor(sink: CompletionSink, bytes: number) {
    super(sink);
    this.gather = [{ bytes: new Uint8Array(bytes), offset: 0, length: bytes }];
  }
}

/** Over a provider that places messages into posted buffers. */
export class BufferedReceiver extends Receiver<ReceiveOverlapped> {
  private readonly buffers: number;
  private readonly messageBytes: number;

  /** @param buffers how many HELLO announces; @param messageBytes bytes of each */
  constructor(provider: StartedProvider, handler: MessageHandler, buffers: number, messageBytes: number) {
    super(provider, handler);
    this.buffers = buffers;
    this.messageBytes = messageBytes;
  }

  start(): WsaCode {
    for (let i = 0; i < this.buffers + CONTROL_BUFFERS; i++) {
      const code = this.postNew();
      if (code !== NO_ERROR) return code;
    }
    return NO_ERROR;
  }

  owns(overlapped: Overlapped): boolean {
    return overlapped instanceof ReceiveOverlapped;
  }

  completed(overlapped: Overlapped): void {
    const receive = overlapped as ReceiveOverlapped;
    if (receive.internal !== NO_ERROR) {
      this.fail(receive.internal);
      return;
    }
    this.handler.arrived((receive.gather[0] as WsaBuffer).bytes, 0, receive.internalHigh);
    if (!this.deliver(receive)) this.hold(receive);
  }

  protected deliver(receive: ReceiveOverlapped): boolean {
    const buffer = receive.gather[0] as WsaBuffer;
    if (!this.handler.message(buffer.bytes, 0, receive.internalHigh)) return false;
    if (!this.handler.ended) {
      const code = this.receive(receive.gather, receive);
      if (code !== NO_ERROR) this.fail(code);
    }
    return true;
  }

  private postNew(): WsaCode {
    const receive = new ReceiveOverlapped(this.handler, this.messageBytes);
    return this.receive(receive.gather, receive);
  }
}
