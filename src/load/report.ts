/**
 * What `sanswitch load` has found: the JSON that `--json` writes, and the only thing that the report page, the table and
 * `sanswitch compare` know of a run. Version 1 of the schema, documented in docs/load-report.md; whoever changes a field's meaning
 * raises `REPORT_VERSION`.
 */

/** What stands in `schema`. */
export const REPORT_SCHEMA = 'sanswitch-load';
/** What stands in `version`. A reader refuses a later one. */
export const REPORT_VERSION = 1;

/** A run of `sanswitch load`, whole. */
export interface LoadReport {
  readonly schema: typeof REPORT_SCHEMA;
  readonly version: number;
  /** ISO 8601, UTC. */
  readonly started_at: string;
  readonly settings: ReportedSettings;
  /** Of the generator; of several, one for each. */
  readonly hosts: readonly HostFingerprint[];
  /** One; or one for each step of a sweep or a search, in the order in which they ran. At least one. */
  readonly runs: readonly LoadRun[];
  /** The limit that was asked for, and what came of it; null: none was. */
  readonly slo: SloOutcome | null;
  /** It was ended before its time, by a signal or by a failure: what is here is what there was. */
  readonly is_partial: boolean;
}

/** What was asked for. */
export interface ReportedSettings {
  readonly target: string;
  /** `echo`, `stream`, `request`, `http` or `ws`. */
  readonly protocol: string;
  /** `open`: requests have intended start times; `closed`: each waits for an answer. */
  readonly loop: 'open' | 'closed';
  /** Of an open loop. */
  readonly arrivals: 'constant' | 'poisson' | null;
  readonly connections: number;
  readonly workers: number;
  readonly warmup_s: number;
  /** The command line, as it can be given again. */
  readonly command: string;
}

/** The machine that the figures are of. Reports of different ones are not compared unless asked for. */
export interface HostFingerprint {
  readonly hostname: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_bytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly sanswitch: string;
  /** The governor of the first processor's frequency; null: the machine has none to tell. */
  readonly governor: string | null;
  /** Which may serve, in their order, each with `started` or why not. */
  readonly providers: readonly { readonly name: string; readonly state: string }[];
}

/** A percentile. */
export interface Percentile {
  /** From 0 to 100. */
  readonly percentile: number;
  readonly us: number;
}

/** A latency's distribution. All of it 0 where `count` is. */
export interface Latency {
  readonly count: number;
  readonly mean_us: number;
  readonly stddev_us: number;
  readonly min_us: number;
  readonly max_us: number;
  /** 50, 75, 90, 99, 99.9, 99.99 and 99.999. */
  readonly percentiles: readonly Percentile[];
  /** All of it, of values in nanoseconds: HdrHistogram's V2 encoding, compressed, in base64. */
  readonly hdr: string;
}

/** What happened in one second of the measured time. */
export interface Second {
  /** Where it begins, from the beginning of the measured time. */
  readonly at_s: number;
  /** How long it was; the last one may be shorter. */
  readonly length_s: number;
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  /** Of what completed in it; the corrected ones of an open loop. 0 where nothing did. */
  readonly p50_us: number;
  readonly p99_us: number;
  readonly max_us: number;
}

/** Who served how many of the connections, and why: a decision in words. */
export interface ServedBy {
  readonly provider: string;
  readonly connections: number;
  readonly why: string;
}

/** Processor time of a process, while it was measured. */
export interface Processor {
  /** Of one processor: 200 is two. */
  readonly percent: number;
  readonly us_per_request: number;
}

/** One measurement. */
export interface LoadRun {
  /** What tells it from the others of the report, for people. */
  readonly name: string;
  /** Bytes of a request, without what a protocol puts around it; the mean where sizes are distributed. */
  readonly size_bytes: number;
  /** Wanted requests per second; null: a closed loop. */
  readonly rate_per_s: number | null;
  /** Requests under way at a time on each connection, at most. */
  readonly in_flight: number;
  /** Measured, without the warm-up. */
  readonly duration_s: number;
  /** False: the figures are not of what was asked for, `complaints` says why. */
  readonly is_valid: boolean;
  readonly complaints: readonly string[];
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  readonly completed_per_s: number;
  readonly bytes_sent: number;
  readonly bytes_received: number;
  readonly reconnects: number;
  /** How often each `code` came: of failed requests, and of connections that were lost without one. */
  readonly errors: Readonly<Record<string, number>>;
  /** From when a request was to start, so that one that could not start in time counts its wait; null: a closed loop. */
  readonly corrected: Latency | null;
  /** From when it did start. Null: nothing is answered (`stream`). */
  readonly raw: Latency | null;
  readonly series: readonly Second[];
  readonly served: readonly ServedBy[];
  readonly client: Processor;
  /** Null: it does not tell, since it is not `sanswitch echo`, or not asked. */
  readonly server: Processor | null;
  /** The longest time for which a worker's event loop did not turn, in milliseconds. */
  readonly longest_stall_ms: number;
  /** Share of requests that the generator itself began more than its tolerance late, 0 to 1; null: a closed loop. */
  readonly late_share: number | null;
}

/** What came of `--slo`. */
export interface SloOutcome {
  /** As it was given: `p99<100us`. */
  readonly text: string;
  readonly is_met: boolean;
  /** Of a search: the highest rate that held it, requests per second; null: none did, or nothing was searched. */
  readonly highest_rate_per_s: number | null;
}
