/** When requests of an open loop are to start. */
import { Random } from './random.js';

/** `constant`: at equal distances. `poisson`: at exponentially distributed ones, as independent users come. */
export type ArrivalKind = 'constant' | 'poisson';

/** The intended start times of one worker's requests, in order. */
export class Arrivals {
  /** When the next one is to start, in milliseconds of `performance.now()`. */
  next_ms: number;
  private readonly mean_ms: number;
  private readonly first_ms: number;
  /** Means that have passed since the first one: sums of distances would drift by their rounding. */
  private passed = 0;
  private readonly random: Random | null;

  /**
   * @param rate_per_s above 0
   * @param phase which part of the first distance passes before the first one, 0 to 1: workers take turns
   */
  constructor(kind: ArrivalKind, rate_per_s: number, start_ms: number, phase: number, seed: number) {
    this.mean_ms = 1_000 / rate_per_s;
    this.random = kind === 'poisson' ? new Random(seed) : null;
    this.first_ms = start_ms + this.mean_ms * phase;
    this.next_ms = this.first_ms;
  }

  /** Leaves out all that were to start before a moment. */
  skipTo(moment_ms: number): void {
    while (this.next_ms < moment_ms) this.advance();
  }

  /** The present one has started. */
  advance(): void {
    this.passed += this.random === null ? 1 : -Math.log(1 - this.random.next());
    this.next_ms = this.first_ms + this.passed * this.mean_ms;
  }
}
