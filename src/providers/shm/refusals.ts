/** What peers were refused, or did against the protocol: counted by `what:reason`, of a fixed, small set of reasons. */

/** How a handshake can fail at the listening side. */
export type HandshakeRefusal = 'too-slow' | 'no-join' | 'no-segment' | 'crowded-out' | 'no-resources';
/** How the peer's doing can end a link. */
export type LinkBreach = 'nonsense' | 'ring-unread' | 'endless-wakes';
/** Why an OPEN or ATTACH is answered with REJECT. */
export type OpenRefusal = 'not-listening' | 'source-unverifiable' | 'backlog-full' | 'refused' | 'token';

/** A key of the counters. */
export type Refusal = `handshake:${HandshakeRefusal}` | `link:${LinkBreach}` | `open:${OpenRefusal}` | 'link:throttled';

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
