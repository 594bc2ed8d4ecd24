/** What peers were refused, or did against the protocol: counted by `what:reason`, of a fixed, small set of reasons. */

/** A key of the counters. */
export type Refusal =
  | 'request:not-ours'
  | 'request:backlog-full'
  | 'request:refused'
  | 'request:no-resources'
  | 'request:device-not-allowed'
  | 'connection:overrun'
  | 'connection:oversized-message'
  | 'connection:bad-access';

/** The counters of one provider. */
export class Refusals {
  private readonly counts = new Map<Refusal, number>();

  count(what: Refusal): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1);
  }

  /** Those that are not zero. */
  snapshot(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.counts);
  }
}
