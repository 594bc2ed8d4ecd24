/**
 * The session: the switch-to-switch protocol on one SAN connection (rules 3.6, 5, 7), written once over the SPI's four
 * transfers and the same on every provider. It owns the companion socket from the moment it is connected.
 * How it sends is in `SessionSender`; here is how it begins, receives and ends.
 */
import { HandOverError } from '../../errors.js';
import {
  SESSION_CREDIT,
  SESSION_DATA,
  SESSION_DONE,
  SESSION_FIN,
  SESSION_HEADER_BYTES,
  SESSION_HEADER_CREDITS,
  SESSION_HELLO,
  SESSION_OFFER,
  SESSION_RESUME,
  SESSION_SUSPEND,
  SESSION_SUSPENDED,
  SESSION_TARGET,
  SESSION_URGENT,
} from '../../layout/layout.gen.js';
import { copyOut } from '../../native/bytes.js';
import { NO_ERROR, nodeError, WSAECONNRESET, WSAETIMEDOUT, type WsaCode } from '../../spi/codes.js';
import { FD_CLOSE, FD_WRITE, type Overlapped, type OwnerKey, type WsaEvent } from '../../spi/types.js';
import type { Transport } from '../transport.js';
import { CLAIM_FREE, CLAIM_LAST, CreditChannel } from './channel.js';
import { localHello } from './limits.js';
import { decodeHello, encodeHello, type Hello, readU16 } from './messages.js';
import { Rdma } from './rdma.js';
import { BufferedReceiver, LentReceiver, type MessageHandler, type Receiver } from './receiver.js';
import { CLOSING, NEGOTIATING, OPEN, type SessionOptions } from './session-core.js';
import { SessionSender, URGENT_MAX_BYTES } from './session-sender.js';
import type { MovedSession, SessionState } from './session-state.js';
import { type Suspendable, Suspension } from './suspension.js';

/** One connection over a SAN provider. */
export class Session extends SessionSender implements Transport, MessageHandler, Suspendable, WsaEvent {
  reading = true;
  protected readonly receiver: Receiver;
  protected readonly rdma: Rdma | null;
  private finReceived = false;
  private eventQueued = false;
  /** Why the peer is gone, as far as the provider says. */
  private goneCode: WsaCode = WSAECONNRESET;

  constructor(options: SessionOptions) {
    super(options);
    const { info } = options.provider;
    this.receiver = info.lendsReceives
      ? new LentReceiver(options.provider, this, this.limits.receiveBuffers)
      : new BufferedReceiver(options.provider, this, this.limits.receiveBuffers, this.limits.messageBytes);
    this.rdma = this.limits.maxRdmaBytes > 0 ? new Rdma(options.provider, this, options.role) : null;
    if (options.state) this.restore(options.state);
  }

  /** Goes on where another owner was (8.1). */
  private restore(state: SessionState): void {
    this.knowPeer(state.peerHello);
    this.channel.restore(state.channel);
    this.finSent = state.finSent;
    this.endRequested = state.finSent;
    this.finReceived = state.finReceived;
    this.stopped = state.stopped;
    this.suspension = new Suspension(this, state.suspension);
  }

  /**
   * Posts the receives and begins to negotiate (3.6, 4.6), or goes on where another owner was (8.1); `negotiated` tells the
   * outcome, never from inside this call.
   */
  start(): void {
    const { negotiationTimeoutMs } = this.setup as SessionOptions;
    this.armNegotiationTimer(negotiationTimeoutMs, () => this.lose(WSAETIMEDOUT));
    try {
      const code = this.started.spi.WSPEventSelect(this.socket, this, FD_WRITE | FD_CLOSE) || this.receiver.start();
      if (code !== NO_ERROR) return void process.nextTick(() => this.lose(code));
      if (this.suspension !== null) process.nextTick(() => this.goOn());
      else if (this.role === 'connecting') this.sayHello();
    } catch (error) {
      process.nextTick(() => this.fault(error));
    }
  }

