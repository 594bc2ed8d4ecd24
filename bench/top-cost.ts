/** What does it cost a server when somebody looks on? */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { keepChild } from './harness/children.js';
import { SHM_COPIED, type Variant } from './harness/contest.js';
import { BenchFailure } from './harness/failure.js';
import type { Figures, Pair, Slot } from './harness/pair.js';
import type { Question } from './harness/question.js';

const SIZE = 64;
const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const INTERVAL_S = 1;

const UNOBSERVED: Variant = { ...SHM_COPIED, name: 'unobserved', judged: false };
const OBSERVED: Variant = { ...SHM_COPIED, name: 'top' };

/** Stopped while the others are measured: only the looks are to make the difference, not that a process starts. */
let observer: ChildProcess | null = null;

async function startObserver(pair: Pair): Promise<() => void> {
  const args = ['top', '--json', '--interval', String(INTERVAL_S)];
  const child = keepChild(spawn(process.execPath, [COMMAND, ...args], { stdio: ['ignore', 'pipe', 2] }));
  const [first] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
  if (!first.includes(`"pid":${pair.pids.server}`)) throw new BenchFailure('top does not see the server');
  child.stdout?.resume();
  child.kill('SIGSTOP');
  observer = child;
  return () => {
    child.kill('SIGKILL');
    observer = null;
  };
}

async function measure(pair: Pair, slot: Slot, { name }: Variant): Promise<Figures> {
  const isObserved = name === OBSERVED.name;
  if (isObserved) observer?.kill('SIGCONT');
  try {
    return await pair.oneWay(SIZE, slot);
  } finally {
    if (isObserved) observer?.kill('SIGSTOP');
  }
}

/** The question `top-cost`. */
export const topCost: Question = {
  name: 'top-cost',
  title: `${SIZE} B messages one way while sanswitch top looks at both processes each second`,
  target: 'at least 0.97 times the messages per second of the same pair unobserved',
  // Slots of more than a second, so that each has a look in it.
  duration_s: 32,
  contests: [
    {
      question: 'top-cost',
      baseline: UNOBSERVED,
      contenders: [OBSERVED],
      rounds: 11,
      samePair: { begin: startObserver },
      measure,
      ratio: (ours, baseline) => ours.msgs_per_s / baseline.msgs_per_s,
    },
  ],
};
