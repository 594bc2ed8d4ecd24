/** Records a process that runs, this one or another, from now until it is told to stop. */

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import type { ReactorStats } from '../reactor/reactor.js';
import { inspectorOf } from './debug-port.js';
import { ownInspector } from './inspector.js';
import { MAP_OPTIONS } from './map-options.js';
import { findPerf, isPerf, type Perf, PerfRecording } from './perf.js';
import { mapFile, mapReader } from './perf-map.js';
import { readRecording } from './perf-script.js';
import { type Recorded, recordedSamples, recordedScripts, type Surroundings } from './recorded.js';
import { SCRIPT_INTERVAL_US, ScriptThreads } from './script-threads.js';
import type { Means, Missing } from './stacks.js';
import { ThreadWatch } from './threads.js';

/** Which means: `auto` is perf where it works and knows the names of functions, otherwise V8's profiles. */
export type By = Means | 'auto';

/** What a runtime says of its threads, as `runtime.stats()` has it. */
export interface ReactorSource {
  stats(): Promise<{
    readonly main: { readonly name: string; readonly reactor: ReactorStats };
    readonly workers: readonly { readonly host: { readonly name: string; readonly reactor: ReactorStats } | null }[];
  }>;
}

/** A recording under way. */
export interface Recording {
  readonly means: Means;
  /** @throws Error: there is no profile, and why */
  stop(): Promise<Recorded>;
}

const NO_MAP: Missing = {
  what: 'names of JavaScript functions: the process writes no map of them',
  remedy: `start it with NODE_OPTIONS="${MAP_OPTIONS}"`,
};

/** The difference of two looks at the pollers. */
class Pollers {
  private readonly source: ReactorSource | null;
  private readonly first: Map<string, ReactorStats>;

  private constructor(source: ReactorSource | null, first: Map<string, ReactorStats>) {
    this.source = source;
    this.first = first;
  }

  static async start(source: ReactorSource | null): Promise<Pollers> {
    return new Pollers(source, await Pollers.look(source));
  }

  private static async look(source: ReactorSource | null): Promise<Map<string, ReactorStats>> {
    if (source === null) return new Map();
    const { main, workers } = await source.stats();
    const threads = [main, ...workers.flatMap(({ host }) => (host === null ? [] : [host]))];
    return new Map(threads.map(({ name, reactor }) => [name, reactor]));
  }

  /** What was counted since, by thread name. */
  async since(): Promise<Map<string, ReactorStats>> {
    const last = await Pollers.look(this.source);
    for (const [name, stats] of last) {
      const before = this.first.get(name);
      if (before === undefined) continue;
      const entries = Object.entries(stats).map(([key, value]) => [key, value - before[key as keyof ReactorStats]]);
      // A worker that was started afresh counts from zero.
      if (entries.every(([, value]) => Number(value) >= 0)) last.set(name, Object.fromEntries(entries) as ReactorStats);
    }
    return last;
  }
}

async function surroundingsOf(pid: number, watch: ThreadWatch, pollers: Pollers): Promise<Surroundings> {
  const counted = await pollers.since();
  const times = watch.stop();
  const named = times.map(({ tid, name }) => [tid, counted.get(tid === pid ? 'main' : name)] as const);
  const reactors = named.filter((entry): entry is [number, ReactorStats] => entry[1] !== undefined);
  // The process may have ended; it is the only one anyway.
  return { times, reactors: new Map(reactors), titleOf: () => `${pid}` };
}

async function startPerf(pid: number, perf: Perf, source: ReactorSource | null): Promise<Recording> {
  const folder = mkdtempSync(join(tmpdir(), 'sanswitch-flame-'));
  const file = join(folder, 'perf.data');
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const pollers = await Pollers.start(source);
    const recording = await PerfRecording.start(perf, file, pid);
    const watch = new ThreadWatch(() => [pid]);
    return {
      means: 'perf',
      async stop() {
        try {
          const surroundings = await surroundingsOf(pid, watch, pollers);
          await recording.stop();
          const missing = existsSync(mapFile(pid)) ? perf.missing : [...perf.missing, NO_MAP];
          return recordedSamples(await readRecording(perf, file, mapReader()), missing, surroundings);
        } finally {
          remove();
        }
      },
    };
  } catch (error) {
    remove();
    throw error;
  }
}

async function startScripts(
  pid: number,
  missing: readonly Missing[],
  source: ReactorSource | null,
): Promise<Recording> {
  if (pid === process.pid && !isMainThread) throw new Error('a process profiles itself from its main thread only');
  const own = pid === process.pid ? ownInspector() : null;
  const { inspector, close } =
    own === null ? await inspectorOf(pid) : { inspector: own, close: async () => own.close() };
  try {
    const pollers = await Pollers.start(source);
    const threads = await ScriptThreads.start(inspector);
    const watch = new ThreadWatch(() => [pid]);
    return {
      means: 'cpu-prof',
      async stop() {
        try {
          const surroundings = await surroundingsOf(pid, watch, pollers);
          const stopped = await threads.stop();
          const scripts = stopped.threads.map(({ tid, title, profile }) => ({ pid, tid, title, profile }));
          return recordedScripts(scripts, SCRIPT_INTERVAL_US, [...missing, ...stopped.missing], surroundings);
        } finally {
          await close();
        }
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Begins to record a process with all its threads.
 * @param pid of a process of this user
 * @param source what knows its pollers, if that is this process; null: nobody does
 * @returns when it records @throws Error: it can't be recorded that way, and why
 */
export async function startRecording(pid: number, by: By, source: ReactorSource | null): Promise<Recording> {
  if (by === 'cpu-prof') return startScripts(pid, [], source);
  const perf = findPerf();
  if (by === 'perf') {
    if (isPerf(perf)) return startPerf(pid, perf, source);
    throw new Error(`${perf.what}; mended by: ${perf.remedy}`);
  }
  if (!isPerf(perf)) return startScripts(pid, [perf], source);
  return existsSync(mapFile(pid)) ? startPerf(pid, perf, source) : startScripts(pid, [NO_MAP], source);
}
