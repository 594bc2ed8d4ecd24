/** How much of what leads nowhere is listened to: so much at once, so much per period, so that it can't crowd out what matters. */

/** What a budget allows, in units of the owner's. */
export interface BudgetTerms {
  /** May be spent at once. */
  readonly capacity: number;
  /** Comes back in each period, and is all that may be spent in the long run. */
  readonly perPeriod: number;
  readonly periodMs: number;
}

/** One budget. */
export class Budget {
  readonly periodMs: number;
  private readonly capacity: number;
  private readonly perMs: number;
  private debt = 0;
  private since = 0;

  constructor({ capacity, perPeriod, periodMs }: BudgetTerms) {
    this.capacity = capacity;
    this.perMs = perPeriod / periodMs;
    this.periodMs = periodMs;
  }

  /** Spends. @returns whether it is exhausted: the owner rests for `periodMs`. The clock is read only when that may be. */
  spend(cost: number): boolean {
    this.debt += cost;
    if (this.debt < this.capacity) return false;
    this.recover();
    return this.debt >= this.capacity;
  }

  /** Takes back what was spent. */
  refund(cost: number): void {
    this.debt = Math.max(0, this.debt - cost);
  }

  /** Whether nothing is spent: as good as a new one. */
  get isFull(): boolean {
    this.recover();
    return this.debt === 0;
  }

  private recover(): void {
    const now = performance.now();
    this.debt = Math.max(0, this.debt - (now - this.since) * this.perMs);
    this.since = now;
  }
}
