/** Wakes its owner at a moment, to within microseconds, without burning a processor meanwhile. */
import { armTimer, closeDescriptor, createTimer } from '../native/os.js';
import { Poll } from '../reactor/poll.js';
import { type Pollable, Reactor } from '../reactor/reactor.js';

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
export class Pacer implements Pollable {
  private readonly timer: FineTimer;
  /** It spins in native code: a turn of the event loop for every look at the clock would leave 400 MB of garbage a second. */
  private readonly reactor: Reactor | null;
  private turn: NodeJS.Immediate | null = null;
  /** Who is to call. The others may come all the same: to take it back would cost a system call each time. */
  private expected: 'turn' | 'alarm' | 'timer' | null = null;
  /** When sleeping is to end. */
  private wake_ms = 0;
  private isClosed = false;
  private readonly due: () => void;
  private readonly early_ms: number;

  /**
   * @param due called once for each `wait`, unless another comes before it: at the moment, or up to `early_ms` before
   * @param early_ms what is nearer than this, up to 1, is not slept for, but spun
   */
  constructor(due: () => void, early_ms: number) {
    this.due = due;
    this.early_ms = early_ms;
    this.timer = new FineTimer(() => this.rang());
    this.reactor = early_ms > 0 ? Reactor.current() : null;
    this.reactor?.addPollable(this);
  }

  /** @param delay_ms from now; 0 or less: in the next turn of the event loop, behind its input */
  wait(delay_ms: number): void {
    if (this.isClosed) return;
    const sleep_ms = Math.min(delay_ms - this.early_ms, SLEEP_LIMIT_MS);
    const now_ms = performance.now();
    if (sleep_ms > 0) {
      this.expected = 'timer';
      this.wake_ms = now_ms + sleep_ms;
      this.timer.arm(this.wake_ms, now_ms);
    } else if (delay_ms > 0 && this.reactor !== null) {
      this.expected = 'alarm';
      this.reactor.setAlarm(now_ms + delay_ms);
    } else {
      this.expected = 'turn';
      this.turn ??= setImmediate(() => {
        this.turn = null;
        this.called('turn');
      });
    }
  }

  poll(): number {
    if (this.expected !== 'alarm' || this.reactor?.hasRung !== true) return 0;
    this.called('alarm');
    return 1;
  }

  beforeSleep(): number {
    return 0;
  }

  private rang(): void {
    if (this.expected !== 'timer') return;
    const now_ms = performance.now();
    if (now_ms >= this.wake_ms) this.called('timer');
    else this.timer.arm(this.wake_ms, now_ms);
  }

  private called(by: 'turn' | 'alarm' | 'timer'): void {
    if (this.expected !== by) return;
    this.expected = null;
    this.due();
  }

  /** No more calls. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.timer.close();
    if (this.turn !== null) clearImmediate(this.turn);
    this.reactor?.removePollable(this);
  }
}
