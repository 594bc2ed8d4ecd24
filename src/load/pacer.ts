/** Wakes its owner at a moment, to within microseconds, without burning a processor meanwhile. */
import { armTimer, closeDescriptor, createTimer } from '../native/os.js';
import { Poll } from '../reactor/poll.js';

const NS_PER_MS = 1e6;
const SLEEP_LIMIT_MS = 3_600_000;

/** A descriptor that is readable at a moment. */
class FineTimer {
  private readonly fd: number;
  private readonly poll: Poll;
  /** When it rings; infinite: not at all. */
  private rings_ms = Number.POSITIVE_INFINITY;

  /** @throws SystemError: there is no descriptor, or no memory to watch it; nothing is kept then */
  constructor(ring: () => void) {
    this.fd = createTimer();
    try {
      this.poll = new Poll(this.fd, () => this.rang(ring)).start();
    } catch (error) {
      closeDescriptor(this.fd);
      throw error;
    }
    this.poll.ref();
  }

  private rang(ring: () => void): void {
    this.rings_ms = Number.POSITIVE_INFINITY;
    ring();
    // Armed again, it has forgotten that it rang; or else it would ring on.
    if (this.rings_ms === Number.POSITIVE_INFINITY) armTimer(this.fd, 0);
  }

  /** Has it ring then at the latest: who waits by turns for something near and something far has one system call, not two a turn. */
  arm(at_ms: number, now_ms: number): void {
    if (this.rings_ms <= at_ms) return;
    this.rings_ms = at_ms;
    armTimer(this.fd, Math.max(1, Math.ceil((at_ms - now_ms) * NS_PER_MS)));
  }

  close(): void {
    // Whoever closes it while it rings must not have it disarmed afterwards: its number may be another's by then.
    this.rings_ms = 0;
    this.poll.close();
    closeDescriptor(this.fd);
  }
}

/** See the top of this file. Needs the native part, as the workers that it is for. */
export class Pacer {
  private readonly timer: FineTimer;
  private spin: NodeJS.Immediate | null = null;
  /** Who is to call. The other one may come all the same: to take it back would cost a system call each time. */
  private expected: 'spin' | 'timer' | null = null;
  /** When sleeping is to end. */
  private wake_ms = 0;
  private isClosed = false;
  private readonly due: () => void;
  private readonly early_ms: number;

  /**
   * @param due called once for each `wait`, unless another comes before it: at the moment, or up to `early_ms` before
   * @param early_ms what is nearer than this is not slept for: the next turn of the event loop follows at once
   */
  constructor(due: () => void, early_ms: number) {
    this.due = due;
    this.early_ms = early_ms;
    this.timer = new FineTimer(() => this.rang());
  }

  /** @param delay_ms from now; 0 or less: in the next turn of the event loop, behind its input */
  wait(delay_ms: number): void {
    if (this.isClosed) return;
    const sleep_ms = Math.min(delay_ms - this.early_ms, SLEEP_LIMIT_MS);
    this.expected = sleep_ms <= 0 ? 'spin' : 'timer';
    if (sleep_ms <= 0) {
      this.spin ??= setImmediate(() => {
        this.spin = null;
        this.called('spin');
      });
    } else {
      const now_ms = performance.now();
      this.wake_ms = now_ms + sleep_ms;
      this.timer.arm(this.wake_ms, now_ms);
    }
  }

  private rang(): void {
    if (this.expected !== 'timer') return;
    const now_ms = performance.now();
    if (now_ms >= this.wake_ms) this.called('timer');
    else this.timer.arm(this.wake_ms, now_ms);
  }

  private called(by: 'spin' | 'timer'): void {
    if (this.expected !== by) return;
    this.expected = null;
    this.due();
  }

  /** No more calls. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.timer.close();
    if (this.spin !== null) clearImmediate(this.spin);
  }
}
