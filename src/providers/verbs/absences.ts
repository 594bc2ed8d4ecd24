/**
 * Who was met by no RDMA lately, so that connects there go by TCP/IP at once (rule 3.5). Bounded in time, since a listener may
 * appear at any moment, and in number.
 */

/** A host answered, and had no RDMA listener on that port. */
const NO_LISTENER_MS = 5_000;
/** A host did not answer at all; each try costs the application a whole connect timeout. */
const SILENT_MS = 60_000;
const ENTRIES_MAX = 1_024;

interface Absence {
  readonly reason: string;
  readonly untilMs: number;
}

/** The memory of one provider. */
export class Absences {
  private readonly known = new Map<string, Absence>();
  /** Hosts that have answered by RDMA. Silence of one of these is taken for a busy one's. */
  private readonly heard = new Set<string>();
  private readonly now: () => number;

  /** @param now milliseconds of a clock that never goes back */
  constructor(now: () => number = () => performance.now()) {
    this.now = now;
  }

  /** Why there is no point in trying; null: there is. */
  reasonFor(address: string, port: number): string | null {
    return this.find(address) ?? this.find(`${address} ${port}`);
  }

  /** The host has answered, whatever it said. */
  answered(address: string): void {
    this.known.delete(address);
    if (this.heard.size >= ENTRIES_MAX) this.heard.clear();
    this.heard.add(address);
  }

  /** It has answered that nobody listens there who speaks to us. */
  noListener(address: string, port: number): void {
    this.answered(address);
    this.add(`${address} ${port}`, 'no-listener', NO_LISTENER_MS);
  }

  /** It has not answered, or there is no way there. @param reason which of these */
  silent(address: string, port: number, reason: string): void {
    if (this.heard.has(address)) this.add(`${address} ${port}`, reason, NO_LISTENER_MS);
    else this.add(address, reason, SILENT_MS);
  }

  /** The network has changed: everything may be different now. */
  forget(): void {
    this.known.clear();
    this.heard.clear();
  }

  private find(key: string): string | null {
    const absence = this.known.get(key);
    if (absence === undefined) return null;
    if (absence.untilMs > this.now()) return absence.reason;
    this.known.delete(key);
    return null;
  }

  private add(key: string, reason: string, forMs: number): void {
    this.known.delete(key);
    if (this.known.size >= ENTRIES_MAX) this.known.delete(this.known.keys().next().value as string);
    this.known.set(key, { reason, untilMs: this.now() + forMs });
  }
}
