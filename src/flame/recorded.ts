/** Puts together what was recorded of the threads and what the kernel and their pollers counted. */
import type { ReactorStats } from '../reactor/reactor.js';
import { type CpuProfile, stacksOfProfile } from './cpu-profile.js';
import { isNameless, type KnownThread, nameThreads } from './names.js';
import { PERF_INTERVAL_US } from './perf.js';
import type { SampledThread } from './perf-script.js';
import type { Missing, Profile, ThreadStacks } from './stacks.js';
import type { ThreadTimes } from './threads.js';

/** Where a thread's time went, beside its stacks. */
export interface ThreadRow extends ThreadTimes {
  /** What its poller did meanwhile; null: it has none, or does not tell. */
  readonly reactor: ReactorStats | null;
}

/** A profile, and the figures that stand beside it. */
export interface Recorded {
  readonly profile: Profile;
  /** Those that did anything, in the order of the profile's threads. */
  readonly rows: readonly ThreadRow[];
}

/** What is known of the threads besides their stacks. */
export interface Surroundings {
  readonly times: readonly ThreadTimes[];
  /** By the system's number of the thread. */
  readonly reactors: ReadonlyMap<number, ReactorStats>;
  /** What a process runs. */
  titleOf(pid: number): string;
}

/** One JavaScript thread's profile of V8's. */
export interface ProfiledScript {
  readonly pid: number;
  /** Null: it is not known. */
  readonly tid: number | null;
  /** How it is called if `tid` says nothing. */
  readonly title: string;
  readonly profile: CpuProfile;
}

/** What stands for a native thread's time where nobody has seen its stacks. */
export const UNSEEN = 'native code, not sampled (its processor time is the figure of the kernel)';

/** Of all processor time, for a thread to be told of. */
const LEAST_SHARE = 0.005;

/** Threads that nobody names, by a function that only they run. */
const NAMES_BY_FRAME: readonly (readonly [frame: RegExp, name: string])[] = [
  [/PlatformWorkerThread|WorkerThreadsTaskRunner/, 'v8 helper'],
  [/(^|;)(uv__)?worker;/, 'libuv pool'],
];

const WORKER_FRAME = /node::worker::Worker::Run/;

function order(name: string): string {
  const rank = /main$/.test(name) ? 0 : /worker/.test(name) ? 1 : /poller/.test(name) ? 2 : 3;
  return `${rank} ${name.replace(/\d+/g, (digits) => digits.padStart(8, '0'))}`;
}

function byName(a: string, b: string): number {
  return order(a) < order(b) ? -1 : 1;
}

function finish(
  means: Profile['means'],
  interval_us: number,
  threads: readonly ThreadStacks[],
  missing: readonly Missing[],
  { times, reactors }: Surroundings,
  names: ReadonlyMap<number, string>,
): Recorded {
  const total_us = times.reduce((sum, { cpu_us }) => sum + cpu_us, 0);
  const rows = times
    .filter(({ tid, cpu_us }) => reactors.has(tid) || cpu_us >= total_us * LEAST_SHARE)
    .map((thread) => ({
      ...thread,
      name: names.get(thread.tid) ?? thread.name,
      reactor: reactors.get(thread.tid) ?? null,
    }))
    .sort((a, b) => byName(a.name, b.name));
  const sorted = threads.filter(({ stacks }) => stacks.size > 0).sort((a, b) => byName(a.name, b.name));
  return { profile: { means, interval_us, threads: sorted, missing }, rows };
}

/** What perf has sampled. */
export function recordedSamples(
  sampled: readonly SampledThread[],
  missing: readonly Missing[],
  surroundings: Surroundings,
): Recorded {
  const known = new Map<number, KnownThread>();
  for (const { pid, tid, name } of surroundings.times) known.set(tid, { pid, tid, comm: name, isScript: false });
  for (const { pid, tid, comm, isScript, stacks } of sampled) {
    const seen = known.get(tid)?.comm ?? '';
    const has = (frame: RegExp): boolean => [...stacks.keys()].some((stack) => frame.test(stack));
    // Without a map of its functions a worker is known by what it stands on.
    const isWorker = isScript || has(WORKER_FRAME);
    const hint = isWorker ? undefined : NAMES_BY_FRAME.find(([frame]) => has(frame))?.[1];
    const name = [comm, seen].find((one) => !isNameless(one)) ?? hint ?? '';
    known.set(tid, { pid, tid, comm: name, isScript: isWorker });
  }
  const names = nameThreads([...known.values()], surroundings.titleOf);
  const threads = sampled.map(({ tid, stacks }) => ({ name: names.get(tid) as string, stacks }));
  return finish('perf', PERF_INTERVAL_US, threads, missing, surroundings, names);
}

/** What V8 has sampled. Native threads stand beside it with their processor time, which the kernel counts. */
export function recordedScripts(
  scripts: readonly ProfiledScript[],
  interval_us: number,
  missing: readonly Missing[],
  surroundings: Surroundings,
): Recorded {
  const known = new Map<number, KnownThread>();
  // A thread that is not known by its number gets one that no thread has.
  const numbered = scripts.map((script, index) => ({ ...script, tid: script.tid ?? -1 - index }));
  const seen = new Map(surroundings.times.map((thread) => [thread.tid, thread]));
  for (const { pid, tid, title } of numbered)
    known.set(tid, { pid, tid, comm: seen.get(tid)?.name ?? title, isScript: true });
  for (const { pid, tid, name } of surroundings.times)
    if (!known.has(tid)) known.set(tid, { pid, tid, comm: name, isScript: false });
  const names = nameThreads([...known.values()], surroundings.titleOf);
  const threads: ThreadStacks[] = numbered.map(({ tid, profile }) => ({
    name: names.get(tid) as string,
    stacks: stacksOfProfile(profile),
  }));
  const total_us = surroundings.times.reduce((sum, { cpu_us }) => sum + cpu_us, 0);
  for (const { tid, cpu_us } of surroundings.times) {
    if (known.get(tid)?.isScript === true || cpu_us < total_us * LEAST_SHARE) continue;
    threads.push({ name: names.get(tid) as string, stacks: new Map([[UNSEEN, cpu_us]]) });
  }
  const native: Missing = {
    what: 'native functions: their time is that of the JavaScript function that called them, and native threads have no stacks',
    remedy: null,
  };
  return finish('cpu-prof', interval_us, threads, [...missing, native], surroundings, names);
}
