/**
 * Deposits of callers that were redirected (cost.ts). Only the reactor to which they were sent sees whether they come; it tells
 * the one that sent them, a thread of the same process, now and then how many have.
 */
import { BroadcastChannel } from 'node:worker_threads';

const CHANNEL = 'sanswitch/followers';
/** How long those who have come are gathered before it is said. */
const GATHER_MS = 1;

/** What one reactor tells another. */
interface News {
  /** Reactor that sent them. */
  readonly to: string;
  /** Process that they are of. */
  readonly pid: number;
  readonly count: number;
}

/** One reactor's part in it. */
export class Followers {
  private readonly reactorId: string;
  private readonly refund: (pid: number, count: number) => void;
  private channel: BroadcastChannel | null = null;
  private listens = false;
  private news: News[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** @param refund callers that this reactor has sent away have come where they were sent */
  constructor(reactorId: string, refund: (pid: number, count: number) => void) {
    this.reactorId = reactorId;
    this.refund = refund;
  }

  /** A caller is sent away. */
  sent(): void {
    if (this.listens) return;
    this.listens = true;
    this.open().onmessage = ({ data }: MessageEvent) => {
      for (const { to, pid, count } of data as News[]) if (to === this.reactorId) this.refund(pid, count);
    };
    this.open().unref();
  }

  /** A caller has come that was sent here. @param from the reactor that sent it */
  came(from: string, pid: number): void {
    if (from === this.reactorId) {
      this.refund(pid, 1);
      return;
    }
    const known = this.news.findIndex((one) => one.to === from && one.pid === pid);
    const count = known < 0 ? 1 : (this.news[known] as News).count + 1;
    this.news[known < 0 ? this.news.length : known] = { to: from, pid, count };
    this.timer ??= setTimeout(() => this.tell(), GATHER_MS).unref();
  }

  close(): void {
    clearTimeout(this.timer);
    this.channel?.close();
  }

  private tell(): void {
    this.timer = undefined;
    this.open().postMessage(this.news);
    this.news = [];
  }

  private open(): BroadcastChannel {
    if (this.channel === null) {
      this.channel = new BroadcastChannel(CHANNEL);
      this.channel.unref();
    }
    return this.channel;
  }
}
