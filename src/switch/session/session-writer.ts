/**
 * What a session sends: room claimed from its channel, messages posted into it, control messages that wait for their
 * turn. What goes out and when is the business of `SessionSender`.
 */
import { SESSION_CREDIT, SESSION_HEADER_BYTES } from '../../layout/layout.gen.js';
import {
  isPeerGone,
  NO_ERROR,
  nodeError,
  WSAECONNABORTED,
  WSAENOBUFS,
  WSAEWOULDBLOCK,
  type WsaCode,
} from '../../spi/codes.js';
import type { CompletionSink, Overlapped, RingReport, WsaBuffer } from '../../spi/types.js';
import { CLAIM_FREE, CLAIM_STREAM, CreditChannel, type MessageChannel, RingChannel } from './channel.js';
import { type SessionLimits, sessionLimits } from './limits.js';
import { writeHeader } from './messages.js';
import { SendQueue } from './send-queue.js';
import { CLOSING, OPEN, SessionCore, type SessionOptions } from './session-core.js';
import { Vigil, type Vigilant } from './vigil.js';

/** A message of the session itself, or urgent data. */
export interface ControlMessage {
  readonly kind: number;
  readonly value: number;
  readonly body: Uint8Array | null;
  readonly use: number;
}

/** Gives the peer back what is owed to it. */
export const CREDIT: ControlMessage = { kind: SESSION_CREDIT, value: 0, body: null, use: CLAIM_FREE };

/** None, once for all sessions: most have nothing to say for most of their lives. Never changed. */
export const NO_MESSAGES: ControlMessage[] = [];

/** `messages` and one more; the array itself, unless it is NO_MESSAGES. */
export function withMessage(messages: ControlMessage[], message: ControlMessage): ControlMessage[] {
  if (messages.length === 0) return [message];
  messages.push(message);
  return messages;
}

/** The sending part of a session. */
export abstract class SessionWriter extends SessionCore implements CompletionSink, Vigilant {
  readonly limits: SessionLimits;
  protected readonly channel: MessageChannel;
  protected readonly queue = new SendQueue();
  protected controls = NO_MESSAGES;
  /** Apart from the control messages, which they must not keep back: only those have credits in reserve. */
  protected urgents = NO_MESSAGES;
  protected readonly spendsCredits: boolean;
  /** Nothing is queued: a send may leave at once. */
  protected idle = false;
  /** A message could not be sent: none may follow it. */
  protected sendsFail = false;
  /** The application writes into room that was claimed for it: nothing else may be claimed. */
  protected isReserved = false;
  /** Made when something waits for the peer for the first time, over a provider that can ask. */
  private vigil: Vigil | null = null;

  constructor(options: SessionOptions) {
    super(options);
    this.limits = options.state?.limits ?? sessionLimits(options.provider, options.socket, options.receiveBuffers);
    const { spi, info } = options.provider;
    this.spendsCredits = !info.claimsMessageBuffers;
    this.channel = info.claimsMessageBuffers
      ? new RingChannel(spi, options.socket, this, this.limits.messageBytes)
      : new CreditChannel(spi, options.socket, this, this.limits.messageBytes, this.limits.receiveBuffers);
  }

  /** See Transport. */
  ring(): RingReport | null {
    return (this.phase === OPEN && this.attempt(() => this.channel.ring())) || null;
  }

  abstract completed(overlapped: Overlapped): void;
  /** Moves what waits as far as there is room. */
  abstract pump(): void;
  /** Whether a reservation has ended with its turn; if not, `pump` follows when it does. */
  protected abstract hasLapsed(): boolean;
  abstract readonly waitsForPeer: boolean;
  /** Nothing that is sent arrives any more. */
  protected abstract peerClosed(code: WsaCode): void;

  /** The room of the last successful claim. */
  get out(): WsaBuffer {
    return this.channel.out;
  }

  protected tryClaim(minBytes: number, maxBytes: number, use: number): WsaCode {
    if (this.phase >= CLOSING) return WSAECONNABORTED;
    if (this.isReserved && !this.hasLapsed()) return WSAEWOULDBLOCK;
    try {
      return this.channel.claim(minBytes, maxBytes, use);
    } catch (error) {
      this.fault(error);
      return WSAECONNABORTED;
    }
  }

