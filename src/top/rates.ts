/** From counters to rates: what a thread has published since the look before. */
import { PUBLISH_AFTER_MS } from '../stats/publisher.js';
import type { SeenProcess } from './look.js';
import type { Page } from './page.js';

const PUBLISH_AFTER_US = PUBLISH_AFTER_MS * 1_000;

/** What grows, of a thread or a connection. */
export type Growing = 'bytesSent' | 'bytesReceived' | 'sends' | 'deliveries';

/** A page, and the one that was there at the look before. */
export interface PageChange {
  readonly page: Page;
  /** Null: the thread was not there, or had not been looked at. */
  readonly before: Page | null;
  /** Seconds in which the change came about; 0: there was none. */
  readonly overS: number;
}

function sameThread(process: SeenProcess, page: Page): string {
  return `${process.entry.pid}/${process.entry.startTime}/${page.thread}`;
}

interface Memory {
  readonly page: Page;
  readonly change: PageChange;
}

/** Remembers pages from one look to the next. */
export class PageHistory {
  private known = new Map<string, Memory>();
  private lookedAtUs = 0;

  /** @param atUs the time of the look, by CLOCK_MONOTONIC @returns the changes, in the order of the pages */
  advance(processes: readonly SeenProcess[], atUs: number): Map<SeenProcess, PageChange[]> {
    const now = new Map<string, Memory>();
    const changes = new Map<SeenProcess, PageChange[]>();
    for (const process of processes) {
      const own = process.pages.map((page) => {
        const key = sameThread(process, page);
        const change = this.changeOf(page, this.known.get(key) ?? null, atUs);
        now.set(key, { page, change });
        return change;
      });
      changes.set(process, own);
    }
    this.known = now;
    this.lookedAtUs = atUs;
    return changes;
  }

  private changeOf(page: Page, memory: Memory | null, atUs: number): PageChange {
    if (memory === null) return { page, before: null, overS: 0 };
    // Looked at again before it can have said anything new.
    if (page.sequence === memory.page.sequence) {
      const isRecent = atUs - page.publishedUs < 2 * PUBLISH_AFTER_US;
      return isRecent ? { ...memory.change, page } : { page, before: memory.page, overS: 0 };
    }
    // A thread that was quiet has done all of it since the look, or within what it had not published then.
    const sinceUs = Math.max(memory.page.publishedUs, this.lookedAtUs - PUBLISH_AFTER_US);
    const overUs = Math.max(page.publishedUs - sinceUs, PUBLISH_AFTER_US / 2);
    return { page, before: memory.page, overS: overUs / 1e6 };
  }
}

/** Per second. Whatever goes backwards has begun anew, or is no truth. */
export function rateOf(now: number, before: number, overS: number): number {
  return overS > 0 && now > before ? (now - before) / overS : 0;
}
