/** What the doctor and the two processes of a self test tell each other. */

/** To a process: what it is to do. */
export interface SelfTestTask {
  readonly provider: string;
  /** File of the configuration; null: there is none. */
  readonly config: string | null;
  readonly address: string;
  /** Where the other one listens; null: this one is to listen, and to send back what it gets. */
  readonly port: number | null;
}

/** What the connecting process has measured. */
export interface SelfTestFigures {
  readonly roundTrips: number;
  /** Of 64 bytes each, microseconds. */
  readonly p50Us: number;
  readonly p99Us: number;
  /** Sent, sent back and compared. */
  readonly bytes: number;
  /** 10^6 bytes a second in each of the two directions, at the same time. */
  readonly mbPerS: number;
}

/** From a process. */
export type SelfTestNews =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'measured'; readonly figures: SelfTestFigures }
  /** Its connection has ended in order, and its switch is closed. */
  | { readonly kind: 'ended' }
  | { readonly kind: 'failed'; readonly why: string };
