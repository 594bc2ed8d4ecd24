/** One look at all processes: their counters pages, as they are now. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { COUNTERS_FILE_BYTES, COUNTERS_PAGE_BYTES } from '../layout/layout.gen.js';
import { decodePage, type Page, type PageOutcome, pageBytes } from './page.js';
import { candidates, ifThere, type ProcessEntry } from './process-list.js';
import type { TopSkipped } from './report.js';

/** A page that is being written is whole some microseconds later. */
const TRIES = 20;

/** A FIFO with the name of a counters file must not keep us. */
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** A process and its threads. */
export interface SeenProcess {
  readonly entry: ProcessEntry;
  readonly pages: readonly Page[];
}

/** What a look has seen. */
export interface Look {
  /** CLOCK_MONOTONIC, microseconds. */
  readonly atUs: number;
  readonly processes: readonly SeenProcess[];
  readonly skipped: readonly TopSkipped[];
}

const buffer = Buffer.alloc(COUNTERS_FILE_BYTES);

function readOnce(fd: number): PageOutcome {
  const started = readSync(fd, buffer, 0, COUNTERS_PAGE_BYTES, 0);
  const length = pageBytes(buffer.subarray(0, started));
  if (typeof length === 'string') return { why: length };
  // All at once, the start too: it may be another page by now.
  return decodePage(buffer.subarray(0, readSync(fd, buffer, 0, length, 0)));
}

/** Reads a counters file. @returns null: it is gone */
function readFile(pid: number, descriptor: number): PageOutcome | null {
  const fd = ifThere(() => openSync(`/proc/${pid}/fd/${descriptor}`, OPEN_FLAGS));
  if (fd === null) return null;
  try {
    const status = fstatSync(fd);
    if (!status.isFile() || status.size !== COUNTERS_FILE_BYTES)
      return { why: 'its counters page has not the size of one' };
    for (let i = 0; i < TRIES; i++) {
      const outcome = readOnce(fd);
      if (outcome !== 'torn') return outcome;
    }
    return { why: 'its counters page does not match its checksum' };
  } finally {
    closeSync(fd);
  }
}

/** Whether a page was made by that process, and did not come from its parent. */
function isOf({ namespacePids }: ProcessEntry, page: Page): boolean {
  return page.pid === namespacePids.at(-1);
}

/** Looks at all processes of this user. */
export function look(): Look {
  const processes: SeenProcess[] = [];
  const skipped: TopSkipped[] = [];
  for (const { entry, files } of candidates()) {
    // A duplicate of a descriptor tells the same once more.
    const pages = new Map<number, Page>();
    for (const { fd, isNamed } of files) {
      const outcome = readFile(entry.pid, fd);
      if (outcome === null || outcome === 'torn') continue;
      if ('why' in outcome) {
        if (isNamed) skipped.push({ pid: entry.pid, why: outcome.why });
      } else if (isOf(entry, outcome.page)) pages.set(outcome.page.thread, outcome.page);
    }
    const threads = [...pages.values()].sort((a, b) => a.thread - b.thread);
    if (threads.length > 0) processes.push({ entry, pages: threads });
  }
  const [seconds, nanoseconds] = process.hrtime();
  return { atUs: seconds * 1e6 + Math.floor(nanoseconds / 1e3), processes, skipped };
}
