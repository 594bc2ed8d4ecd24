/** V8's profiles of all JavaScript threads of a process, its workers included, through its inspector. */
import type { CpuProfile } from './cpu-profile.js';
import { type Inspector, MessageInspector } from './inspector.js';
import type { Missing } from './stacks.js';

/** One thread's. */
export interface ScriptThread {
  /** The system's number; null: it does not tell. */
  readonly tid: number | null;
  /** Node's title for it. */
  readonly title: string;
  readonly profile: CpuProfile;
}

/** How often V8 looks, µs. */
export const SCRIPT_INTERVAL_US = 500;
/** A worker that stands still in native code answers nothing. */
const ANSWER_LIMIT_MS = 5_000;
const WHO = `process.getBuiltinModule('node:path').basename(process.getBuiltinModule('node:fs').readlinkSync('/proc/thread-self'))`;

interface Attached {
  readonly inspector: MessageInspector;
  readonly title: string;
  started: Promise<number | null>;
  isOver: boolean;
}

async function startThread(inspector: Inspector): Promise<number | null> {
  const { result } = (await inspector.post('Runtime.evaluate', { expression: WHO, returnByValue: true })) as {
    result: { value?: unknown };
  };
  await inspector.post('Profiler.enable');
  await inspector.post('Profiler.setSamplingInterval', { interval: SCRIPT_INTERVAL_US });
  await inspector.post('Profiler.start');
  const tid = Number(result.value);
  return Number.isInteger(tid) ? tid : null;
}

async function stopThread(inspector: Inspector): Promise<CpuProfile> {
  const { profile } = await inspector.post('Profiler.stop');
  await inspector.post('Profiler.disable');
  return profile as CpuProfile;
}

function withinLimit<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_LIMIT_MS} ms`)), ANSWER_LIMIT_MS);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}

/** A profile under way. */
export class ScriptThreads {
  private readonly inspector: Inspector;
  private readonly workers = new Map<string, Attached>();
  private readonly missing: Missing[] = [];
  private ownTid: number | null = null;

  private constructor(inspector: Inspector) {
    this.inspector = inspector;
    inspector.onEvent((method, params) => this.event(method, params));
  }

  /** @param inspector of a main thread; stays the caller's @returns when all threads that are there are watched @throws Error */
  static async start(inspector: Inspector): Promise<ScriptThreads> {
    const threads = new ScriptThreads(inspector);
    await inspector.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
    threads.ownTid = await startThread(inspector);
    const begun = [...threads.workers.values()].map(({ started }) => withinLimit(started));
    await Promise.allSettled(begun);
    return threads;
  }

  /** @returns the profiles, and which there are none of @throws Error: the main thread's can't be had */
  async stop(): Promise<{ readonly threads: ScriptThread[]; readonly missing: Missing[] }> {
    const own = { tid: this.ownTid, title: 'main', profile: await stopThread(this.inspector) };
    const stopped = await Promise.all([...this.workers.values()].map((worker) => this.stopWorker(worker)));
    await this.inspector.post('NodeWorker.disable');
    return { threads: [own, ...stopped.filter((thread) => thread !== null)], missing: this.missing };
  }

  private async stopWorker(worker: Attached): Promise<ScriptThread | null> {
    const { inspector, title, started } = worker;
    try {
      const tid = await withinLimit(started);
      return { tid, title, profile: await withinLimit(stopThread(inspector)) };
    } catch (error) {
      const why = worker.isOver ? 'it ended before the profile did' : (error as Error).message;
      this.missing.push({ what: `the thread ${title}: ${why}`, remedy: null });
      return null;
    }
  }

  private event(method: string, params: Record<string, unknown>): void {
    const sessionId = params.sessionId as string;
    if (method === 'NodeWorker.attachedToWorker') {
      const inspector = new MessageInspector(
        (message) => {
          const sent = this.inspector.post('NodeWorker.sendMessageToWorker', { sessionId, message });
          // Its worker has ended: so it is told.
          sent.catch(() => inspector.ended());
        },
        () => {},
      );
      const { title } = params.workerInfo as { title: string };
      const worker: Attached = { inspector, title, started: Promise.resolve(null), isOver: false };
      // An answer may come before the call that asks has returned.
      this.workers.set(sessionId, worker);
      worker.started = startThread(inspector);
      worker.started.catch(() => {});
    }
    if (method === 'NodeWorker.receivedMessageFromWorker')
      this.workers.get(sessionId)?.inspector.receive(params.message as string);
    if (method === 'NodeWorker.detachedFromWorker') {
      const worker = this.workers.get(sessionId);
      if (worker === undefined) return;
      worker.isOver = true;
      worker.inspector.ended();
    }
  }
}
