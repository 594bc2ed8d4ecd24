/** Failures that the benchmark explains itself: printed as one clear message, without a stack. */

/** Something went wrong that its message says completely. */
export class BenchFailure extends Error {
  /** The exit code of the run. */
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.name = 'BenchFailure';
    this.exitCode = exitCode;
  }
}
