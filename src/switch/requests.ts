/** What `connect` and `listen` take. */
import type { AddressInfo } from 'node:net';
import type { SwitchSocket } from '../socket/socket.js';
import type { AnyBytes, LentBytes, ReceiveBuffer, SocketHandlers } from '../socket/stream-socket.js';
import type { CallerData } from '../spi/types.js';
import type { DecisionRecord } from './decisions.js';
import type { SocketHandOver, SwitchOwner } from './owner.js';
import type { Ruling } from './policy.js';

/** Options that both ends of a connection know. */
export interface CommonOptions<Bytes extends AnyBytes = Uint8Array> {
  /** Bytes queued at which `send` returns false; default: the switch's. */
  readonly highWaterMarkBytes?: number | undefined;
  /** The socket's handlers from the first moment on. */
  readonly handlers?: SocketHandlers<Bytes> | undefined;
  /**
   * `received` lends the provider's memory instead of copying; see `LentBytes`. A connection made by TCP/IP, with this or a
   * `receiveBuffer`, is read into one buffer of the thread, with no allocation; an accepted one, or one with TLS, as the platform does.
   */
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
  /**
   * By TCP/IP: if this thread or process dies before it has ended the connection, the peer sees a reset, as it does by a SAN, and
   * not an end. Needs the native part. Default false.
   */
  readonly resetOnDeath?: boolean | undefined;
}

/** A connect whose `received` is lent the bytes. */
export type LendingConnectOptions = ConnectOptions<LentBytes> & { readonly lend: true };

/** What `adopt` takes; everything else comes with the connection. */
export type AdoptOptions = Pick<
  CommonOptions<AnyBytes>,
  'highWaterMarkBytes' | 'handlers' | 'lend' | 'receiveBuffer' | 'signal'
>;

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

/** Where a caller's connection is to live, and the listener's own note of it. */
export interface Placed<T> {
  readonly owner: SwitchOwner;
  /** Not null. Comes back, once, with what becomes of the caller. */
  readonly tag: T;
}

/** What `listenBeside` takes: companions beside a TCP/IP listener that is somebody else's (rule 4.1). */
export interface BesideOptions<T> extends CommonOptions<AnyBytes> {
  /** Where it listens. */
  readonly address: AddressInfo;
  /** Its descriptor, which stays the caller's, and open until the companions are closed. */
  readonly descriptor: number;
  /** The listener takes no IPv4 callers. */
  readonly ipv6Only?: boolean | undefined;
  /** No companion is to listen, for this reason: it stands in the decision. */
  readonly withheld?: string | undefined;
  /** What stands above the configuration here. */
  readonly ruling?: Ruling | undefined;
  /**
   * Asked once per caller, before anything is said to it (rule 4.3): false rejects it, null keeps it on this thread. Another
   * owner gets it by `handedOver`, if its provider can hand over; otherwise it is kept, and `connected` has the tag. If it
   * throws, the caller is rejected and the exception is an uncaught one.
   */
  place(caller: Caller): false | null | Placed<T>;
  /** A connection of this thread stands. */
  connected(socket: SwitchSocket, tag: T | null): void;
  /** A connection is to be given to the owner that was named, who has 2 s to `adopt` it. */
  handedOver(connection: SocketHandOver, tag: T): void;
  /** A caller that was placed has gone, or failed before its session stood. */
  withdrawn?(tag: T): void;
  /** A companion can't go on; TCP/IP does. */
  failed?(error: Error): void;
}

/** The companions beside a TCP/IP listener. */
export interface Companions {
  /** Which of them listen at this moment, and why others don't. */
  readonly decision: DecisionRecord;
  /** Stops; connections that stand live on. Idempotent. */
  close(): void;
}
