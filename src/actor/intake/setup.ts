/** What the threads of a runtime tell each other about listeners and their connections. All of it can be posted. */
import type { TlsOptions } from 'node:tls';
import type { SocketHandOver } from '../../switch/owner.js';
import type { CommonOptions } from '../../switch/requests.js';
import type { PackedArgs } from '../runtime/args.js';
import type { Thrown } from '../runtime/outcome.js';
import type { MailboxOptions, SupervisionOptions } from '../types.js';

/** What a socket is made with on the thread of its actor. */
export interface SocketSettings
  extends Pick<CommonOptions, 'highWaterMarkBytes' | 'lend' | 'noDelay' | 'keepAlive' | 'keepAliveInitialDelayMs'> {
  /**
   * `received` is given views of memory of this many bytes, the same for all of one listener's sockets on one thread, with the
   * bytes copied in; what a view shows is overwritten by the next. None: private copies. Not together with `lend`.
   */
  readonly receiveBufferBytes?: number | undefined;
}

/** What an actor that is given a socket is made with. */
export interface ActorSettings {
  readonly mailbox: MailboxOptions | undefined;
  /** Without `decide` where it crosses threads. */
  readonly supervision: SupervisionOptions | undefined;
}

/** A listener, as the threads that serve its connections know it. */
export interface ListenerSetup {
  readonly id: number;
  /** Of the actor's module, absolute. */
  readonly url: string;
  /** Without transfers: every actor is given its own. */
  readonly args: PackedArgs;
  readonly actor: ActorSettings;
  readonly socket: SocketSettings;
  readonly tls: TlsOptions | undefined;
}

/** A connection on its way to the thread that is to have it. */
export interface Arrival {
  readonly listener: number;
  /** What the ledger calls it. */
  readonly ticket: number;
  /** By TCP/IP: to be opened with `new net.Socket({ fd })`. */
  readonly fd?: number;
  /** By a SAN: to be adopted. */
  readonly connection?: SocketHandOver;
}

/**
 * What that thread says of it, in this order: `opened` (it owns the connection) and later `ended`; or `refused`, and the
 * connection is the listener's again. `moved`: it goes from one worker to another. `failed`: something went wrong that its application should hear of.
 */
export interface ConnectionNews {
  readonly listener: number;
  readonly ticket: number;
  readonly what: 'opened' | 'refused' | 'ended' | 'failed' | 'moved';
  readonly thrown?: Thrown;
  /** `moved`: the hosts that it goes from and to. Both say so, for either may die. */
  readonly from?: number;
  readonly to?: number;
  /** `moved`: how often it has by then. What the two say comes in any order. */
  readonly moves?: number;
}
