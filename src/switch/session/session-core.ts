/**
 * How a session lives and ends: its phases, the errors of provider and peer, and the one way out. Whatever goes wrong,
 * the connection ends once, with one error, after the provider has given everything back (rules 6.3, 7.2).
 *
 * LITERALS. What lives as long as its connection and leads to the rest of it is made by `new`, never by an object or array
 * literal. V8 counts for each literal in the source how many of its objects survive a minor collection, and where most do,
 * as with 64 connects at once in a young heap, makes the later ones in the old generation. There each dead one keeps its
 * whole connection alive until the next full collection: 5 KB per connect, a quarter of the time.
 */
import { ProviderFaultError, SessionProtocolError } from '../../errors.js';
import { keepAlive } from '../../reactor/keep-alive.js';
import {
  type EdgePlace,
  isPeerGone,
  NO_ERROR,
  nodeError,
  WSAECONNABORTED,
  type WsaCode,
  WsaError,
} from '../../spi/codes.js';
import type { Socket } from '../../spi/types.js';
import type { StartedProvider } from '../started-provider.js';
import { NOBODY, type TransportEvents } from '../transport.js';
import { isNoBuffers } from './rdma-sender.js';
import type { SessionState } from './session-state.js';

/** Phase: the HELLO messages are under way (3.6). */
export const NEGOTIATING = 0;
/** Phase: bytes flow. */
export const OPEN = 1;
/** Phase: the companion is being closed. */
export const CLOSING = 2;
/** Phase: the provider has said its last word. */
export const CLOSED = 3;

/** What a session is made of. */
export interface SessionOptions {
  readonly provider: StartedProvider;
  /** The provider's descriptor of the connected companion. */
  readonly socket: Socket;
  /** The switch's descriptor of it. */
  readonly handle: Socket;
  readonly role: 'connecting' | 'accepting';
  /** Of a session that comes from another owner (8.1): it goes on from here and does not negotiate. */
  readonly state?: SessionState | null;
  readonly events: TransportEvents;
  /** Bytes queued from which `send` says stop. */
  readonly highWaterMarkBytes: number;
  /** Deliver views of the provider's memory instead of copies. */
  readonly lend: boolean;
  /** For error objects. */
  readonly peer: { readonly address: string; readonly port: number };
  /** How long the peer may take to negotiate. */
  readonly negotiationTimeoutMs: number;
  /** How long the peer may be between two owners (8.2). */
  readonly resumeTimeoutMs: number;
  /** Receive buffers over a provider without flow control, RECEIVE_BUFFERS_MIN to 65,535; default 32. */
  readonly receiveBuffers?: number;
  /** Called once: the session stands (3.6), or it failed before it stood, and the companion is closed. */
  negotiated(error: Error | null, code: WsaCode): void;
}

/** The part of a session that knows nothing of messages. */
export abstract class SessionCore {
  readonly provider: string;
  readonly socket: Socket;
  readonly role: SessionOptions['role'];
  readonly resumeTimeoutMs: number;
  /** Its place among those that negotiate. */
  rosterIndex = -1;
  /** Replaced when a socket object takes the connection over. */
  events: TransportEvents;
  protected phase = NEGOTIATING;
  /** Until the session stands: an idle connection must not keep alive what it came about by. */
  protected setup: SessionOptions | null;
  /** The application takes views of whatever memory its bytes lie in. */
  readonly lend: boolean;
  bytesCopiedSent = 0;
  bytesCopiedReceived = 0;
  largeSendsCopied = 0;
  stalls = 0;
  protected readonly started: StartedProvider;
  protected closeError: Error | null = null;
  private closeCode: WsaCode = NO_ERROR;
  private readonly peer: SessionOptions['peer'];
  private referenced = false;
  private negotiationTimer: NodeJS.Timeout | undefined;

  constructor(options: SessionOptions) {
    this.setup = options;
    this.lend = options.lend;
    this.peer = options.peer;
    this.started = options.provider;
    this.provider = options.provider.name;
    this.socket = options.socket;
    this.role = options.role;
    this.resumeTimeoutMs = options.resumeTimeoutMs;
    this.events = options.events;
  }

  /** No message may be sent or handled any more. */
  get ended(): boolean {
    return this.phase >= CLOSING;
  }

