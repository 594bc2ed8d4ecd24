/** What the kernel knows of the threads of processes: their names, and where their time went. */
import { readdirSync, readFileSync } from 'node:fs';

/** One thread, while it was watched. */
export interface ThreadTimes {
  readonly pid: number;
  readonly tid: number;
  /** The last that it had. */
  readonly name: string;
  readonly cpu_us: number;
  /** It could have run, and waited for a processor. */
  readonly queued_us: number;
  /** Neither: it slept. */
  readonly asleep_us: number;
  /** How often it went to sleep. */
  readonly sleeps: number;
}

interface Look {
  readonly name: string;
  readonly cpu_ns: number;
  readonly queued_ns: number;
  readonly sleeps: number;
}

interface Watched {
  readonly pid: number;
  readonly first: Look;
  readonly firstAt_ms: number;
  last: Look;
  lastAt_ms: number;
}

const LOOK_EVERY_MS = 50;
/** V8's own thread for its profiles: the instrument. */
const INSTRUMENT = /^v8:Prof/;
const NEWBORN: Look = { name: '', cpu_ns: 0, queued_ns: 0, sleeps: 0 };

/** @returns null: it has ended */
function look(pid: number, tid: number): Look | null {
  const folder = `/proc/${pid}/task/${tid}`;
  try {
    const [cpu_ns, queued_ns] = readFileSync(`${folder}/schedstat`, 'utf8').split(' ').map(Number);
    const status = readFileSync(`${folder}/status`, 'utf8');
    const sleeps = Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1] ?? 0);
    return { name: readFileSync(`${folder}/comm`, 'utf8').trimEnd(), cpu_ns, queued_ns, sleeps };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}

/** The threads of a process; none if it has ended. */
function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return [];
    throw error;
  }
}

/** Looks at the threads of some processes again and again, since those that have ended tell nothing. */
export class ThreadWatch {
  private readonly threads = new Map<number, Watched>();
  private readonly pids: () => Iterable<number>;
  private readonly timer: NodeJS.Timeout;

  /** @param pids the processes, asked again each time: they may come later */
  constructor(pids: () => Iterable<number>) {
    this.pids = pids;
    this.lookAt(true);
    this.timer = setInterval(() => this.lookAt(false), LOOK_EVERY_MS);
    this.timer.unref();
  }

  /** @returns what was seen of each thread since the beginning */
  stop(): ThreadTimes[] {
    clearInterval(this.timer);
    this.lookAt(false);
    const seen = [...this.threads].filter(([, { last }]) => !INSTRUMENT.test(last.name));
    return seen.map(([tid, { pid, first, firstAt_ms, last, lastAt_ms }]) => {
      const cpu_us = (last.cpu_ns - first.cpu_ns) / 1_000;
      const queued_us = (last.queued_ns - first.queued_ns) / 1_000;
      const asleep_us = Math.max(0, (lastAt_ms - firstAt_ms) * 1_000 - cpu_us - queued_us);
      return { pid, tid, name: last.name, cpu_us, queued_us, asleep_us, sleeps: last.sleeps - first.sleeps };
    });
  }

  private lookAt(isFirst: boolean): void {
    const now_ms = performance.now();
    for (const pid of this.pids()) {
      for (const tid of threadsOf(pid)) {
        const last = look(pid, tid);
        if (last === null) continue;
        const known = this.threads.get(tid);
        if (known !== undefined) {
          known.last = last;
          known.lastAt_ms = now_ms;
          continue;
        }
        // What a thread did before it was first seen counts, unless it was there before we were.
        const first = isFirst ? last : NEWBORN;
        this.threads.set(tid, { pid, first, firstAt_ms: now_ms, last, lastAt_ms: now_ms });
      }
    }
  }
}