  /** Room for a message, in `out`; `ofHead` as in `postFailed`. @returns false: not now */
  claim(minBytes: number, maxBytes: number, use: number, ofHead: boolean): boolean {
    const code = this.tryClaim(minBytes, maxBytes, use);
    if (code === WSAEWOULDBLOCK) this.awaitPeer();
    else if (code !== NO_ERROR) this.postFailed(code, ofHead);
    return code === NO_ERROR;
  }

  /** What waits for the peer's word must not wait for ever. */
  awaitPeer(): void {
    if (this.started.spi.WSPProbePeer === undefined) return;
    this.vigil ??= new Vigil(this);
    this.vigil.begin();
  }

  protected awaitNobody(): void {
    this.vigil?.stop();
  }

  probePeer(): void {
    const { spi } = this.started;
    this.attempt(() => spi.WSPProbePeer?.(this.socket));
  }

  /**
   * Room for an offer, in `out`. @param ofHead as in `postFailed`; an offer behind others that finds no room is made when it is
   * the first
   */
  claimOffer(minBytes: number, maxBytes: number, ofHead: boolean): boolean {
    if (ofHead) return this.claim(minBytes, maxBytes, CLAIM_STREAM, true);
    return this.tryClaim(minBytes, maxBytes, CLAIM_STREAM) === NO_ERROR;
  }

  /** Sends the first `length` bytes of the claimed room; `ofHead` as in `postFailed`. @returns 0, or why not, after having dealt with it */
  postMessage(kind: number, value: number, length: number, ofHead: boolean): WsaCode {
    const { channel } = this;
    const owed = channel.takeOwed();
    writeHeader(channel.out.bytes, channel.out.offset, kind, owed, value);
    let code: WsaCode;
    try {
      code = channel.post(length);
    } catch (error) {
      this.fault(error);
      return WSAECONNABORTED;
    }
    if (code !== NO_ERROR) {
      channel.returnOwed(owed);
      this.postFailed(code, ofHead);
    }
    return code;
  }

  /**
   * @param ofHead what failed was to carry bytes of the queue's head: where no message buffers can be had, that send
   * fails with ENOBUFS and the connection lives on (5.8), unless nobody would hear of the hole in the stream
   */
  private postFailed(code: WsaCode, ofHead: boolean): void {
    const head = this.queue.head;
    if (code === WSAENOBUFS && ofHead && head?.sent !== undefined && head.offset === 0) {
      this.queue.shift();
      head.sent(nodeError(code, this.place('write')));
      process.nextTick(() => this.pump());
      return;
    }
    this.sendsFail = true;
    this.idle = false;
    process.nextTick(() => this.sendFailed(code));
  }

  /** The peer is gone: what it sent before is still to be read, and the receives tell when that is over (7.3). */
  protected sendFailed(code: WsaCode): void {
    if (this.phase >= CLOSING) return;
    if (isPeerGone(code)) this.peerClosed(code);
    else this.lose(code);
  }

  /** Sends a control message, now or as soon as there is room. */
  control(kind: number, value: number, body: Uint8Array | null, use: number): void {
    this.controls = withMessage(this.controls, { kind, value, body, use });
    if (this.controls.length === 1) this.pump();
  }

  protected writeAll(messages: ControlMessage[]): boolean {
    while (messages.length > 0) {
      if (!this.writeControl(messages[0] as ControlMessage)) return false;
      messages.shift();
    }
    return true;
  }

  protected writeControl(message: ControlMessage): boolean {
    const length = SESSION_HEADER_BYTES + (message.body?.length ?? 0);
    if (!this.claim(length, length, message.use, false)) return false;
    const out = this.channel.out;
    if (message.body !== null) out.bytes.set(message.body, out.offset + SESSION_HEADER_BYTES);
    return this.postMessage(message.kind, message.value, length, false) === NO_ERROR;
  }
}
