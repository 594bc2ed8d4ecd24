/** The concern `lost wake`: one event is never signalled, as after a race that a provider should not have. */
import type { Concern, Proceed } from './provider.js';

/** Drops the n-th event. */
export class LostWake implements Concern {
  /** Events that were to be signalled so far. */
  seen = 0;
  readonly #nth: number;

  /** @param nth which `event.set()` is dropped, counted from 1 over all sockets of the provider */
  constructor(nth: number) {
    this.#nth = nth;
  }

  event(_socket: number, proceed: Proceed): void {
    this.seen += 1;
    if (this.seen !== this.#nth) proceed();
  }
}
