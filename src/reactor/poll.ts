/** Watching one descriptor in this thread's event loop. */
import { type NativePoll, POLL_READABLE, POLL_WRITABLE } from '../native/addon.js';
import { requireNative } from '../native/load.js';
import { check } from '../native/os.js';

/**
 * Calls back while a descriptor is readable. It neither owns the descriptor, which may be closed as soon as `stop` or
 * `close` has returned, nor keeps the event loop alive unless `ref` is called.
 */
export class Poll {
  private readonly native: NativePoll;

  /** @param ready called with 0, or with the negative errno of a descriptor that failed @throws SystemError */
  constructor(fd: number, ready: (status: number) => void) {
    this.native = new (requireNative().Poll)(fd, ready);
  }

  /** Calls back while the descriptor is readable, or, with `writable`, writable. @throws SystemError */
  start(what: 'readable' | 'writable' = 'readable'): this {
    check(this.native.start(what === 'readable' ? POLL_READABLE : POLL_WRITABLE), 'poll');
    return this;
  }

  /** No more callbacks until `start`. */
  stop(): void {
    this.native.stop();
  }

  /** Keeps the event loop alive. */
  ref(): this {
    this.native.ref();
    return this;
  }

  unref(): this {
    this.native.unref();
    return this;
  }

  /** No more callbacks at all. May be called again, and inside the callback. */
  close(): void {
    this.native.close();
  }
}
