/** What the harness and the two processes of a pair say to each other over the IPC channel of `child_process.fork`. */

import type { Stretches } from './computing.js';

/** `net`: the platform's sockets, the baseline. `tcp`, `shm`, `verbs`: through the switch. `ring`: two bare rings, no switch. */
export type TransportName = 'net' | 'tcp' | 'shm' | 'verbs' | 'ring';

/** A program on top of `net`: its requests take the place of messages, which they are answered with. */
export type ProgramName = 'http' | 'https' | 'http2' | 'undici' | 'ws' | 'grpc';

/** What a pair talks over. */
export interface TransportSpec {
  readonly transport: TransportName;
  /** Received bytes are lent instead of copied (of no meaning for `net`). */
  readonly lend: boolean;
  /** Bytes are received into one buffer of the application's (of no meaning for `net`, whose servers can't). */
  readonly ownBuffer?: boolean;
  /** Both ends are socket actors on the main threads (of no meaning for `net` and `ring`). */
  readonly actors?: boolean;
  /** The accepting end is socket actors on so many workers, which do nothing but echo. */
  readonly actorWorkers?: number;
  /** The first connection has a worker for itself, the one that computes if the server is to; all others have the next one. */
  readonly firstIsBlocked?: boolean;
  /** How the switch's thread learns of news, where it is not the default (of no meaning but for `shm` and `verbs`). */
  readonly poller?: 'inline' | 'dedicated';
  /** Each process has so many threads, each with its own connection, and measures them together. */
  readonly threads?: number;
  /** How long the switch's thread polls before it sleeps, µs, where it is not the default. */
  readonly spinBudgetUs?: number;
  /** The ends whose process has `sanswitch/register` loaded (of no meaning but for `net`). */
  readonly register?: 'both' | 'client';
  /** What is spoken on the connection by programs of the platform's, where it is not mere messages (for `net` alone). */
  readonly program?: ProgramName;
  /** Another high-water mark for sending than the transport's own default. */
  readonly highWaterMarkBytes?: number;
  /** Tells two pairs of one contest apart that differ in nothing else. */
  readonly label?: string;
}

/** Which end of the connection a process is; the accepting one is the server. */
export type Role = 'server' | 'client';

/** What the accepting end does with what it receives. */
export type ServerMode = 'echo' | 'sink';

/** Messages of one size, for a time of which the beginning is not measured. */
interface Phase {
  readonly size: number;
  readonly warmup_ms: number;
  readonly duration_ms: number;
}

/** What a process can be asked. Times are milliseconds, sizes bytes. */
export type Request =
  | { readonly op: 'listen' }
  | { readonly op: 'connect'; readonly place: string }
  | { readonly op: 'accepted' }
  | { readonly op: 'mode'; readonly mode: ServerMode }
  | (Phase & { readonly op: 'rtt'; readonly interval_ms?: number })
  | (Phase & { readonly op: 'churn'; readonly concurrency: number })
  | (Phase & { readonly op: 'crowd-rtt' })
  | { readonly op: 'gather'; readonly count: number; readonly bytes: number }
  | { readonly op: 'expect'; readonly load_bytes: number }
  | { readonly op: 'memory' }
  | { readonly op: 'pump'; readonly size: number }
  | { readonly op: 'stop' }
  | { readonly op: 'watch'; readonly duration_ms: number }
  | { readonly op: 'drain'; readonly bytes: number }
  | { readonly op: 'compute'; readonly stretches: Stretches | null }
  | { readonly op: 'usage' }
  | { readonly op: 'copies' }
  | { readonly op: 'quit' };

/** Where the server listens, in a form that only the client of the same transport reads. */
export interface Listening {
  readonly place: string;
}

/** Who serves the connection, and why. */
export interface Connected {
  readonly provider: string;
  /** The routing decision in words; for people. */
  readonly decision: string;
}

/** Round-trip times of one phase. */
export interface RoundTrips {
  readonly count: number;
  readonly elapsed_us: number;
  readonly p50_us: number;
  readonly p99_us: number;
  readonly p999_us: number;
}

/** Bytes that arrived within a window. */
export interface Arrived {
  readonly bytes: number;
  readonly elapsed_us: number;
}

/** Bytes that the sender has handed over since the connection stands. */
export interface Sent {
  readonly bytes: number;
}

/** CPU time of a process (user and system) at a moment of the monotonic clock. */
export interface Usage {
  readonly cpu_us: number;
  readonly at_us: number;
}

/** What an end has sent and received, and how much of it the switch has copied, each byte as often as it was. */
export interface Copies {
  readonly sent_bytes: number;
  readonly received_bytes: number;
  readonly copied_sent_bytes: number;
  readonly copied_received_bytes: number;
}

/** What a process holds, after a garbage collection. */
export interface Memory {
  /** Its part of all memory: a page that n processes share counts as an n-th. */
  readonly pss_bytes: number;
  readonly descriptors: number;
}

/** What each request is answered with. */
export interface Answers {
  listen: Listening;
  connect: Connected;
  accepted: Connected;
  mode: null;
  rtt: RoundTrips;
  churn: RoundTrips;
  'crowd-rtt': RoundTrips;
  gather: null;
  expect: null;
  memory: Memory;
  pump: null;
  stop: Sent;
  watch: Arrived;
  drain: null;
  compute: null;
  usage: Usage;
  copies: Copies;
  quit: null;
}

/** A request on its way. */
export type Envelope = Request & { readonly id: number; readonly role: Role };

/** The answer to the request of the same `id` to the same end. */
export type Reply = { readonly id: number; readonly role: Role } & (
  | { readonly answer: Answers[keyof Answers] }
  | { readonly error: string }
);

/** The name of the environment variable that tells a forked process what it is: JSON of `PeerSetup`. */
export const SETUP_VARIABLE = 'SANSWITCH_BENCH_PEER';

/** What a forked process is told at its start. */
export interface PeerSetup extends TransportSpec {
  readonly role: Role;
  /** It is the other end too. */
  readonly isBoth?: boolean;
}
