/** One connect or listen under way, and the three ways in which it may be cancelled: signal, time-out, closing switch. */
import { AbortError } from '../abort.js';

/** Lives from the call to its outcome; `end` must be called. */
export class Operation {
  private readonly controller = new AbortController();
  private readonly user: AbortSignal | undefined;
  private readonly all: Set<Operation>;
  private readonly onUserAbort = (): void => this.cancel(new AbortError(this.user?.reason));
  private timer: NodeJS.Timeout | undefined;

  /**
   * @param all the operations under way, of which it is one until `end`
   * @param user the application's signal
   * @throws AbortError if the application's signal has fired already
   */
  constructor(all: Set<Operation>, user: AbortSignal | undefined) {
    if (user?.aborted) throw new AbortError(user.reason);
    this.all = all;
    this.user = user;
    all.add(this);
    user?.addEventListener('abort', this.onUserAbort, { once: true });
  }

  /** Fires when the operation is cancelled; its reason is the error for the application. */
  get signal(): AbortSignal {
    return this.controller.signal;
  }

  /** Fails the operation with `error()` after `timeoutMs`. */
  limit(timeoutMs: number, error: () => Error): void {
    this.timer = setTimeout(() => this.cancel(error()), timeoutMs);
  }

  cancel(error: Error): void {
    this.controller.abort(error);
  }

  /** @throws the reason, once cancelled */
  check(): void {
    this.controller.signal.throwIfAborted();
  }

  /** A promise that also rejects when the operation is cancelled. `abandon` then gets what comes too late. */
  async race<T>(work: Promise<T>, abandon?: (late: T) => void): Promise<T> {
    const { signal } = this;
    signal.throwIfAborted();
    let listener: (() => void) | undefined;
    const cancelled = new Promise<never>((_, reject) => {
      listener = () => reject(signal.reason);
      signal.addEventListener('abort', listener, { once: true });
    });
    try {
      return await Promise.race([work, cancelled]);
    } catch (error) {
      if (signal.aborted) work.then(abandon, () => {});
      throw error;
    } finally {
      signal.removeEventListener('abort', listener as () => void);
    }
  }

  end(): void {
    clearTimeout(this.timer);
    this.user?.removeEventListener('abort', this.onUserAbort);
    this.all.delete(this);
  }
}
