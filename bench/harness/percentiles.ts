/** Small statistics: percentiles of samples, medians of rounds. */

/**
 * Round-trip times in µs, kept as they come; recording costs a store. Beyond the capacity every other sample is dropped
 * for good and from then on only every second (fourth, ...) one is kept, so that the whole phase stays represented.
 */
export class Samples {
  readonly #values: Float64Array;
  #length = 0;
  #stride = 1;
  #skip = 0;

  /** @param capacity samples, even */
  constructor(capacity = 1 << 21) {
    this.#values = new Float64Array(capacity);
  }

  /** Forgets everything. */
  clear(): void {
    this.#length = 0;
    this.#stride = 1;
    this.#skip = 0;
  }

  record(value_us: number): void {
    if (this.#skip > 0) {
      this.#skip -= 1;
      return;
    }
    this.#skip = this.#stride - 1;
    this.#values[this.#length++] = value_us;
    if (this.#length === this.#values.length) this.#thin();
  }

  /** The values at the given fractions (0 to 1); zeros when nothing was recorded. Sorts: only when recording is over. */
  at(...fractions: number[]): number[] {
    const sorted = this.#values.subarray(0, this.#length).sort();
    return fractions.map((fraction) => sorted[Math.min(sorted.length - 1, Math.floor(fraction * sorted.length))] ?? 0);
  }

  #thin(): void {
    for (let i = 0; i < this.#length / 2; i++) this.#values[i] = this.#values[2 * i] as number;
    this.#length /= 2;
    this.#stride *= 2;
    this.#skip = this.#stride - 1;
  }
}

/** The middle value, or the mean of the two middle ones. @throws RangeError for no values */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no values to take the median of');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
