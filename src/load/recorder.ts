/** What one worker notes down of a run: distributions, and what happened in each second. */
import { Counts, type PackedCounts } from './counts.js';

/** Latencies are kept in nanoseconds. */
const NS_PER_MS = 1e6;

/** One second of one worker, as it is told. */
export interface SecondNote {
  /** Which, from the beginning of the measured time. */
  readonly second: number;
  readonly started: number;
  readonly completed: number;
  readonly failed: number;
  /** Corrected where the loop is open, ns. */
  readonly latencies: PackedCounts;
}

/** The latencies of the whole of a worker's measured time, ns. */
export interface LatencyNote {
  readonly corrected: PackedCounts;
  readonly raw: PackedCounts;
}

/** Notes down. Times are milliseconds of the thread's `performance.now()`. */
export class Recorder {
  readonly corrected = new Counts();
  readonly raw = new Counts();
  readonly errors: Record<string, number> = {};
  started = 0;
  completed = 0;
  failed = 0;
  private readonly isOpenLoop: boolean;
  private readonly latest = new Counts();
  private readonly told: (note: SecondNote) => void;
  private second = 0;
  private secondEnds_ms: number;
  private readonly before = { started: 0, completed: 0, failed: 0 };
  private end_ms: number;

  /** @param told once for each second, some time after it */
  constructor(isOpenLoop: boolean, start_ms: number, end_ms: number, told: (note: SecondNote) => void) {
    this.isOpenLoop = isOpenLoop;
    this.secondEnds_ms = start_ms + 1_000;
    this.end_ms = end_ms;
    this.told = told;
  }

  /** A request of the measured time has started. */
  begun(now_ms: number): void {
    if (now_ms >= this.secondEnds_ms) this.turn(now_ms);
    this.started += 1;
  }

  /** One has its answer, maybe after the end of the measured time. */
  answered(intended_ms: number, started_ms: number, now_ms: number): void {
    if (now_ms >= this.secondEnds_ms) this.turn(now_ms);
    this.completed += 1;
    const raw_ns = (now_ms - started_ms) * NS_PER_MS;
    this.raw.record(raw_ns);
    if (this.isOpenLoop) {
      const corrected_ns = (now_ms - intended_ms) * NS_PER_MS;
      this.corrected.record(corrected_ns);
      this.latest.record(corrected_ns);
    } else this.latest.record(raw_ns);
  }

  /** One that was due never started: what it has waited counts, or the worst would be left out. */
  neverBegun(intended_ms: number, now_ms: number): void {
    this.corrected.record((now_ms - intended_ms) * NS_PER_MS);
  }

  /** Nothing to be answered was sent whole (`stream`). */
  sent(now_ms: number): void {
    if (now_ms >= this.secondEnds_ms) this.turn(now_ms);
    this.completed += 1;
  }

  failure(code: string, now_ms: number, count = 1): void {
    if (now_ms >= this.secondEnds_ms) this.turn(now_ms);
    this.failed += count;
    this.errors[code] = (this.errors[code] ?? 0) + count;
  }

  /** A connection was lost, or could not be had, and no request with it. */
  fault(code: string): void {
    this.errors[code] = (this.errors[code] ?? 0) + 1;
  }

  /** Tells of all seconds that are over; what comes after the last one belongs to that. */
  turn(now_ms: number): void {
    while (now_ms >= this.secondEnds_ms && this.secondEnds_ms < this.end_ms) this.tell();
  }

  /** The measured time has ended before it should: there are no seconds behind this. */
  end(now_ms: number): void {
    this.turn(now_ms);
    this.end_ms = Math.min(this.end_ms, now_ms);
  }

  /** Tells of what has not been told, seconds in which nothing happened too. */
  finish(now_ms: number): void {
    this.turn(now_ms);
    this.tell();
  }

  private tell(): void {
    const { started, completed, failed, before, latest } = this;
    this.told({
      second: this.second,
      started: started - before.started,
      completed: completed - before.completed,
      failed: failed - before.failed,
      latencies: latest.pack(),
    });
    Object.assign(before, { started, completed, failed });
    latest.reset();
    this.second += 1;
    this.secondEnds_ms += 1_000;
  }
}
