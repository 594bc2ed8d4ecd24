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
  /** Connections handed to another thread's switch, and taken over from one (rule 8.1). */
  handedOver: number;
  adopted: number;
  /** Overlapped operations that the provider has completed (rule 5.2); none by TCP/IP. */
  completions: number;
  /** Times that the provider broke the SPI. */
  faults: number;
  /** Connections that ended because the peer's switch spoke nonsense on them. */
  breaches: number;
  /** Connections that are open now. */
  open: number;
  /** Bytes accepted by `send`, of connections that are closed and open ones. */
  bytesSent: number;
  bytesReceived: number;
  /**
   * Bytes that the switch has copied on their way from the application's memory to the provider's, and back, each as often as
   * it was: a large send by RDMA is not copied at all, and its receipt once or (into the application's buffer) not at all.
   */
  bytesCopiedSent: number;
  bytesCopiedReceived: number;
  /** Large sends that were copied all the same, since no memory could be registered for them, here or by the peer (rule 5.8). */
  largeSendsCopied: number;
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
    handedOver: 0,
    adopted: 0,
    completions: 0,
    faults: 0,
    breaches: 0,
    open: 0,
    bytesSent: 0,
    bytesReceived: 0,
    bytesCopiedSent: 0,
    bytesCopiedReceived: 0,
    largeSendsCopied: 0,
    refusals: {},
  };
}

/** What an open connection has counted itself. */
interface Live {
  readonly provider: string;
  readonly countedSent: number;
  readonly countedReceived: number;
  readonly countedCopiedSent: number;
  readonly countedCopiedReceived: number;
  readonly countedLargeCopied: number;
}

/** The counters themselves. */
export class Counters {
  /** What no snapshot tells: of connections that are closed. */
  readonly past = { sends: 0, deliveries: 0, stalls: 0 };
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

  /** Those of all providers. */
  all(): Iterable<Readonly<ProviderCounters>> {
    return this.providers.values();
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
    live: Iterable<Live>,
    listeners: number,
    refusals: Iterable<readonly [string, Readonly<Record<string, number>>]> = [],
  ): SwitchStats {
    const providers: Record<string, ProviderCounters> = {};
    for (const [name, counters] of this.providers) providers[name] = { ...counters };
    for (const [name, counts] of refusals) providers[name] = { ...(providers[name] ?? zeroes()), refusals: counts };
    for (const socket of live) {
      const counters = providers[socket.provider] as ProviderCounters;
      counters.bytesSent += socket.countedSent;
      counters.bytesReceived += socket.countedReceived;
      counters.bytesCopiedSent += socket.countedCopiedSent;
      counters.bytesCopiedReceived += socket.countedCopiedReceived;
      counters.largeSendsCopied += socket.countedLargeCopied;
    }
    return { providers, decisions: Object.fromEntries(this.reasons), listeners };
  }
}
