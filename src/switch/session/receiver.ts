/**
 * The session's receives: how messages get from the provider to `Session.message`. A provider that lends is given one
 * receive at a time, and none while the application does not read: its ring then fills and slows the peer down. Any
 * other is given all the buffers that our HELLO announces; messages that can't be handled yet keep theirs, so that no
 * credit goes back (rule 5.4).
 */
import { NO_ERROR, WSA_IO_PENDING, type WsaCode } from '../../spi/codes.js';
import { type CompletionSink, Overlapped, type WsaBuffer } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { CONTROL_BUFFERS } from './channel.js';

/** What the receiver needs of its session. */
export interface MessageHandler extends CompletionSink {
  readonly socket: number;
  /** A message has come, handled now or later: its credits count at once, or two sides that don't read would wait for each other. */
  arrived(bytes: Uint8Array, offset: number, length: number): void;
  /** @returns false: not now; keep the message (never where the provider lends) */
  message(bytes: Uint8Array, offset: number, length: number): boolean;
  /** The provider refuses or failed a receive. */
  receiveFailed(code: WsaCode): void;
  /** Does the application take bytes now? */
  readonly reading: boolean;
  /** No message may be handled any more. */
  readonly ended: boolean;
}

const NO_BUFFERS: readonly WsaBuffer[] = [];

/** A source of messages. */
export interface Receiver {
  /** Posts the receives; from then on messages may come. @returns the provider's error or 0 */
  start(): WsaCode;
  /** Is this one of the receiver's overlapped operations? */
  owns(overlapped: Overlapped): boolean;
  completed(overlapped: Overlapped): void;
  /** The application reads again, or what stood in the way is done. */
  resume(): void;
  /** Messages wait to be handled: later ones must not overtake them. */
  readonly holding: boolean;
}

/** Over a provider that lends. */
export class LentReceiver implements Receiver {
  readonly holding = false;
  private readonly overlapped: Overlapped;
  private posted = false;
  private readonly provider: StartedProvider;
  private readonly handler: MessageHandler;

  constructor(provider: StartedProvider, handler: MessageHandler) {
    this.provider = provider;
    this.handler = handler;
    this.overlapped = new Overlapped(handler);
  }

  start(): WsaCode {
    return this.post();
  }

  owns(overlapped: Overlapped): boolean {
    return overlapped === this.overlapped;
  }

  completed(overlapped: Overlapped): void {
    this.posted = false;
    if (overlapped.internal !== NO_ERROR) return this.handler.receiveFailed(overlapped.internal);
    this.handler.message(overlapped.bytes, overlapped.offset, overlapped.internalHigh);
    this.resume();
  }

  resume(): void {
    if (this.posted || !this.handler.reading || this.handler.ended) return;
    const code = this.post();
    if (code !== NO_ERROR) this.handler.receiveFailed(code);
  }

  private post(): WsaCode {
    this.posted = true;
    this.overlapped.internal = WSA_IO_PENDING;
    const code = this.provider.spi.WSPRecv(this.handler.socket, NO_BUFFERS, 0, this.overlapped);
    if (code === WSA_IO_PENDING) return NO_ERROR;
    this.posted = false;
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
export class BufferedReceiver implements Receiver {
  private readonly held: ReceiveOverlapped[] = [];
  private resuming = false;
  private readonly provider: StartedProvider;
  private readonly handler: MessageHandler;
  private readonly buffers: number;
  private readonly messageBytes: number;

  /** @param buffers how many HELLO announces; @param messageBytes bytes of each */
  constructor(provider: StartedProvider, handler: MessageHandler, buffers: number, messageBytes: number) {
    this.provider = provider;
    this.handler = handler;
    this.buffers = buffers;
    this.messageBytes = messageBytes;
  }

  start(): WsaCode {
    for (let i = 0; i < this.buffers + CONTROL_BUFFERS; i++) {
      const code = this.post(new ReceiveOverlapped(this.handler, this.messageBytes));
      if (code !== NO_ERROR) return code;
    }
    return NO_ERROR;
  }

  owns(overlapped: Overlapped): boolean {
    return overlapped instanceof ReceiveOverlapped;
  }

  completed(overlapped: Overlapped): void {
    const receive = overlapped as ReceiveOverlapped;
    if (receive.internal !== NO_ERROR) return this.handler.receiveFailed(receive.internal);
    this.handler.arrived((receive.gather[0] as WsaBuffer).bytes, 0, receive.internalHigh);
    if (!this.deliver(receive)) this.held.push(receive);
  }

  get holding(): boolean {
    return this.held.length > 0;
  }

  resume(): void {
    // The application may call back in here from within a delivery: the outer loop then goes on.
    if (this.resuming) return;
    this.resuming = true;
    while (this.held.length > 0 && !this.handler.ended) {
      const receive = this.held.shift() as ReceiveOverlapped;
      if (!this.deliver(receive)) {
        this.held.unshift(receive);
        break;
      }
    }
    this.resuming = false;
  }

  private deliver(receive: ReceiveOverlapped): boolean {
    const buffer = receive.gather[0] as WsaBuffer;
    if (!this.handler.message(buffer.bytes, 0, receive.internalHigh)) return false;
    if (!this.handler.ended) {
      const code = this.post(receive);
      if (code !== NO_ERROR) this.handler.receiveFailed(code);
    }
    return true;
  }

  private post(receive: ReceiveOverlapped): WsaCode {
    receive.internal = WSA_IO_PENDING;
    const code = this.provider.spi.WSPRecv(this.handler.socket, receive.gather, 1, receive);
    return code === WSA_IO_PENDING ? NO_ERROR : code;
  }
}
