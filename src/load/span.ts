/** How much a counter grows between two moments to come. */

/** See the top of this file. */
export class Span {
  private readonly read: () => Promise<number | null>;
  private readonly timers: readonly NodeJS.Timeout[];
  private from: Promise<number | null>;
  private to: Promise<number | null> | null = null;

  /** @param read null: it can't be told @param from_ms, to_ms from now */
  constructor(read: () => Promise<number | null>, from_ms: number, to_ms: number) {
    this.read = read;
    this.from = read();
    // Whoever gives up before the end does not wait for a counter.
    this.timers = [
      setTimeout(() => {
        this.from = read();
      }, from_ms).unref(),
      setTimeout(() => {
        this.to = read();
      }, to_ms).unref(),
    ];
  }

  /** By how much it grew, up to now if that is the earlier; null: it could not be told. */
  async end(): Promise<number | null> {
    for (const timer of this.timers) clearTimeout(timer);
    const to = await (this.to ?? this.read());
    const from = await this.from;
    return to === null || from === null ? null : to - from;
  }
}
