/** How much of what leads nowhere is listened to: a bounded amount per period, so that it can't crowd out what matters. */

/** A budget that is full again after each period. What it is spent on is the owner's affair. */
export class Budget {
  readonly periodMs: number;
  private readonly limit: number;
  private spent = 0;
  private since = 0;

  /** @param limit of one period, in units of the owner's */
  constructor(limit: number, periodMs: number) {
    this.limit = limit;
    this.periodMs = periodMs;
  }

  /** Spends. @returns whether it is exhausted: the owner rests for `periodMs`. The clock is read only when that may be. */
  spend(cost: number): boolean {
    this.spent += cost;
    if (this.spent < this.limit) return false;
    const now = performance.now();
    if (now - this.since < this.periodMs) return true;
    this.since = now;
    this.spent = cost;
    return false;
  }
}
