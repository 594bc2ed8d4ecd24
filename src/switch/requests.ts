/** What `connect` and `listen` take. */
import type { AnyBytes, LentBytes, ReceiveBuffer, SocketHandlers } from '../socket/stream-socket.js';
import type { CallerData } from '../spi/types.js';

/** Options that both ends of a connection know. */
export interface CommonOptions<Bytes extends AnyBytes = Uint8Array> {
  /** Bytes queued at which `send` returns false; default: the switch's. */
  readonly highWaterMarkBytes?: number | undefined;
  /** The socket's handlers from the first moment on. */
  readonly handlers?: SocketHandlers<Bytes> | undefined;
  /** `received` lends the provider's memory instead of copying; see `LentBytes`. */
  readonly lend?: boolean | undefined;
  /**
   * `received` is given views of this memory, with the bytes copied in; what a view shows is overwritten by the next. Memory
   * that stays in the processor's caches makes the fastest private receive (README, "Options"). What `receive()` gives
   * is a private copy all the same. Not together with `lend`. A function that throws or gives no array ends the connection
   * with that error (`ERR_SANSWITCH_INVALID_OPTION`).
   */
  readonly receiveBuffer?: ReceiveBuffer | undefined;
  /** Send small segments at once (TCP_NODELAY). Default true. */
  readonly noDelay?: boolean | undefined;
  /** Probe an idle connection (SO_KEEPALIVE). Default false. */
  readonly keepAlive?: boolean | undefined;
  /** Milliseconds before the first probe; 0: the system's. Default 0. */
  readonly keepAliveInitialDelayMs?: number | undefined;
  /** SO_DEBUG, for providers that support it (rule 9.1). */
  readonly debug?: boolean | undefined;
  /** Cancels the operation (rules 3.8, 4.7); a socket or listener that stands is not touched. */
  readonly signal?: AbortSignal | undefined;
}

/** What `connect` takes; `port`, `host`, `family`, `localAddress`, `localPort` as in `net.connect`. */
export interface ConnectOptions<Bytes extends AnyBytes = Uint8Array> extends CommonOptions<Bytes> {
  readonly port: number;
  /** A name or an IP address. Default `localhost`. */
  readonly host?: string | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
  /** 4 or 6: only addresses of that family; 0: both. Default 0. */
  readonly family?: number | undefined;
  /** How long the whole connect may take; then it fails with `ETIMEDOUT`. Default: as long as TCP/IP takes. */
  readonly timeoutMs?: number | undefined;
}

/** A connect whose `received` is lent the bytes. */
export type LendingConnectOptions = ConnectOptions<LentBytes> & { readonly lend: true };

/** Who asks to be accepted (rule 4.3). */
export interface Caller extends CallerData {
  /** The provider by which the caller comes. */
  readonly provider: string;
}

/** What `listen` takes; `port`, `host`, `backlog`, `ipv6Only` as in `net.Server.listen`. */
export interface ListenOptions<Bytes extends AnyBytes = Uint8Array> extends CommonOptions<Bytes> {
  /** 0, the default: the system chooses. */
  readonly port?: number | undefined;
  /** Default: every interface. */
  readonly host?: string | undefined;
  /** TCP/IP's queue; the SAN queue's length is the switch's `sanBacklog` (rule 4.4). Default 511. */
  readonly backlog?: number | undefined;
  readonly ipv6Only?: boolean | undefined;
  /**
   * Asked for every caller: false rejects it. Over a SAN nothing has been said to the peer yet, which sees `ECONNREFUSED`;
   * over TCP/IP it sees a reset. If it throws, the caller is rejected and the exception is an uncaught one.
   */
  readonly admit?: ((caller: Caller) => boolean) | undefined;
  /** An error of the standing listener that the application can do nothing about but log. */
  readonly failed?: ((error: Error) => void) | undefined;
}

/** A listener whose sockets' `received` is lent the bytes. */
export type LendingListenOptions = ListenOptions<LentBytes> & { readonly lend: true };
