/** Stacks as a tree of frames, as graphs are drawn from. */
import type { ThreadStacks } from './stacks.js';

/** A frame in the place where it was called from. Times are µs. */
export interface Frame {
  readonly name: string;
  self_us: number;
  /** With everything that it called. */
  total_us: number;
  readonly children: Map<string, Frame>;
}

function frame(name: string): Frame {
  return { name, self_us: 0, total_us: 0, children: new Map() };
}

/** One tree: its root is everything, and has one child, a tower, for each thread. */
export function treeOf(threads: readonly ThreadStacks[]): Frame {
  const root = frame('all threads');
  for (const { name, stacks } of threads) {
    for (const [stack, time_us] of stacks) {
      let at = root;
      at.total_us += time_us;
      for (const part of stack === '' ? [name] : [name, ...stack.split(';')]) {
        let next = at.children.get(part);
        if (next === undefined) {
          next = frame(part);
          at.children.set(part, next);
        }
        next.total_us += time_us;
        at = next;
      }
      at.self_us += time_us;
    }
  }
  return root;
}
