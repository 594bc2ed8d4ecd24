/** Two profiles beside each other: which functions take a larger share of the time, and which a smaller one. */
import type { ThreadStacks } from './stacks.js';
import { type Frame, treeOf } from './tree.js';

/** A frame that is in either of two profiles. Shares are of all time of the profile, 0 to 1. */
export interface DiffFrame {
  readonly name: string;
  /** With everything that it called. */
  readonly before: number;
  readonly after: number;
  /** By itself. */
  readonly selfBefore: number;
  readonly selfAfter: number;
  readonly children: readonly DiffFrame[];
}

/** A function, wherever it was called from on a thread. */
export interface Change {
  readonly thread: string;
  readonly name: string;
  /** Shares by itself, 0 to 1. */
  readonly before: number;
  readonly after: number;
}

function share(frame: Frame | undefined, kind: 'self_us' | 'total_us', all_us: number): number {
  return frame === undefined || all_us === 0 ? 0 : frame[kind] / all_us;
}

function merge(name: string, a: Frame | undefined, b: Frame | undefined, aAll_us: number, bAll_us: number): DiffFrame {
  const names = new Set([...(a?.children.keys() ?? []), ...(b?.children.keys() ?? [])]);
  const children = [...names].map((one) => merge(one, a?.children.get(one), b?.children.get(one), aAll_us, bAll_us));
  return {
    name,
    before: share(a, 'total_us', aAll_us),
    after: share(b, 'total_us', bAll_us),
    selfBefore: share(a, 'self_us', aAll_us),
    selfAfter: share(b, 'self_us', bAll_us),
    children: children.sort((x, y) => Math.max(y.before, y.after) - Math.max(x.before, x.after)),
  };
}

/** Both as one tree: the root is everything, below it are the threads. */
export function diffTree(before: readonly ThreadStacks[], after: readonly ThreadStacks[]): DiffFrame {
  const a = treeOf(before);
  const b = treeOf(after);
  return merge(a.name, a, b, a.total_us, b.total_us);
}

/** What each function takes by itself, the largest changes first. */
export function changesOf(tree: DiffFrame): Change[] {
  const changes = new Map<string, { thread: string; name: string; before: number; after: number }>();
  const visit = (frame: DiffFrame, thread: string): void => {
    const key = `${thread};${frame.name}`;
    const change = changes.get(key) ?? { thread, name: frame.name, before: 0, after: 0 };
    change.before += frame.selfBefore;
    change.after += frame.selfAfter;
    changes.set(key, change);
    for (const child of frame.children) visit(child, thread);
  };
  for (const thread of tree.children) for (const child of thread.children) visit(child, thread.name);
  const size = ({ before, after }: Change): number => Math.abs(after - before);
  return [...changes.values()].filter((change) => size(change) > 0).sort((a, b) => size(b) - size(a));
}
