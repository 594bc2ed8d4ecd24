/** Whether a run is worse than the one before it, beyond what runs of the same thing differ by. */
import { median } from '../harness/percentiles.js';
import { type HistoryRecord, isSameHost } from './record.js';

/** What became of a variant. */
export interface Comparison {
  readonly question: string;
  readonly variant: string;
  readonly before: number;
  /** Null: it can't be answered any more. */
  readonly after: number | null;
  /** By how much the ratio may fall without meaning anything, as a share of it: measured. Null: too little was measured to say. */
  readonly noise: number | null;
  readonly outcome: 'same' | 'better' | 'worse' | 'unknown';
}

/** How many standard deviations of the difference are no accident. */
const DEVIATIONS = 3;
/** Ratios have four significant digits: they can't be told apart below this. */
const ROUNDING = 5e-4;

interface Spread {
  squares: number;
  freedom: number;
}

/** Adds how the logarithms of some ratios of the same thing scatter around their mean. */
function addSpread(spread: Spread, ratios: readonly number[]): void {
  const logs = ratios.filter((ratio) => ratio > 0).map(Math.log);
  const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
  for (const log of logs) spread.squares += (log - mean) ** 2;
  spread.freedom += Math.max(0, logs.length - 1);
}

/**
 * The standard deviation of the logarithm of a ratio: from how its repetitions scatter within each run of this host. Null: nothing was
 * ever repeated.
 */
function deviationOf(history: readonly HistoryRecord[], question: string, variant: string): number | null {
  const spread: Spread = { squares: 0, freedom: 0 };
  for (const record of history) {
    if (record.question !== question) continue;
    const ratios = record.variants.find((one) => one.variant === variant)?.ratios ?? [];
    if (ratios.length > 1) addSpread(spread, ratios);
  }
  return spread.freedom === 0 ? null : Math.max(ROUNDING, Math.sqrt(spread.squares / spread.freedom));
}

/** A normal distribution's standard deviation, in median absolute deviations. */
const MEDIAN_DEVIATIONS = 1.4826;
/** Steps from one run to the next from which on they say something. */
const STEPS_LEAST = 3;

/**
 * The standard deviation of the step from one run's median to the next one's: a machine is not the same every day. By the median, which a
 * change of the program now and then does not move. Null: too few runs.
 */
function driftOf(history: readonly HistoryRecord[], question: string, variant: string): number | null {
  const medians = history.flatMap((record) => {
    const ratios = record.variants.find((one) => one.variant === variant)?.ratios;
    return record.question !== question || ratios === undefined ? [] : [Math.log(median(ratios))];
  });
  const steps = medians.slice(1).map((value, index) => Math.abs(value - (medians[index] as number)));
  return steps.length < STEPS_LEAST ? null : median(steps) * MEDIAN_DEVIATIONS;
}

/** The last answer to a question before `record`, on the same host and asked for as long. */
export function previousOf(record: HistoryRecord, history: readonly HistoryRecord[]): HistoryRecord | undefined {
  return history.findLast(
    (one) =>
      one.question === record.question &&
      one.run < record.run &&
      one.failure === null &&
      one.duration_s === record.duration_s &&
      isSameHost(one, record),
  );
}

/** Compares the answer to a question with the last one. @param history may contain `record` */
export function compare(record: HistoryRecord, history: readonly HistoryRecord[]): Comparison[] {
  const previous = previousOf(record, history);
  if (previous === undefined) return [];
  const { question } = record;
  const earlier = history.filter(
    (one) => one.run < record.run && one.duration_s === record.duration_s && isSameHost(one, record),
  );
  return previous.variants.map(({ variant, ratios }): Comparison => {
    const before = median(ratios);
    const now = record.variants.find((one) => one.variant === variant);
    if (now === undefined) return { question, variant, before, after: null, noise: null, outcome: 'worse' };
    const after = median(now.ratios);
    const deviation = deviationOf([...earlier, record], question, variant);
    if (deviation === null) return { question, variant, before, after, noise: null, outcome: 'unknown' };
    // Of the difference of two medians, each at most as uncertain as the mean of so many, times the median's inefficiency.
    const inefficiency = Math.sqrt(Math.PI / 2);
    const within = deviation * inefficiency * Math.sqrt(1 / ratios.length + 1 / now.ratios.length);
    const width = DEVIATIONS * Math.max(within, driftOf(earlier, question, variant) ?? 0);
    const change = Math.log(after / before);
    const outcome = change < -width ? 'worse' : change > width ? 'better' : 'same';
    return { question, variant, before, after, noise: 1 - Math.exp(-width), outcome };
  });
}
