/** A thread that computes: for stretches its event loop does not turn, as beside any application that does real work. */
import { performance } from 'node:perf_hooks';

/** How much of the time a thread computes. */
export interface Stretches {
  readonly stretch_ms: number;
  /** From the beginning of one stretch to that of the next. */
  readonly every_ms: number;
}

/** Lets its thread compute until it is stopped. */
export class Computing {
  readonly #timer: NodeJS.Timeout;

  constructor({ stretch_ms, every_ms }: Stretches) {
    this.#timer = setInterval(() => {
      const end_ms = performance.now() + stretch_ms;
      while (performance.now() < end_ms);
    }, every_ms);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