  /** The connection is over: drop what waits, give back memory that no operation uses. @param error makes the senders' */
  protected abstract release(error: () => Error): void;
  /** Both directions have ended in order, whatever the provider says next. */
  protected abstract get orderly(): boolean;

  /** The peer's time to negotiate begins; from now on the connection keeps the event loop alive. */
  protected armNegotiationTimer(timeoutMs: number, expired: () => void): void {
    this.ref();
    this.negotiationTimer = setTimeout(expired, timeoutMs);
  }

  private disarm(): void {
    clearTimeout(this.negotiationTimer);
    this.negotiationTimer = undefined;
  }

  /** The session stands (3.6). */
  protected stand(): void {
    const { setup } = this;
    this.disarm();
    this.phase = OPEN;
    this.setup = null;
    setup?.negotiated(null, NO_ERROR);
  }

  protected place(syscall: string): EdgePlace {
    return { syscall, address: this.peer.address, port: this.peer.port };
  }

  /**
   * Calls the provider for memory or a transfer. `undefined` means that it can't be had (5.8); a provider that fails in
   * another way has ended the connection when this returns.
   */
  attempt<T>(call: () => T): T | undefined {
    try {
      return call();
    } catch (error) {
      if (!isNoBuffers(error) && !(error instanceof RangeError)) this.fault(error);
      return undefined;
    }
  }

  /** The provider threw what no provider may throw, or failed where it can't. */
  protected fault(cause: unknown): void {
    const text = cause instanceof Error ? cause.message : String(cause);
    const code = cause instanceof WsaError ? cause.wsaCode : WSAECONNABORTED;
    this.finish(new ProviderFaultError(`provider ${this.provider} failed: ${text}`, { cause }), code);
  }

  /** The peer's switch does not keep to the protocol. @returns true: the message is dealt with */
  violation(what: string): boolean {
    const { address, port } = this.peer;
    this.finish(new SessionProtocolError(`${address}:${port} sent ${what}`, { address, port }), WSAECONNABORTED);
    return true;
  }

  /** The connection is gone (7.3): in order if both ends of the stream have passed, with the error otherwise. */
  lose(code: WsaCode): void {
    // The provider did connect: a reset while the session is negotiated is not what one of a connect means (rule 3.3).
    const syscall = this.setup === null || isPeerGone(code) ? 'read' : 'connect';
    this.finish(this.orderly || code === NO_ERROR ? null : nodeError(code, this.place(syscall)), code);
  }

  abort(error: Error | null): void {
    this.finish(error, WSAECONNABORTED);
  }

  /** The one way out. */
  protected finish(error: Error | null, code: WsaCode): void {
    if (this.phase >= CLOSING) return;
    this.phase = CLOSING;
    this.closeError = error;
    this.closeCode = code;
    this.disarm();
    this.release(() => error ?? nodeError(WSAECONNABORTED, this.place('write')));
    this.closeSocket();
  }

  private closeSocket(): void {
    let closing = false;
    try {
      closing = this.started.spi.WSPCloseSocket(this.socket) === NO_ERROR;
    } catch {}
    // A provider that fails here has nothing left to tell us; its fault must not hide the reason why we close.
    if (!closing) this.handleClosed();
  }

  /** The connection goes on with another owner (8.1), and here nobody hears of it any more. */
  protected leave(): void {
    this.phase = CLOSING;
    this.events = NOBODY;
    this.closeSocket();
  }

  /** The provider's last word (WPUCloseSocketHandle, 7.2): now the application may know. */
  handleClosed(): void {
    if (this.phase === CLOSED) return;
    if (this.phase !== CLOSING)
      this.finish(new ProviderFaultError(`provider ${this.provider} closed a live socket`), WSAECONNABORTED);
    this.phase = CLOSED;
    if (this.referenced) keepAlive.unref();
    this.referenced = false;
    process.nextTick(() => {
      const { setup } = this;
      if (setup === null) this.events.closed(this.closeError);
      else setup.negotiated(this.closeError ?? nodeError(WSAECONNABORTED, this.place('connect')), this.closeCode);
    });
  }

  ref(): void {
    if (this.referenced || this.phase === CLOSED) return;
    this.referenced = true;
    keepAlive.ref();
  }

  unref(): void {
    if (!this.referenced) return;
    this.referenced = false;
    keepAlive.unref();
  }
}
