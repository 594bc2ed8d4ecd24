/**
 * Publishes this thread's counters for observers in other processes (`sanswitch top`): into a file of its own, by one write of
 * all of them, a moment after something has happened. While nothing happens nothing runs; nobody knows whether anybody looks.
 */
import { writeSync } from 'node:fs';
import { isMainThread, threadId } from 'node:worker_threads';
import { activity } from './activity.js';
import { type CountersFile, openCountersFile } from './counters-file.js';
import { type ObservedConnection, PageWriter, ThreadFigures } from './counters-page.js';

/** Something that has counters. */
export interface CounterSource {
  /** What the thread is called, where this knows better than Node. At most 16 characters of ASCII. */
  readonly threadName?: string;
  /** Adds what it has. Called rarely, and outside of everything that it does. */
  addFigures(figures: ThreadFigures): void;
  /** The connections that are open. */
  readonly observed?: Iterable<ObservedConnection>;
}

/** From the first thing that happens until it is published: so often at most, and after the last one so late. */
export const PUBLISH_AFTER_MS = 200;

/** One thread's publisher: there while anybody has counters. */
class Publisher {
  private readonly file: CountersFile;
  private readonly writer = new PageWriter(process.pid, threadId);
  private readonly sources: Set<CounterSource>;
  /** Runs only when something has happened, and holds no event loop open. */
  private timer: NodeJS.Timeout | null = null;
  private isClosed = false;

  constructor(file: CountersFile, sources: Set<CounterSource>) {
    this.file = file;
    this.sources = sources;
    activity.await(() => this.arm());
  }

  private arm(): void {
    if (this.timer === null) this.timer = setTimeout(() => this.publish(), PUBLISH_AFTER_MS).unref();
    else this.timer.refresh();
  }

  publish(): void {
    if (this.isClosed) return;
    // Before the look: what happens meanwhile is told again.
    activity.await(() => this.arm());
    const figures = new ThreadFigures();
    let name = isMainThread ? 'main' : `thread-${threadId}`;
    this.writer.begin();
    for (const source of this.sources) {
      source.addFigures(figures);
      name = source.threadName ?? name;
      for (const connection of source.observed ?? []) if (!this.writer.add(connection)) break;
    }
    const [seconds, nanoseconds] = process.hrtime();
    const nowUs = seconds * 1e6 + Math.floor(nanoseconds / 1e3);
    try {
      writeSync(this.file.fd, this.writer.finish(name, figures, nowUs), undefined, undefined, 0);
    } catch (error) {
      // Memory is short, or the program has closed a descriptor that is not its own. Its work goes on without observers.
      this.stop();
      if ((error as NodeJS.ErrnoException).code === 'EBADF') this.file.forget();
      else this.file.close();
    }
  }

  close(): void {
    if (this.isClosed) return;
    this.stop();
    this.file.close();
  }

  private stop(): void {
    this.isClosed = true;
    activity.await(null);
    if (this.timer !== null) clearTimeout(this.timer);
  }
}

const sources = new Set<CounterSource>();
/** Null: nobody has counters, or they can't be published here. */
let publisher: Publisher | null = null;

/** From now on the thread's counters include those of `source`. */
export function addCounterSource(source: CounterSource): void {
  if (sources.size === 0) {
    const file = openCountersFile();
    if (file !== null) publisher = new Publisher(file, sources);
  }
  sources.add(source);
  // Who is there is seen at once, before it has done anything.
  publisher?.publish();
}

/** No longer. Nobody sees the thread when the last one goes. */
export function removeCounterSource(source: CounterSource): void {
  if (!sources.delete(source)) return;
  if (sources.size > 0) return activity.note();
  publisher?.close();
  publisher = null;
}
