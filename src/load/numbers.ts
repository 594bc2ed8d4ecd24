/** Numbers as they stand on a command line: one, several, ranges, and sizes that are drawn. */
import type { SizeMix, SizeRange } from './sizes.js';

/** A text that is no such number. Its message says what would be. */
export class NumberError extends Error {}

const SUFFIXES: Readonly<Record<string, number>> = { k: 1_000, M: 1e6, Ki: 1_024, Mi: 1_048_576 };
const STEPS_MAX = 100;

/** What an option takes. */
export interface NumberRange {
  readonly name: string;
  readonly least: number;
  readonly most: number;
  readonly isWhole: boolean;
}

/** One number: `64`, `1.5`, `10k`, `64Ki`. @throws NumberError */
export function readNumber(text: string, range: NumberRange): number {
  const [, digits, suffix] = /^(\d+(?:\.\d+)?)(k|M|Ki|Mi)?$/.exec(text.trim()) ?? [];
  const value = Number(digits) * (suffix === undefined ? 1 : (SUFFIXES[suffix] as number));
  const isMeant = digits !== undefined && value >= range.least && value <= range.most;
  if (isMeant && (!range.isWhole || Number.isInteger(value))) return value;
  const kind = range.isWhole ? 'a whole number' : 'a number';
  throw new NumberError(`${range.name} wants ${kind} from ${range.least} to ${range.most}, not '${text}'`);
}

/**
 * Several: `1000,5k`, or `1000..64kx5`, which is five of them at equal ratios, both ends included (`x5` may be left out: each
 * is twice the one before). @throws NumberError
 */
export function readNumbers(text: string, range: NumberRange): number[] {
  return text.split(',').flatMap((part) => {
    const [, from, to, count] = /^(.+?)\.\.(.+?)(?:x(\d+))?$/.exec(part.trim()) ?? [];
    if (from === undefined || to === undefined) return [readNumber(part, range)];
    return between(readNumber(from, range), readNumber(to, range), count, range);
  });
}

function between(first: number, last: number, count: string | undefined, { name, isWhole }: NumberRange): number[] {
  const doublings = Math.floor(Math.log2(last / first) + 1e-9);
  const steps = count === undefined ? doublings + 1 : Number(count);
  if (!(first < last) || steps < 2 || steps > STEPS_MAX) {
    throw new NumberError(`${name}: a range goes upwards, in 2 to ${STEPS_MAX} steps, as in 1000..64000x7`);
  }
  const ratio = count === undefined ? 2 : (last / first) ** (1 / (steps - 1));
  const values = Array.from({ length: steps }, (_, i) => {
    const value = i === steps - 1 && count !== undefined ? last : first * ratio ** i;
    return isWhole ? Math.round(value) : value;
  });
  // Steps closer than whole numbers are would be the same run again.
  return [...new Set(values)];
}

/** Sizes that are drawn: `64`, `64-1024`, `64:9/4096:1` (nine of ten are 64). @throws NumberError */
export function readMix(text: string, range: NumberRange): SizeMix {
  return text.split('/').map((part): SizeRange => {
    const [sizes = '', weightText = '1', ...more] = part.split(':');
    const [least = '', most = least, ...others] = sizes.split('-');
    const weight = /^\d+(\.\d+)?$/.test(weightText) ? Number(weightText) : 0;
    const ends = { least: readNumber(least, range), most: readNumber(most, range) };
    if (!(weight > 0) || ends.least > ends.most || more.length + others.length > 0) {
      throw new NumberError(`${range.name}: '${part}' is no size, as in 64, 64-1024 or 64:9/4096:1`);
    }
    return { ...ends, weight };
  });
}
