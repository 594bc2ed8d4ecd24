/**
 * Where the two halves of a move meet: sockets that wait for their peer to ATTACH, and ATTACHes whose token nobody has claimed
 * yet, since the word of it may come later to this thread than the peer. Both wait for a bounded time.
 */
import { REJECT_TOKEN } from '../../layout/layout.gen.js';
import type { Link } from './link.js';

/** How long either half of a move waits for the other. A peer that blocks its event loop for longer loses the connection. */
export const MOVE_TIMEOUT_MS = 2_000;
/** Sockets that wait for peers of one process. */
const CLAIMS_MAX = 4_096;
/** Connections of one link on which nothing has been said yet; one more ATTACH is refused. */
const SILENT_MAX = 4_096;

/** A socket whose peer is to attach. */
export interface Claimant {
  attached(link: Link, id: number): void;
  /** It is gone, or has not come in time. */
  unattached(isGone: boolean): void;
}

interface Claim {
  /** The process from which the peer must come. */
  readonly pid: number;
  readonly claimant: Claimant;
  readonly untilMs: number;
}

interface Caller {
  /** Null: nothing comes of it any more, whichever half is still to come. */
  readonly link: Link | null;
  readonly id: number;
  readonly untilMs: number;
}

/** Both halves, by token; oldest first. */
export class Attachments {
  private readonly claims = new Map<bigint, Claim>();
  private readonly callers = new Map<bigint, Caller>();
  /** Claims by process. */
  private readonly counts = new Map<number, number>();
  private timer: NodeJS.Timeout | undefined;

  /** Can one more socket wait for a peer of this process, which may never come? */
  hasRoom(pid: number): boolean {
    return (this.counts.get(pid) ?? 0) < CLAIMS_MAX;
  }

  /** Waits for the peer, which may be there already: then `claimant` is told from inside of this. */
  claim(token: bigint, pid: number, claimant: Claimant): void {
    const caller = this.callers.get(token);
    if (caller?.link === null) return claimant.unattached(true);
    if (caller !== undefined) {
      this.callers.delete(token);
      if (caller.link.credentials.pid === pid) return claimant.attached(caller.link, caller.id);
      refuse(caller.link, caller.id);
    }
    this.counts.set(pid, (this.counts.get(pid) ?? 0) + 1);
    this.claims.set(token, { pid, claimant, untilMs: performance.now() + MOVE_TIMEOUT_MS });
    this.arm();
  }

  /** Does not wait any more: the peer is refused as soon as it comes. */
  abandon(token: bigint): void {
    const claim = this.claims.get(token);
    if (claim === undefined) return;
    this.settle(token, claim);
    this.refuse(token);
  }

  /** Nobody will ever wait for whoever comes with this token, or has come. */
  refuse(token: bigint): void {
    const caller = this.callers.get(token);
    if (caller !== undefined && caller.link !== null) refuse(caller.link, caller.id);
    // At the end: the oldest come first.
    this.callers.delete(token);
    this.callers.set(token, { link: null, id: -1, untilMs: performance.now() + MOVE_TIMEOUT_MS });
    this.arm();
  }

  private settle(token: bigint, claim: Claim): void {
    this.claims.delete(token);
    const count = (this.counts.get(claim.pid) as number) - 1;
    if (count > 0) this.counts.set(claim.pid, count);
    else this.counts.delete(claim.pid);
  }

  /** A peer follows a connection to here. */
  attach(link: Link, id: number, token: bigint): void {
    const claim = this.claims.get(token);
    // What it costs to refuse is paid for like an OPEN on which nothing is said.
    link.wait(id);
    if (claim?.pid === link.credentials.pid) {
      this.settle(token, claim);
      claim.claimant.attached(link, id);
    } else if (claim !== undefined || this.callers.has(token) || link.silent > SILENT_MAX) refuse(link, id);
    else {
      this.callers.set(token, { link, id, untilMs: performance.now() + MOVE_TIMEOUT_MS });
      this.arm();
    }
  }

  /** The peer took its ATTACH back. @returns false: it is not one that waits */
  withdrawn(link: Link, id: number): boolean {
    for (const [token, caller] of this.callers) {
      if (caller.link !== link || caller.id !== id) continue;
      this.callers.set(token, { ...caller, link: null });
      return true;
    }
    return false;
  }

  linkDied(link: Link): void {
    for (const [token, caller] of this.callers) {
      if (caller.link === link) this.callers.set(token, { ...caller, link: null });
    }
  }

  /** Everybody who waits is told that it was in vain. */
  close(): void {
    this.expire(Number.POSITIVE_INFINITY);
    clearTimeout(this.timer);
  }

  private arm(): void {
    this.timer ??= setTimeout(() => this.overdue(), MOVE_TIMEOUT_MS).unref();
  }

  /** If it was this thread that had no time, the peer may be there and unseen: two turns of the loop show it. */
  private overdue(): void {
    const now = performance.now();
    setImmediate(() => setImmediate(() => this.expire(now)));
  }

  private expire(now: number): void {
    for (const [token, claim] of this.claims) {
      if (claim.untilMs > now) break;
      this.settle(token, claim);
      claim.claimant.unattached(false);
    }
    for (const [token, { link, id, untilMs }] of this.callers) {
      if (untilMs > now) break;
      this.callers.delete(token);
      if (link !== null) refuse(link, id);
    }
    this.timer = undefined;
    const first = [this.claims, this.callers].flatMap((waiting) => [...waiting.values()].slice(0, 1));
    const nextMs = Math.min(...first.map(({ untilMs }) => untilMs)) - now;
    if (first.length > 0) this.timer = setTimeout(() => this.overdue(), nextMs).unref();
  }
}

function refuse(link: Link, id: number): void {
  link.waited(id);
  link.refuse(id, REJECT_TOKEN, 'token');
}
