/** One connect or listen under way, and the three ways in which it may be cancelled: signal, time-out, closing switch. */
import { AbortError } from '../abort.js';
import type { Listed, Roster } from './roster.js';

/** Lives from the call to its outcome; `end` must be called. */
export class Operation implements Listed {
  rosterIndex = -1;
  private readonly user: AbortSignal | undefined;
  private readonly all: Roster<Operation>;
  private readonly onUserAbort: (() => void) | undefined;
  private timer: NodeJS.Timeout | undefined;
  private error: Error | null = null;
  /** Called when it is cancelled. */
  private readonly listeners: (() => void)[] = [];
  /** Made when it is first asked for: most operations never need one, and it costs as much as half a connect. */
  private controller: AbortController | null = null;

  /**
   * @param all the operations under way, of which it is one until `end`
   * @param user the application's signal
   * @throws AbortError if the application's signal has fired already
   */
  constructor(all: Roster<Operation>, user: AbortSignal | undefined) {
    if (user?.aborted) throw new AbortError(user.reason);
    this.all = all;
    this.user = user;
    all.add(this);
    if (user === undefined) return;
    this.onUserAbort = (): void => this.cancel(new AbortError(user.reason));
    user.addEventListener('abort', this.onUserAbort, { once: true });
  }

  /** Whether the operation was cancelled. */
  get cancelled(): boolean {
    return this.error !== null;
  }

  /** The error for the application, once cancelled. */
  get reason(): Error | null {
    return this.error;
  }

  /** Fires when the operation is cancelled; its reason is the error for the application. */
  get signal(): AbortSignal {
    if (this.controller === null) {
      this.controller = new AbortController();
      if (this.error !== null) this.controller.abort(this.error);
    }
    return this.controller.signal;
  }

  /** Fails the operation with `error()` after `timeoutMs`. */
  limit(timeoutMs: number, error: () => Error): void {
    this.timer = setTimeout(() => this.cancel(error()), timeoutMs);
  }

  cancel(error: Error): void {
    if (this.error !== null) return;
    this.error = error;
    for (const listener of this.listeners.splice(0)) listener();
    this.controller?.abort(error);
  }

  /** Has `listener` called once if the operation is cancelled before `forget`. */
  onCancel(listener: () => void): void {
    this.listeners.push(listener);
  }

  forget(listener: () => void): void {
    const at = this.listeners.indexOf(listener);
    if (at >= 0) this.listeners.splice(at, 1);
  }

  /** @throws the reason, once cancelled */
  check(): void {
    if (this.error !== null) throw this.error;
  }

  /** A promise that also rejects when the operation is cancelled. `abandon` then gets what comes too late. */
  async race<T>(work: Promise<T>, abandon?: (late: T) => void): Promise<T> {
    this.check();
    let listener: (() => void) | undefined;
    const cancelled = new Promise<never>((_, reject) => {
      listener = () => reject(this.error as Error);
      this.onCancel(listener);
    });
    try {
      return await Promise.race([work, cancelled]);
    } catch (error) {
      if (this.cancelled) work.then(abandon, () => {});
      throw error;
    } finally {
      this.forget(listener as () => void);
    }
  }

  end(): void {
    clearTimeout(this.timer);
    if (this.onUserAbort !== undefined) this.user?.removeEventListener('abort', this.onUserAbort);
    this.all.delete(this);
  }
}
