/** A limit on a percentile: `p99<100us`. */
import type { LoadRun } from './report.js';

/** A text that is no limit. */
export class SloError extends Error {}

/** See the top of this file. */
export interface Slo {
  readonly text: string;
  /** One of those that a report lists; 100 is the greatest of all. */
  readonly percentile: number;
  readonly limit_us: number;
  /** Whether the limit itself still holds: `<=`. */
  readonly isInclusive: boolean;
}

const UNITS_US: Readonly<Record<string, number>> = { ns: 0.001, us: 1, ms: 1_000, s: 1e6 };
const KNOWN: readonly number[] = [50, 75, 90, 99, 99.9, 99.99, 99.999];

/** @throws SloError */
export function readSlo(text: string): Slo {
  const [, name, sign, value, unit] =
    /^(p[\d.]+|max)\s*(<=?)\s*(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s)$/.exec(text.trim()) ?? [];
  const percentile = name === 'max' ? 100 : Number(name?.slice(1));
  const limit_us = Number(value) * (UNITS_US[unit === 'µs' ? 'us' : (unit ?? '')] ?? 0);
  if (name !== undefined && (percentile === 100 || KNOWN.includes(percentile)) && limit_us > 0) {
    return { text, percentile, limit_us, isInclusive: sign === '<=' };
  }
  throw new SloError(
    `--slo wants a percentile and a limit, as in p99<100us (p${KNOWN.join(', p')} or max), not '${text}'`,
  );
}

/** Whether a run holds it: valid, no failures, and the (corrected) percentile below the limit. */
export function holds({ percentile, limit_us, isInclusive }: Slo, run: LoadRun): boolean {
  const latency = run.corrected ?? run.raw;
  if (latency === null || !run.is_valid || run.failed > 0 || latency.count === 0) return false;
  const us = percentile === 100 ? latency.max_us : latency.percentiles.find((one) => one.percentile === percentile)?.us;
  return us !== undefined && (us < limit_us || (isInclusive && us === limit_us));
}
