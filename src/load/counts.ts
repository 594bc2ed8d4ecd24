/**
 * Counts of values by size, as an HdrHistogram with three significant digits keeps them: the recording half alone, since the
 * library's costs some 300 ns a value, and what it measures takes a microsecond.
 */

/** Values below this have a place each. A power of two, twice what three digits need. */
const SUB_BUCKETS = 2_048;
const HALF = SUB_BUCKETS / 2;
const SUB_BUCKET_BITS = 11;
const WORD = 2 ** 32;
/** Doublings beyond the first `SUB_BUCKETS` values: up to 2^43, which is over two hours in nanoseconds. */
const BUCKETS = 33;
const PLACES = SUB_BUCKETS + (BUCKETS - 1) * HALF;

/** More are not added: their number is to stay an exact one. */
const TOTAL_MAX = 2 ** 48;

/** What is recorded instead of a greater value. */
export const VALUE_MAX = 2 ** (SUB_BUCKET_BITS + BUCKETS - 1) - 1;

/** Another's counts, as plain data. */
export interface PackedCounts {
  /** Places that are not empty, and how many values each has: place, count, place, count... */
  readonly places: ArrayLike<number>;
  /** Exact. Of none there is no least: null. */
  readonly min: number | null;
  readonly max: number;
}

/** @param value an integer that is not too great */
function placeOf(value: number): number {
  if (value < SUB_BUCKETS) return value;
  // Four seconds, in nanoseconds, fit into a word: most values are spared divisions.
  if (value < WORD) {
    const bucket = 32 - SUB_BUCKET_BITS - Math.clz32(value);
    return bucket * HALF + (value >>> bucket);
  }
  const bucket = 64 - SUB_BUCKET_BITS - Math.clz32(value / WORD);
  return bucket * HALF + Math.floor(value / 2 ** bucket);
}

/** How many values share a place. */
function widthAt(place: number): number {
  return place < SUB_BUCKETS ? 1 : 2 ** (Math.floor(place / HALF) - 1);
}

/** The least of them. */
function leastAt(place: number): number {
  return place < SUB_BUCKETS ? place : (place - (Math.floor(place / HALF) - 1) * HALF) * widthAt(place);
}

/** The middle of them. */
function valueAt(place: number): number {
  return leastAt(place) + Math.floor(widthAt(place) / 2);
}

/** An end of a distribution as another tells it, if it can be in that place. */
function endWithin(place: number, end: number | null): number {
  const least = leastAt(place);
  return end !== null && end >= least && end < least + widthAt(place) ? end : valueAt(place);
}

/** What `JSON.stringify` needs for packed counts: numbers in one piece of memory as a list. */
export function countsAsJson(_key: string, value: unknown): unknown {
  return value instanceof Float64Array ? [...value] : value;
}

/** One distribution. Of integers from 0 to `VALUE_MAX`, in whatever unit. */
export class Counts {
  total = 0;
  min = Number.POSITIVE_INFINITY;
  max = 0;
  private readonly counts = new Float64Array(PLACES);

  /** Records a value; what is no integer is cut, what is too great or negative is brought into the range. */
  record(value: number): void {
    const kept = value < 0 ? 0 : value > VALUE_MAX ? VALUE_MAX : Math.floor(value);
    const place = placeOf(kept);
    this.counts[place] = (this.counts[place] as number) + 1;
    this.total += 1;
    if (kept < this.min) this.min = kept;
    if (kept > this.max) this.max = kept;
  }

  /**
   * The smallest value that so many percent of all do not exceed, within a thousandth; 0 if there is none.
   * @param percentile 0 to 100, by thousandths
   */
  at(percentile: number): number {
    // In integers: 99.9 / 100 is a little more than it should be, and would be the 1,000th of 1,000.
    const thousandths = Math.round(percentile * 1_000);
    let left = Math.max(1, Math.ceil((thousandths * this.total) / 100_000));
    if (this.total === 0) return 0;
    for (let place = 0; place < PLACES; place++) {
      left -= this.counts[place] as number;
      if (left <= 0) return Math.max(this.min, Math.min(this.max, valueAt(place)));
    }
    return this.max;
  }

  /** Adds what another, maybe in another process, has recorded. What can't be is left out. */
  add({ places, min, max }: PackedCounts): void {
    let low = PLACES;
    let high = -1;
    for (let at = 0; at + 1 < places.length; at += 2) {
      const place = places[at] as number;
      const count = places[at + 1] as number;
      if (!(Number.isInteger(place) && place >= 0 && place < PLACES)) continue;
      if (!(Number.isInteger(count) && count > 0 && count <= TOTAL_MAX - this.total)) continue;
      this.counts[place] = (this.counts[place] as number) + count;
      this.total += count;
      low = Math.min(low, place);
      high = Math.max(high, place);
    }
    if (high < 0) return;
    this.min = Math.min(this.min, endWithin(low, min));
    this.max = Math.max(this.max, endWithin(high, max));
  }

  /** Everything, for `add`. */
  pack(): PackedCounts {
    const places: number[] = [];
    this.each((_value, count, place) => places.push(place, count));
    // As one piece of memory: to tell thousands of numbers one by one keeps a worker from its requests for milliseconds.
    return { places: Float64Array.from(places), min: this.total === 0 ? null : this.min, max: this.max };
  }

  /** Calls back for each place that is not empty, the smallest value first. */
  each(seen: (value: number, count: number, place: number) => void): void {
    if (this.total === 0) return;
    for (let place = 0; place < PLACES; place++) {
      const count = this.counts[place] as number;
      if (count > 0) seen(valueAt(place), count, place);
    }
  }

  /** Forgets everything. */
  reset(): void {
    this.counts.fill(0);
    this.total = 0;
    this.min = Number.POSITIVE_INFINITY;
    this.max = 0;
  }
}