  protected get orderly(): boolean {
    return this.finSent && this.finReceived && this.queue.head === undefined;
  }

  // ------------------------------------------------------------- negotiation

  private sayHello(): void {
    this.control(SESSION_HELLO, 0, encodeHello(localHello(this.limits, this.started)), CLAIM_FREE);
  }

  // -------------------------------------------------------------- messages in

  message(bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.phase >= CLOSING) return true;
    if (length < SESSION_HEADER_BYTES) return this.violation('a message without a header');
    const kind = bytes[offset];
    if (kind === SESSION_DATA && this.phase === OPEN) {
      if (!this.reading || this.receiver.holding || this.rdma?.receiver.busy) return false;
      if (this.finReceived) return this.violation('data behind the end of the stream');
      this.rdma?.receiver.dataCame();
      this.deliver(bytes, offset + SESSION_HEADER_BYTES, length - SESSION_HEADER_BYTES);
      this.handled(kind);
      return true;
    }
    return this.otherMessage(kind, bytes, offset, length);
  }

  private deliver(bytes: Uint8Array, offset: number, length: number): void {
    if (length === 0) return;
    if (this.lend) this.events.received(bytes.subarray(offset, offset + length));
    else {
      this.bytesCopiedReceived += length;
      this.events.received(copyOut(bytes, offset, length));
    }
  }

  /** The application's own memory for the next `bytes` bytes of the stream; null: it gives none. */
  ownTarget(bytes: number): Uint8Array | null {
    return this.events.target?.(bytes) ?? null;
  }

  /** Hands over bytes that came by RDMA. @param isPlaced they lie where `ownTarget` has said */
  deliverFetched(bytes: Uint8Array, isPlaced: boolean): void {
    if (this.phase !== OPEN) return;
    if (isPlaced) this.events.placed?.(bytes);
    else this.events.received(bytes);
  }

  private otherMessage(kind: number, bytes: Uint8Array, offset: number, length: number): boolean {
    if (this.phase === NEGOTIATING) return this.hello(kind, bytes, offset, length);
    const inStream = kind === SESSION_OFFER || kind === SESSION_FIN || kind === SESSION_URGENT;
    // SUSPENDED is the peer's last message; SUSPEND and RESUME don't wait for an application that does not read.
    if ((inStream || kind === SESSION_SUSPENDED) && this.mustWait(kind)) return false;
    if (inStream && this.finReceived) return this.violation('data behind the end of the stream');
    const body = offset + SESSION_HEADER_BYTES;
    const bodyLength = length - SESSION_HEADER_BYTES;
    if (kind === SESSION_URGENT) this.events.urgent(copyOut(bytes, body, Math.min(bodyLength, URGENT_MAX_BYTES)));
    else if (kind === SESSION_FIN) this.peerEnded();
    else if (kind === SESSION_OFFER || kind === SESSION_TARGET || kind === SESSION_DONE) {
      if (this.rdma === null) return this.violation('a message of an RDMA transfer, for which there is no provider');
      if (!this.rdma.message(kind, bytes, offset, length)) return false;
    } else if (kind === SESSION_SUSPEND || kind === SESSION_SUSPENDED || kind === SESSION_RESUME) {
      if (!this.changesOwner(kind)) return this.violation('a change of owner out of turn');
    } else if (kind !== SESSION_CREDIT) return this.violation(`a message of unknown kind ${kind}`);
    this.handled(kind);
    return true;
  }

  /** What is in the stream waits for the application, and for what is before it. */
  private mustWait(kind: number): boolean {
    if (!this.reading || this.receiver.holding) return true;
    if (this.rdma === null) return false;
    return kind === SESSION_OFFER ? !this.rdma.receiver.takesOffers : this.rdma.receiver.busy;
  }

  arrived(bytes: Uint8Array, offset: number, length: number): void {
    if (length < SESSION_HEADER_BYTES || this.phase >= CLOSING) return;
    const credits = readU16(bytes, offset + SESSION_HEADER_CREDITS);
    if (credits === 0) return;
    if (!this.channel.credit(credits)) this.violation('more credits than there are buffers');
    else if (!this.idle || this.controls.length > 0) process.nextTick(() => this.pump());
  }

  /** A message's buffer stands again once we return: the peer gets its credit back with the next message. */
  private handled(kind: number): void {
    if (!this.spendsCredits || kind === SESSION_CREDIT || kind === SESSION_RESUME || this.phase >= CLOSING) return;
    this.channel.owe();
    this.heldMore();
  }

  heldMore(): void {
    if (this.channel.owesCredit(this.receiver.heldMessages)) this.pump();
  }

  private hello(kind: number, bytes: Uint8Array, offset: number, length: number): boolean {
    const hello = kind === SESSION_HELLO ? decodeHello(bytes, offset, length) : null;
    if (hello === null) return this.violation('no negotiation message, or one of another version');
    this.knowPeer(hello);
    if (this.role === 'accepting') this.sayHello();
    if (this.ended) return true;
    this.idle = this.controls.length === 0;
    this.stand();
    return true;
  }

  private knowPeer(hello: Hello): void {
    this.heard(hello);
    if (this.channel instanceof CreditChannel) this.channel.negotiated(hello.receiveBuffers, hello.messageBytes);
  }

  private peerEnded(): void {
    this.finReceived = true;
    this.events.ended();
    this.maybeFinish();
  }

  // ---------------------------------------------------------------- receiving

  pause(): void {
    this.reading = false;
    this.loseIfStuck();
  }

  resume(): void {
    if (this.reading || this.phase >= CLOSING) return;
    this.reading = true;
    if (this.rdma === null) this.unblock();
    else this.rdma.receiver.resume();
  }

  /** What stood between held messages and the application is gone. */
  unblock(): void {
    if (this.reading) this.receiver.resume();
  }

  completed(overlapped: Overlapped): void {
    if (this.receiver.owns(overlapped)) {
      if (this.phase < CLOSING) this.receiver.completed(overlapped);
    } else if (!this.rdma?.completed(overlapped)) this.sendCompleted(overlapped);
  }

  private sendCompleted(overlapped: Overlapped): void {
    this.channel.sendCompleted(overlapped);
    if (this.phase >= CLOSING) return;
    if (overlapped.internal !== NO_ERROR) this.sendFailed(overlapped.internal);
    else if (this.endRequested) this.maybeFinish();
    this.suspension?.sendCompleted();
  }

  receiveFailed(code: WsaCode): void {
    this.lose(code);
  }

  providerFaulted(cause: unknown): void {
    this.fault(cause);
  }

  get awaitsControl(): boolean {
    return this.rdma?.awaitsControl || this.suspension?.awaitsResume || false;
  }

  // --------------------------------------------------------- changes of owner

  suspend(timeoutMs: number, done: (error: Error | null) => void): void {
    const reason = this.movable ? null : 'it is closing, or has lost its peer or a part of a send';
    if (reason !== null || this.suspension?.moves) {
      process.nextTick(done, new HandOverError(`the connection can't move: ${reason ?? 'it moves already'}`));
      return;
    }
    this.suspension ??= new Suspension(this, null);
    this.suspension.begin(timeoutMs, done);
  }

  keep(): void {
    if (this.phase !== OPEN) return;
    this.suspension?.keep();
  }

  private get movable(): boolean {
    return this.phase === OPEN && !this.torn && !this.peerGone && !this.sendsFail;
  }

  handOver(owner: OwnerKey): MovedSession {
    const { suspension } = this;
    if (suspension === null || !suspension.quiet || !this.movable) {
      throw new HandOverError("the connection can't move: it has ended meanwhile");
    }
    // Its receives end with nothing in them, perhaps from inside of the call.
    this.phase = CLOSING;
    let context: unknown;
    try {
      context = this.started.spi.WSPDuplicateSocket(this.socket, owner);
    } catch (error) {
      this.phase = OPEN;
      throw error;
    }
    const moved = { context, state: this.stateOf(suspension), ...this.takeUnsent() };
    this.awaitNobody();
    this.leave();
    return moved;
  }

  private stateOf(suspension: Suspension): SessionState {
    const { role, limits, channel, finSent, finReceived } = this;
    return {
      role,
      limits,
      peerHello: this.peerHello as Hello,
      channel: channel.state,
      stopped: this.stopped || this.drainsDue > 0,
      finSent,
      finReceived,
      suspension: suspension.state,
    };
  }

  /** The new owner is there: the peer hears of it first of all. */
  private goOn(): void {
    if (this.phase !== NEGOTIATING) return;
    this.stand();
    this.wake();
  }

  /** @returns false: the peer may not say that now */
  private changesOwner(kind: number): boolean {
    if (kind === SESSION_SUSPENDED) return this.suspension?.suspended() ?? false;
    if (kind === SESSION_RESUME) return this.suspension?.resume() ?? false;
    this.suspension ??= new Suspension(this, null);
    return this.suspension.suspend();
  }

  get inFlight(): number {
    return this.channel.inFlight;
  }

  say(kind: number): boolean {
    const use = kind === SESSION_RESUME ? CLAIM_FREE : CLAIM_LAST;
    return this.writeControl({ kind, value: 0, body: null, use });
  }

  wake(): void {
    this.idle = false;
    this.pump();
  }

  expectControl(): void {
    this.receiver.expectControl();
  }

  resumeTimedOut(): void {
    this.finish(nodeError(WSAETIMEDOUT, this.place('resume')), WSAETIMEDOUT);
  }

  // ------------------------------------------------------------------- ending

  /** The provider's event: room again (FD_WRITE), or the peer is gone (FD_CLOSE); looked at outside the provider's call. */
  set(): void {
    if (this.eventQueued || this.phase >= CLOSING) return;
    this.eventQueued = true;
    process.nextTick(() => {
      this.eventQueued = false;
      if (this.phase >= CLOSING) return;
      let events = 0;
      let closeError = NO_ERROR;
      try {
        ({ events, closeError } = this.started.spi.WSPEnumNetworkEvents(this.socket));
      } catch (error) {
        this.fault(error);
      }
      if ((events & FD_CLOSE) !== 0) this.peerClosed(closeError);
      if ((events & FD_WRITE) !== 0) this.pump();
    });
  }

  /**
   * While the application does not read, no receive tells that the peer is gone. If nothing is to be sent, what has come
   * waits for the application; if something is, it may have paused until that has left, and must not wait for ever.
   */
  protected peerClosed(code: WsaCode): void {
    if (this.finReceived) return;
    this.peerGone = true;
    if (code !== NO_ERROR) this.goneCode = code;
    this.idle = false;
    this.loseIfStuck();
  }

  /** Whoever pauses until his sends have left must hear that they never will; looked at when he has had his say. */
  protected loseIfStuck(): void {
    if (this.reading || !(this.peerGone || this.sendsFail)) return;
    if (!this.refused && this.queuedBytes === 0 && !this.stopped) return;
    process.nextTick(() => {
      if (!this.reading) this.lose(this.goneCode);
    });
  }

  protected maybeFinish(): void {
    if (this.phase === OPEN && this.orderly && this.channel.inFlight === 0 && !this.rdma?.receiver.busy) {
      this.finish(null, NO_ERROR);
    }
  }

  protected release(error: () => Error): void {
    this.idle = false;
    this.awaitNobody();
    this.suspension?.stop(this.closeError);
    this.batchBytes = 0;
    this.controls.length = 0;
    this.urgents.length = 0;
    this.rdma?.stop();
    if (this.queue.head !== undefined) this.queue.fail(error());
  }
}
