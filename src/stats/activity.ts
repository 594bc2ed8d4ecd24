/**
 * Whether this thread has done anything since its counters were published last: what moves bytes or runs actors says so, at
 * the cost of one test, and whoever publishes is called once for all of it.
 */

class Activity {
  /** What is done now is news. False where nobody publishes. */
  isQuiet = false;
  private listener: (() => void) | null = null;

  /** To be called where something happens while `isQuiet`. */
  note(): void {
    if (!this.isQuiet) return;
    this.isQuiet = false;
    this.listener?.();
  }

  /** From now on the first thing that happens is told to `listener`; null: nobody wants to know. */
  await(listener: (() => void) | null): void {
    this.listener = listener;
    this.isQuiet = listener !== null;
  }
}

/** This thread's. */
export const activity = new Activity();
