/**
 * What gathers of the peer's half while a connection changes its owner (rule 8.1) and nothing reaches the application. A
 * peer that sends without a pause would not see that we move, and what it sends would have to move with the connection:
 * once so much has gathered we read slowly, so that it is stopped, gets round to reading, and finds our word.
 */

/** Bytes that gather at full speed. */
const GATHERED_BYTES = 16 * 1024 * 1024;
/** Bytes more after each rest. */
const STEP_BYTES = 1024 * 1024;
/** Milliseconds: the first rest; each is twice as long as the one before. */
const REST_MIN_MS = 1;
const REST_MAX_MS = 64;

/** One standstill of the receiving half. */
export class Standstill {
  /** Urgent data that has come. */
  readonly urgent: Uint8Array[] = [];
  /** `drained` is owed to the application. */
  drained = false;
  private limitBytes = GATHERED_BYTES;
  private restMs = REST_MIN_MS;
  private rest: NodeJS.Timeout | undefined;
  private readonly rested: () => void;

  /** @param rested a rest is over: `takes` is to be asked again */
  constructor(rested: () => void) {
    this.rested = rested;
  }

  /** May more come, on top of `gatheredBytes`? If not, `rested` follows. */
  takes(gatheredBytes: number): boolean {
    if (gatheredBytes < this.limitBytes) return true;
    this.rest ??= setTimeout(() => {
      this.rest = undefined;
      this.restMs = Math.min(this.restMs * 2, REST_MAX_MS);
      this.limitBytes = gatheredBytes + STEP_BYTES;
      this.rested();
    }, this.restMs);
    return false;
  }

  /** Bytes reach the application, or another owner, from now on. */
  end(): void {
    clearTimeout(this.rest);
  }
}
