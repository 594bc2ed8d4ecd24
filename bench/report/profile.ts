/** V8's CPU profiles (`--cpu-prof`) as trees of time, and what each function spent by itself. */

/** The parts of a `.cpuprofile` that are read. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
  /** µs of the clock that `process.hrtime` reads. */
  readonly startTime: number;
}

/** A stretch of time, in µs of the clock that `process.hrtime` reads; all processes of a machine share it. */
export interface Stretch {
  readonly start_us: number;
  readonly end_us: number;
}

/** A function, in the place where it was called from. Times are µs. */
export interface Frame {
  readonly name: string;
  /** `file:line`, empty for what is not JavaScript. */
  readonly place: string;
  readonly self_us: number;
  /** With everything that it called. */
  readonly total_us: number;
  readonly children: readonly Frame[];
}

/** What one function spent by itself, wherever it was called from. */
export interface SelfTime {
  readonly name: string;
  readonly place: string;
  readonly self_us: number;
}

/** V8's name for a thread that waits. */
export const IDLE = '(idle)';

/** One thread's profile as a tree whose root is named `thread`. @param stretches only what happened within them counts */
export function frameTree(profile: CpuProfile, thread: string, stretches: readonly Stretch[]): Frame {
  const selfTimes_us = new Map<number, number>();
  let at_us = profile.startTime;
  for (const [index, id] of profile.samples.entries()) {
    const delta_us = profile.timeDeltas[index] ?? 0;
    at_us += delta_us;
    if (!stretches.some(({ start_us, end_us }) => at_us >= start_us && at_us <= end_us)) continue;
    selfTimes_us.set(id, (selfTimes_us.get(id) ?? 0) + Math.max(0, delta_us));
  }
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const build = (id: number, isRoot: boolean): Frame => {
    const node = nodes.get(id);
    const children = (node?.children ?? []).map((child) => build(child, false));
    children.sort((a, b) => b.total_us - a.total_us);
    const self_us = selfTimes_us.get(id) ?? 0;
    const total_us = children.reduce((sum, child) => sum + child.total_us, self_us);
    const frame = node?.callFrame;
    const name = isRoot ? thread : frame?.functionName || '(anonymous)';
    return {
      name,
      place: isRoot ? '' : placeOf(frame?.url ?? '', frame?.lineNumber ?? 0),
      self_us,
      total_us,
      children,
    };
  };
  return build(profile.nodes[0]?.id ?? 0, true);
}

/** The functions of a tree by the time that they spent themselves, the largest first. */
export function selfTimes(root: Frame): SelfTime[] {
  const sums = new Map<string, { name: string; place: string; self_us: number }>();
  const visit = (frame: Frame): void => {
    const key = `${frame.name} ${frame.place}`;
    const sum = sums.get(key) ?? { name: frame.name, place: frame.place, self_us: 0 };
    sum.self_us += frame.self_us;
    sums.set(key, sum);
    for (const child of frame.children) visit(child);
  };
  for (const child of root.children) visit(child);
  return [...sums.values()].filter(({ self_us }) => self_us > 0).sort((a, b) => b.self_us - a.self_us);
}

/** Drops what the thread waited, and frames too small to see. @param least_us smallest total that is kept */
export function prune(frame: Frame, least_us: number): Frame {
  const children = frame.children
    .filter((child) => child.name !== IDLE && child.total_us >= least_us)
    .map((child) => prune(child, least_us));
  const total_us = frame.total_us - frame.children.reduce((sum, c) => sum + (c.name === IDLE ? c.total_us : 0), 0);
  return { ...frame, total_us, children };
}

function placeOf(url: string, lineNumber: number): string {
  if (url === '') return '';
  const file = url
    .replace(/^file:\/\//, '')
    .split('/')
    .slice(-3)
    .join('/');
  return `${file}:${lineNumber + 1}`;
}
