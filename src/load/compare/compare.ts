/** Compares two reports. */
import type { LatencyKind } from '../output/histogram.js';
import type { LoadReport, LoadRun } from '../report.js';
import { UnusableError } from '../unusable.js';
import { hostDifferences, reportWarnings, runWarnings } from './circumstances.js';
import { basisOf, METRICS, type Metric } from './metrics.js';
import type { Threshold } from './threshold.js';

/** What stands in `schema` of a comparison. */
export const COMPARISON_SCHEMA = 'sanswitch-compare';
/** What stands in `version` of a comparison. */
export const COMPARISON_VERSION = 1;

/** A report and where it is from. */
export interface NamedReport {
  readonly file: string;
  readonly report: LoadReport;
}

/** A figure of both. Null: a run has none. */
export interface MetricPair {
  readonly metric: string;
  readonly unit: Metric['unit'];
  readonly a: number | null;
  readonly b: number | null;
  /** `b - a`. */
  readonly difference: number | null;
  /** `difference / a`; null where `a` is 0, too. */
  readonly change: number | null;
}

/** A run that both have. */
export interface RunPair {
  /** That of A. */
  readonly name: string;
  /** Which latency is compared; null: they have none in common. */
  readonly latency: LatencyKind | null;
  /** A sentence each. */
  readonly warnings: readonly string[];
  readonly metrics: readonly MetricPair[];
}

/** What came of one threshold in one run. */
export interface Verdict {
  readonly threshold: string;
  readonly run: string;
  readonly metric: string;
  readonly unit: Metric['unit'];
  /** The most that B may have; the least where more is better. Null: there is nothing to judge. */
  readonly limit: number | null;
  /** What B has. */
  readonly b: number | null;
  readonly is_held: boolean;
  /** Why it counts as broken whatever the figure is; null: the figure decides. */
  readonly why: string | null;
}

/** What `sanswitch compare --json` writes. */
export interface Comparison {
  readonly schema: typeof COMPARISON_SCHEMA;
  readonly version: number;
  /** Files. */
  readonly a: string;
  readonly b: string;
  /** A sentence each, of the reports as a whole. */
  readonly warnings: readonly string[];
  readonly runs: readonly RunPair[];
  /** Names of runs that only one of them has. */
  readonly only_a: readonly string[];
  readonly only_b: readonly string[];
  readonly verdicts: readonly Verdict[];
  /** Every threshold is held, or none was given. */
  readonly is_held: boolean;
}

/** Rounding must not break a threshold. */
const EPSILON = 1e-9;

/** The runs that belong together: those of the same name; the only one of each, whatever its name. */
export function matchRuns(a: LoadReport, b: LoadReport): { readonly a: LoadRun; readonly b: LoadRun }[] {
  const [onlyA, ...moreA] = a.runs;
  const [onlyB, ...moreB] = b.runs;
  if (onlyA !== undefined && onlyB !== undefined && moreA.length + moreB.length === 0) return [{ a: onlyA, b: onlyB }];
  return a.runs.flatMap((run) => {
    const other = b.runs.find(({ name }) => name === run.name);
    return other === undefined ? [] : [{ a: run, b: other }];
  });
}

function pairOf({ name, unit, of }: Metric, runA: LoadRun, runB: LoadRun): MetricPair {
  const basis = basisOf(runA, runB);
  const a = of(runA, basis);
  const b = of(runB, basis);
  const difference = a === null || b === null ? null : b - a;
  const change = difference === null || a === null || a === 0 ? null : difference / a;
  return { metric: name, unit, a, b, difference, change };
}

/** Why a threshold can't be held, whatever the figures are. */
function impediment(runA: LoadRun, runB: LoadRun): string | null {
  if (!runA.is_valid) return 'the run of A is not valid';
  return runB.is_valid ? null : 'the run of B is not valid';
}

function judge({ text, metric, limit }: Threshold, a: LoadRun, b: LoadRun): Verdict {
  const pair = pairOf(metric, a, b);
  if (pair.a === null)
    throw new UnusableError(`--threshold ${text}: '${a.name}' has no ${metric.name} to compare with`);
  const bound = limit(pair.a);
  const slack = Math.abs(bound) * EPSILON;
  const isWithin = pair.b !== null && (metric.isMoreBetter ? pair.b >= bound - slack : pair.b <= bound + slack);
  const why = impediment(a, b) ?? (pair.b === null ? 'nothing was answered' : null);
  const { unit } = metric;
  return {
    threshold: text,
    run: a.name,
    metric: metric.name,
    unit,
    limit: bound,
    b: pair.b,
    is_held: isWithin && why === null,
    why,
  };
}

/** A run that is gone has not held what was asked of it. */
function missing({ text, metric }: Threshold, run: string): Verdict {
  const { name, unit } = metric;
  const why = 'B has no such run';
  return { threshold: text, run, metric: name, unit, limit: null, b: null, is_held: false, why };
}

/**
 * Compares.
 * @param isAnyHost figures of different machines may be compared
 * @throws UnusableError: the machines differ and may not; no run is in both; a threshold is of something that A has not
 */
export function compareReports(
  { file: fileA, report: a }: NamedReport,
  { file: fileB, report: b }: NamedReport,
  thresholds: readonly Threshold[],
  isAnyHost: boolean,
): Comparison {
  const hosts = hostDifferences(a, b);
  if (hosts.length > 0 && !isAnyHost)
    throw new UnusableError(
      `${fileA} and ${fileB} are of different hosts: ${hosts.join(', ')}; --any-host compares them all the same`,
    );
  const pairs = matchRuns(a, b);
  const [first] = pairs;
  if (first === undefined)
    throw new UnusableError(`no run of ${fileA} is in ${fileB}: their names have nothing in common`);
  const isPaired = (run: LoadRun): boolean => pairs.some((pair) => pair.a === run || pair.b === run);
  const only_a = a.runs.filter((run) => !isPaired(run)).map(({ name }) => name);
  const only_b = b.runs.filter((run) => !isPaired(run)).map(({ name }) => name);
  const verdicts = thresholds.flatMap((threshold) => [
    ...pairs.map((pair) => judge(threshold, pair.a, pair.b)),
    ...only_a.map((name) => missing(threshold, name)),
  ]);
  return {
    schema: COMPARISON_SCHEMA,
    version: COMPARISON_VERSION,
    a: fileA,
    b: fileB,
    warnings: reportWarnings(a, b),
    runs: pairs.map((pair) => ({
      name: pair.a.name,
      latency: basisOf(pair.a, pair.b).latency,
      warnings: runWarnings(pair.a, pair.b),
      metrics: METRICS.map((metric) => pairOf(metric, pair.a, pair.b)),
    })),
    only_a,
    only_b,
    verdicts,
    is_held: verdicts.every(({ is_held }) => is_held),
  };
}
