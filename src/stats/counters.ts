/** Counters of one switch: per provider and per reason of a decision. Plain numbers, counted per connection, not per message. */

/** What is counted for each provider, TCP/IP included. */
export interface ProviderCounters {
  /** Connections opened from this side. */
  connects: number;
  /** Connections accepted and handed to the application. */
  accepts: number;
  /** Connections turned away: by `admit`, or because the switch demands another provider. */
  rejects: number;
  /** Connects over this provider that failed, whether or not TCP/IP then served. */
  connectFailures: number;
  /** Accepted connections that ended before their session stood. */
  acceptFailures: number;
  /** Times that the provider broke the SPI. */
  faults: number;
  /** Connections that ended because the peer's switch spoke nonsense on them. */
  breaches: number;
  /** Connections that are open now. */
  open: number;
  /** Bytes accepted by `send`, of connections that are closed and open ones. */
  bytesSent: number;
  bytesReceived: number;
  /** How often peers were refused or broke the provider's protocol, by `what:reason`; empty where it does not count. */
  refusals: Readonly<Record<string, number>>;
}

/** What `sw.stats()` returns: a snapshot. */
export interface SwitchStats {
  readonly providers: Readonly<Record<string, Readonly<ProviderCounters>>>;
  /** Candidates of all decisions so far, by `provider:outcome:reason`. */
  readonly decisions: Readonly<Record<string, number>>;
  /** Listeners that are open now. */
  readonly listeners: number;
}

function zeroes(): ProviderCounters {
  return {
    connects: 0,
    accepts: 0,
    rejects: 0,
    connectFailures: 0,
    acceptFailures: 0,
    faults: 0,
    breaches: 0,
    open: 0,
    bytesSent: 0,
    bytesReceived: 0,
    refusals: {},
  };
}

/** The counters themselves. */
export class Counters {
  private readonly providers = new Map<string, ProviderCounters>();
  private readonly reasons = new Map<string, number>();

  /** The counters of one provider, made on first use. */
  of(provider: string): ProviderCounters {
    let counters = this.providers.get(provider);
    if (counters === undefined) {
      counters = zeroes();
      this.providers.set(provider, counters);
    }
    return counters;
  }

  /** Counts each candidate of a decision under its reason. */
  decided(candidates: readonly { provider: string; outcome: string; reason: string }[]): void {
    for (const { provider, outcome, reason } of candidates) {
      const key = `${provider}:${outcome}:${reason}`;
      this.reasons.set(key, (this.reasons.get(key) ?? 0) + 1);
    }
  }

  /**
   * @param live connections that are open now, whose bytes are not in the counters yet
   * @param refusals by provider
   */
  snapshot(
    live: Iterable<{ provider: string; bytesSent: number; bytesReceived: number }>,
    listeners: number,
    refusals: Iterable<readonly [string, Readonly<Record<string, number>>]> = [],
  ): SwitchStats {
    const providers: Record<string, ProviderCounters> = {};
    for (const [name, counters] of this.providers) providers[name] = { ...counters };
    for (const [name, counts] of refusals) providers[name] = { ...(providers[name] ?? zeroes()), refusals: counts };
    for (const socket of live) {
      const counters = providers[socket.provider] as ProviderCounters;
      counters.bytesSent += socket.bytesSent;
      counters.bytesReceived += socket.bytesReceived;
    }
    return { providers, decisions: Object.fromEntries(this.reasons), listeners };
  }
}
