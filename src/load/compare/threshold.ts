/** How much worse a figure may become: `p99=+10%`, `p99=+50us`, `throughput=-5%`. */
import { UnusableError } from '../unusable.js';
import { METRICS, type Metric } from './metrics.js';

/** A limit for one figure of all runs. */
export interface Threshold {
  /** As it was given. */
  readonly text: string;
  readonly metric: Metric;
  /** What `b` must not be beyond: above, or below where more is better. @param a the figure of the first report */
  limit(a: number): number;
}

/** Units of a limit that is no percentage, and how many of the metric's own unit each is. */
const UNITS: Readonly<Record<Metric['unit'], Readonly<Record<string, number>>>> = {
  us: { ns: 0.001, us: 1, '\u00b5s': 1, '\u03bcs': 1, ms: 1_000, s: 1_000_000 },
  per_s: { '': 1, '/s': 1 },
  count: { '': 1 },
};
const EXAMPLES: Readonly<Record<Metric['unit'], string>> = {
  us: '+10% or +50us',
  per_s: '-5% or -100',
  count: '+5% or +3',
};

/** @throws UnusableError, one line that says what is wrong with it */
export function parseThreshold(text: string): Threshold {
  const fail = (why: string): never => {
    throw new UnusableError(`--threshold ${text}: ${why}`);
  };
  const [name = '', change] = text.split(/=(.*)/s);
  const metric = METRICS.find((each) => each.name === name);
  if (change === undefined) return fail('it must be NAME=CHANGE, as in p99=+10%');
  if (metric === undefined)
    return fail(`there is no figure '${name}'; there are: ${METRICS.map((each) => each.name).join(', ')}`);
  const example = `as in ${name}=${EXAMPLES[metric.unit].replace(' or ', ` or ${name}=`)}`;
  const parts = /^([+-])(\d+(?:\.\d+)?)(.*)$/s.exec(change);
  if (parts === null) return fail(`the change must be a number with + or - before it, ${example}`);
  const [, sign, digits, unit = ''] = parts;
  const amount = Number(digits) * (sign === '-' ? -1 : 1);
  if (unit === '%') return { text, metric, limit: (a) => a * (1 + amount / 100) };
  const units = UNITS[metric.unit];
  const factor = Object.hasOwn(units, unit) ? units[unit] : undefined;
  if (factor === undefined)
    return fail(`${unit === '' ? 'the unit is missing' : `'${unit}' is no unit of it`}, ${example}`);
  return { text, metric, limit: (a) => a + amount * factor };
}
