/** What each function of a thread took by itself, in text. */
import { type ThreadStacks, timeOf } from '#src/flame/stacks.js';
import { table } from './text.js';

const TOP_FUNCTIONS = 12;

/** By frame, the largest first, µs. */
function selfTimes(stacks: ReadonlyMap<string, number>): [frame: string, self_us: number][] {
  const sums = new Map<string, number>();
  for (const [stack, time_us] of stacks) {
    const frame = stack.slice(stack.lastIndexOf(';') + 1);
    sums.set(frame, (sums.get(frame) ?? 0) + time_us);
  }
  return [...sums].sort((a, b) => b[1] - a[1]);
}

/** What a thread spent per message, and in which functions. @param perMessage_ns processor time of the thread */
export function topFunctions({ name, stacks }: ThreadStacks, perMessage_ns: number): string {
  const total_us = timeOf(stacks);
  const rows = [['function', 'self', 'ns/message']];
  for (const [frame, self_us] of selfTimes(stacks).slice(0, TOP_FUNCTIONS)) {
    const share = self_us / total_us;
    rows.push([frame, `${(share * 100).toFixed(1)} %`, (share * perMessage_ns).toFixed(0)]);
  }
  return `\n${name}: ${perMessage_ns.toFixed(0)} ns of CPU per message\n${table(rows)}`;
}
