/** Accepting on Unix sockets in this thread's event loop. */
import { unixAccept } from '../native/os.js';
import type { Budget } from './budget.js';
import { Poll } from './poll.js';

/** How long nothing is accepted after a failure: the process has no descriptors left, and those who wait can wait. */
const RETRY_MS = 50;
/** Connections taken off the queue in one turn. */
const ACCEPTS_PER_TURN = 16;

/** Takes connections off a listening Unix socket, which stays the caller's. Does not keep the event loop alive. */
export class Acceptor {
  private readonly fd: number;
  private readonly poll: Poll;
  private readonly accepted: (fd: number) => void;
  private readonly budget: Budget | null;
  private timer: NodeJS.Timeout | undefined;
  private isClosed = false;

  /**
   * @param accepted gets each descriptor, to keep
   * @param budget connections taken in a period, where they are not to be had for nothing
   * @throws SystemError
   */
  constructor(fd: number, accepted: (fd: number) => void, budget: Budget | null = null) {
    this.fd = fd;
    this.budget = budget;
    this.accepted = accepted;
    this.poll = new Poll(fd, () => this.acceptSome());
    this.poll.start();
  }

  /** No more callbacks; the listening socket may be closed as soon as this returns. */
  close(): void {
    this.isClosed = true;
    clearTimeout(this.timer);
    this.poll.close();
  }

  private acceptSome(): void {
    for (let i = 0; i < ACCEPTS_PER_TURN && !this.isClosed; i++) {
      let fd: number | null;
      try {
        fd = unixAccept(this.fd);
      } catch {
        this.pause(RETRY_MS);
        return;
      }
      if (fd === null) return;
      this.accepted(fd);
      if (this.budget?.spend(1) && !this.isClosed) return this.pause(this.budget.periodMs);
    }
  }

  /** The queue stays readable, so that polling on would only burn the processor. */
  private pause(ms: number): void {
    this.poll.stop();
    this.timer = setTimeout(() => this.poll.start(), ms);
    this.timer.unref();
  }
}
