/** Reads a report that a user gives, and believes nothing of it. */
import { PERCENTILES } from '../latency.js';
import {
  type HostFingerprint,
  type Latency,
  type LoadReport,
  type LoadRun,
  type Percentile,
  type Processor,
  REPORT_SCHEMA,
  REPORT_VERSION,
  type ReportedSettings,
  type Second,
  type ServedBy,
  type SloOutcome,
} from '../report.js';
import { UnusableError } from '../unusable.js';
import { decodeHistogram } from './histogram.js';
import { amount, count, dictionaryOf, flag, listOf, misfit, nullOr, object, oneOf, text, time } from './shape.js';

const SETTINGS = object<ReportedSettings>({
  target: text,
  protocol: text,
  loop: oneOf('open', 'closed'),
  arrivals: nullOr(oneOf('constant', 'poisson')),
  connections: count,
  workers: count,
  warmup_s: amount,
  command: text,
});

const HOST = object<HostFingerprint>({
  hostname: text,
  cpu: text,
  cores: count,
  memory_bytes: count,
  kernel: text,
  node: text,
  sanswitch: text,
  governor: nullOr(text),
  providers: listOf(object<HostFingerprint['providers'][number]>({ name: text, state: text })),
});

const LATENCY_FIELDS = object<Latency>({
  count,
  mean_us: amount,
  stddev_us: amount,
  min_us: amount,
  max_us: amount,
  percentiles: listOf(object<Percentile>({ percentile: amount, us: amount })),
  hdr: text,
});

function countedBy(hdr: string, at: string): number {
  try {
    return decodeHistogram(hdr).totalCount;
  } catch (error) {
    throw new UnusableError(`${at} is no histogram in HdrHistogram's V2 encoding: ${(error as Error).message}`);
  }
}

function latency(value: unknown, at: string): void {
  LATENCY_FIELDS(value, at);
  const { percentiles, hdr, count: told } = value as Latency;
  const missing = PERCENTILES.find((wanted) => !percentiles.some(({ percentile }) => percentile === wanted));
  if (missing !== undefined) throw new UnusableError(`${at}.percentiles has no ${missing}`);
  const counted = countedBy(hdr, `${at}.hdr`);
  if (counted !== told) throw new UnusableError(`${at}.hdr holds ${counted} values, but ${at}.count is ${told}`);
}

const SECOND = object<Second>({
  at_s: amount,
  length_s: amount,
  started: count,
  completed: count,
  failed: count,
  p50_us: amount,
  p99_us: amount,
  max_us: amount,
});

const PROCESSOR = object<Processor>({ percent: amount, us_per_request: amount });

const RUN = object<LoadRun>({
  name: text,
  size_bytes: amount,
  rate_per_s: nullOr(amount),
  in_flight: count,
  duration_s: amount,
  is_valid: flag,
  complaints: listOf(text),
  started: count,
  completed: count,
  failed: count,
  completed_per_s: amount,
  bytes_sent: count,
  bytes_received: count,
  reconnects: count,
  errors: dictionaryOf(count),
  corrected: nullOr(latency),
  raw: nullOr(latency),
  series: listOf(SECOND),
  served: listOf(object<ServedBy>({ provider: text, connections: count, why: text })),
  client: PROCESSOR,
  server: nullOr(PROCESSOR),
  longest_stall_ms: amount,
  late_share: nullOr(amount),
});

function runs(value: unknown, at: string): void {
  listOf(RUN, 1)(value, at);
  const names = new Set<string>();
  for (const [index, { name }] of (value as readonly LoadRun[]).entries()) {
    if (names.has(name)) throw new UnusableError(`${at}[${index}].name is ${JSON.stringify(name)} for a second time`);
    names.add(name);
  }
}

function version(value: unknown, at: string): void {
  if (!Number.isSafeInteger(value) || (value as number) < 1) misfit(value, at, 'a whole number from 1');
  if ((value as number) <= REPORT_VERSION) return;
  throw new UnusableError(
    `${at} is ${value}, of a newer sanswitch; this one reads up to ${REPORT_VERSION}: update it, or measure anew`,
  );
}

/** In the order of the type; of a later version nothing else is looked at. */
const REPORT = object<LoadReport>({
  schema(value, at) {
    if (value !== REPORT_SCHEMA) misfit(value, at, `'${REPORT_SCHEMA}', as sanswitch load --json writes it`);
  },
  version,
  started_at: time,
  settings: SETTINGS,
  hosts: listOf(HOST, 1),
  runs,
  slo: nullOr(object<SloOutcome>({ text, is_met: flag, highest_rate_per_s: nullOr(amount) })),
  is_partial: flag,
});

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new UnusableError(`it is no JSON: ${(error as Error).message.replace(/\s+/g, ' ')}`);
  }
}

/**
 * Reads a report.
 * @param json what stands in the file
 * @param file its name, for errors
 * @throws UnusableError, one line with the file, and the field that is wrong
 */
export function readReport(json: string, file: string): LoadReport {
  try {
    const value = parse(json);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) misfit(value, 'it', 'a report, an object');
    REPORT(value, '');
    return value as LoadReport;
  } catch (error) {
    if (error instanceof UnusableError) throw new UnusableError(`${file}: ${error.message}`);
    throw error;
  }
}
