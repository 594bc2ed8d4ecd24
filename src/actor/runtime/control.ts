/**
 * The control plane: what the runtime asks of a worker's host, by comlink over a MessagePort. A call takes 50 µs or so, and
 * its order towards mail is not defined; messages between actors never go this way.
 */
import type { MessagePort } from 'node:worker_threads';
import type { SwitchOwner } from '../../switch/owner.js';
import type { ConnectSettings } from '../intake/options.js';
import type { ListenerSetup } from '../intake/setup.js';
import type { MailboxOptions, SupervisionOptions } from '../types.js';
import type { PackedArgs } from './args.js';
import type { ThreadConfig } from './options.js';
import type { Outcome } from './outcome.js';
import type { StatsOptions, ThreadStats } from './stats.js';
import type { MailTicket } from './tickets.js';

/** What a thread is given to become an actor host. Posted to it, once. */
export interface HostTask {
  /** Its part of its actors' addresses. */
  readonly host: number;
  /** Of the thread. */
  readonly name: string;
  /** Its depth table. */
  readonly table: SharedArrayBuffer;
  /** Where it serves `HostControl`. */
  readonly control: MessagePort;
  /** Its ends of the mail links to all other hosts. */
  readonly tickets: readonly MailTicket[];
  /** The runtime's names. */
  readonly names: SharedArrayBuffer;
  readonly config: ThreadConfig;
}

/** An actor to be spawned from its module. */
export interface SpawnRequest {
  /** Absolute. */
  readonly url: string;
  readonly args: PackedArgs;
  readonly name: string | undefined;
  readonly mailbox: MailboxOptions | undefined;
  /** Without `decide`: functions don't cross threads. */
  readonly supervision: SupervisionOptions | undefined;
  /** The connection that it is to have; undefined: none. */
  readonly connect: ConnectSettings | undefined;
}

/** How much is under way in a host. Two looks at all hosts that find nothing pending and equal counts: all is quiet. */
export interface HostActivity {
  /** Messages in mailboxes or waiting for room on their way to other hosts, and handlers that have not settled. */
  readonly pending: number;
  /** Messages that handlers were called with. */
  readonly handled: number;
  /** Messages told to other hosts, and taken from them. */
  readonly sent: number;
  readonly received: number;
}

/** What a worker's host does when it is asked. */
export interface HostControl {
  /** Answers as soon as the host stands. @returns the thread's number */
  started(): number;
  /** @returns the new actor's address in its text form */
  spawn(request: SpawnRequest): Promise<Outcome<string>>;
  /** Another worker has come back as another host. */
  join(ticket: MailTicket): void;
  stats(options: StatsOptions): ThreadStats;
  activity(): HostActivity;
  /** Gets ready for the connections of a listener. @returns whom they are handed to */
  prepare(setup: ListenerSetup): Promise<Outcome<SwitchOwner>>;
  /** Nothing connects any more. */
  stopConnecting(): void;
  /** Ends all sockets in order; settles when they have ended. */
  closeSockets(): Promise<void>;
  /** Stops all actors; settles when they have ended. */
  stopActors(): Promise<void>;
  /** Lets go of everything; the task is over. */
  end(): Promise<void>;
}
