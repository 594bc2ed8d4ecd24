/** Restart intensity: how often something may come back within a time. */

/** Counts restarts within a sliding window. */
export class Intensity {
  private readonly max: number;
  private readonly withinMs: number;
  /** When the last `max` restarts were, oldest first. */
  private times: number[] = [];

  /** @param max restarts within `withinMs` */
  constructor(max: number, withinMs: number) {
    this.max = max;
    this.withinMs = withinMs;
  }

  /** Whether one more restart is allowed at this time; if so it counts. @param now_ms never goes back */
  allows(now_ms: number): boolean {
    this.times = this.times.filter((time) => now_ms - time < this.withinMs);
    if (this.times.length >= this.max) return false;
    this.times.push(now_ms);
    return true;
  }
}
