/**
 * Decision records: for every connection and listener, who could have served it, why each was refused, and who did. They
 * are read from the socket, the switch's recent history and the counters.
 */

/** `not-serving`: no subnet of that provider covers the address (rule 3.1). `left-out`: it did not start (rule 1.1). */
export type CandidateOutcome = 'chosen' | 'failed' | 'not-serving' | 'left-out';

/** One provider's part in a decision. */
export interface DecisionCandidate {
  readonly provider: string;
  readonly outcome: CandidateOutcome;
  /** Kebab-case and stable: a key of the counters. */
  readonly reason: string;
  /** For people. */
  readonly detail?: string;
}

/** One routing decision. */
export interface DecisionRecord {
  readonly operation: 'connect' | 'listen' | 'accept';
  /** The host or address that the application gave; for an accept the local address. */
  readonly address: string;
  readonly port: number;
  /** In the order in which they were considered. */
  readonly candidates: readonly DecisionCandidate[];
  /** Who serves; null: nobody, the operation failed. A listener has `tcp` here, its companions are the chosen candidates. */
  readonly provider: string | null;
  /** Whether the local port is one of the host's or a virtual one (rule 2.5). */
  readonly localPortKind: 'virtual' | 'real';
  /** When it began, milliseconds since the epoch. */
  readonly atMs: number;
  /** From the beginning to the decision, microseconds. */
  readonly durationUs: number;
}

/** A decision while it is being made. */
export class DecisionDraft {
  readonly operation: DecisionRecord['operation'];
  readonly address: string;
  readonly port: number;
  readonly candidates: DecisionCandidate[] = [];
  localPortKind: DecisionRecord['localPortKind'] = 'real';
  private readonly atMs = Date.now();
  private readonly startMs = performance.now();

  constructor(operation: DecisionRecord['operation'], address: string, port: number) {
    this.operation = operation;
    this.address = address;
    this.port = port;
  }

  /** Notes what became of one provider. */
  add(provider: string, outcome: CandidateOutcome, reason: string, detail?: string): void {
    this.candidates.push(detail ? { provider, outcome, reason, detail } : { provider, outcome, reason });
  }

  /** The finished record. */
  finish(provider: string | null, port = this.port): DecisionRecord {
    return {
      operation: this.operation,
      address: this.address,
      port,
      candidates: this.candidates,
      provider,
      localPortKind: this.localPortKind,
      atMs: this.atMs,
      durationUs: Math.round((performance.now() - this.startMs) * 1_000),
    };
  }
}

/** A sentence for people: why nobody but TCP/IP (or nobody at all) could serve. */
export function explainDecision(record: DecisionRecord): string {
  const parts = record.candidates.map(({ provider, outcome, reason, detail }) => {
    return `${provider} ${outcome} (${reason}${detail === undefined ? '' : `: ${detail}`})`;
  });
  return parts.length === 0 ? 'no provider was considered' : parts.join(', ');
}

/** The last decisions, oldest first; bounded. */
export class DecisionHistory {
  private readonly records: DecisionRecord[] = [];
  private readonly capacity: number;
  private next = 0;

  /** @param capacity records kept; 0 keeps none */
  constructor(capacity: number) {
    this.capacity = capacity;
  }

  add(record: DecisionRecord): void {
    if (this.capacity === 0) return;
    this.records[this.next] = record;
    this.next = (this.next + 1) % this.capacity;
  }

  /** A copy, oldest first. */
  recent(): DecisionRecord[] {
    return [...this.records.slice(this.next), ...this.records.slice(0, this.next)];
  }
}
