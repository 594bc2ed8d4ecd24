/** What `sanswitch top --json` prints: one report for each look. */

/** Rates are those of the time between two looks. */
interface Traffic {
  readonly bytesSentPerS: number;
  readonly bytesReceivedPerS: number;
  /** Calls of the application that sent something. */
  readonly sendsPerS: number;
  /** Times that bytes came for the application. */
  readonly deliveriesPerS: number;
  /** So far. */
  readonly bytesSent: number;
  readonly bytesReceived: number;
  readonly sends: number;
  readonly deliveries: number;
  /** Times that a sender was blocked, so far. */
  readonly stalls: number;
}

/** One process. */
export interface TopProcess extends Traffic {
  readonly pid: number;
  /** The program's file, or what the process is called. */
  readonly name: string;
  /** Its threads that have a switch or actors: `main`, `worker-0`, ... */
  readonly threads: readonly string[];
  /** Open now. */
  readonly connections: number;
  /** Those of them that the list of connections does not have, for a thread tells of 1,024 at most. */
  readonly unlisted: number;
  readonly listeners: number;
  /** Connections that it has opened, and accepted, so far. */
  readonly connects: number;
  readonly accepts: number;
  /** Wake-ups of its threads, so far. */
  readonly wakes: number;
  readonly wakesPerS: number;
  readonly actors: number;
  /** So far. */
  readonly actorRestarts: number;
  /** Messages in all mailboxes now, and in the fullest. */
  readonly mailboxDepth: number;
  readonly mailboxDepthMost: number;
  /** Milliseconds since it last did anything, within 200; more where its event loop is blocked. */
  readonly quietMs: number;
}

/** One connection, seen from one of its ends. */
export interface TopConnection extends Traffic {
  readonly pid: number;
  readonly process: string;
  readonly thread: string;
  readonly provider: string;
  /** `address:port`. */
  readonly local: string;
  readonly remote: string;
  /** Null: not known. */
  readonly peerPid: number | null;
  readonly peerProcess: string | null;
  /** Accepted by a send and not yet with the provider. */
  readonly queuedBytes: number;
  /** Of the ring to the peer; null: the provider has none. */
  readonly ringBytes: number | null;
  readonly ringUsedBytes: number | null;
}

/** A process whose counters can't be shown. */
export interface TopSkipped {
  readonly pid: number;
  /** A sentence. */
  readonly why: string;
}

/** One look. */
export interface TopReport {
  /** Of this structure. */
  readonly version: 1;
  /** ISO 8601. */
  readonly time: string;
  /** Seconds since the look before, which rates are about; 0: it was the first. */
  readonly intervalS: number;
  readonly processes: readonly TopProcess[];
  readonly connections: readonly TopConnection[];
  readonly skipped: readonly TopSkipped[];
}
