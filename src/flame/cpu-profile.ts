/** V8's CPU profiles (`--cpu-prof`, the inspector's `Profiler`) as stacks. */
import { addTime, frameName, scriptFrame } from './stacks.js';

/** The parts of a `.cpuprofile` that are read. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
  /** µs of the clock that `process.hrtime` reads. */
  readonly startTime: number;
}

/** A stretch of time, in µs of the clock that `process.hrtime` reads; all processes of a machine share it. */
export interface Stretch {
  readonly start_us: number;
  readonly end_us: number;
}

/** V8's name for a thread that waits, and its root. */
const IDLE = '(idle)';
const ROOT = '(root)';

/** Names that V8 puts in brackets, in words. */
const WORDS: Readonly<Record<string, string>> = {
  '(program)': 'native code',
  '(garbage collector)': 'garbage collector',
};

/** The frames above each node, itself included: null for a thread that waits. */
function stacksOfNodes({ nodes }: CpuProfile): Map<number, string | null> {
  const parents = new Map<number, number>();
  for (const { id, children } of nodes) for (const child of children ?? []) parents.set(child, id);
  const stacks = new Map<number, string | null>();
  // A node stands behind its parent.
  for (const { id, callFrame } of nodes) {
    const { functionName, url, lineNumber } = callFrame;
    const above = stacks.get(parents.get(id) ?? -1) ?? '';
    const isRoot = functionName === ROOT && url === '';
    const name =
      url === '' ? frameName(WORDS[functionName] ?? functionName) : scriptFrame(functionName, url, lineNumber + 1);
    const own = above === '' ? name : `${above};${name}`;
    stacks.set(id, isRoot ? '' : functionName === IDLE && url === '' ? null : own);
  }
  return stacks;
}

/** The stacks of one thread, without the time that it waited. @param stretches only what happened within them counts; null: all of it */
export function stacksOfProfile(profile: CpuProfile, stretches: readonly Stretch[] | null = null): Map<string, number> {
  const names = stacksOfNodes(profile);
  const stacks = new Map<string, number>();
  let at_us = profile.startTime;
  for (const [index, id] of (profile.samples ?? []).entries()) {
    const delta_us = profile.timeDeltas?.[index] ?? 0;
    at_us += delta_us;
    if (stretches !== null && !stretches.some(({ start_us, end_us }) => at_us >= start_us && at_us <= end_us)) continue;
    const stack = names.get(id);
    if (typeof stack === 'string' && stack !== '' && delta_us > 0) addTime(stacks, stack, delta_us);
  }
  return stacks;
}
