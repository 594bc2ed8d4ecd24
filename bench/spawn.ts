/** What does an actor cost, compared with one of the package nact? */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { spawn as nactSpawn, start as nactStart, stop as nactStop } from 'nact';
import { createRuntime } from 'sanswitch';
import type Nursery from './actors/nursery.js';
import type { BroodFigures } from './actors/nursery.js';
import { type Observer, significant } from './harness/contest.js';
import { median } from './harness/percentiles.js';
import type { AnyLine, Question } from './harness/question.js';
import { digits, rateText, ratioText, table, targetNote } from './report/text.js';

const ACTORS = 100_000;
const WORKERS = 2;
/** Each in a fresh runtime. */
const ROUNDS = { least: 3, most: 9 };

interface SpawnFigures {
  readonly spawns_per_s: number;
  /** Of heap, per actor. */
  readonly bytes: number;
}

interface SpawnLine extends AnyLine, SpawnFigures {
  readonly actors: number;
  readonly rounds: number;
  readonly baseline: SpawnFigures & { readonly name: string };
}

/** Half of them on each of two workers; it is over when the slower one has its own. */
async function ours(): Promise<SpawnFigures> {
  const runtime = await createRuntime({ workers: WORKERS });
  try {
    const url = new URL('./actors/nursery.js', import.meta.url);
    const nurseries = await Promise.all(
      Array.from({ length: WORKERS }, (_, worker) => runtime.spawn<typeof Nursery>(url, undefined, { worker })),
    );
    const brood = (count: number) =>
      Promise.all(
        nurseries.map((one) => one.ask<BroodFigures>((replyTo) => ({ count, replyTo }), { timeoutMs: 30_000 })),
      );
    // So that the code that spawns is compiled.
    await brood(1_000);
    const figures = await brood(ACTORS / WORKERS);
    return {
      spawns_per_s: ACTORS / (Math.max(...figures.map(({ elapsed_ms }) => elapsed_ms)) / 1000),
      bytes: figures.reduce((sum, { bytes }) => sum + bytes, 0) / ACTORS,
    };
  } finally {
    await runtime.close();
  }
}

/** All of them on this thread, for nact has no others. */
function theirs(collect: () => void): SpawnFigures {
  const system = nactStart();
  collect();
  const before = process.memoryUsage().heapUsed;
  const begin_ms = performance.now();
  for (let i = 0; i < ACTORS; i++) nactSpawn(system, (sum = 0, value: number) => sum + value, `child-${i}`);
  const elapsed_ms = performance.now() - begin_ms;
  collect();
  const bytes = (process.memoryUsage().heapUsed - before) / ACTORS;
  nactStop(system);
  return { spawns_per_s: ACTORS / (elapsed_ms / 1000), bytes };
}

function medianOf(rounds: readonly SpawnFigures[]): SpawnFigures {
  return {
    spawns_per_s: significant(median(rounds.map(({ spawns_per_s }) => spawns_per_s))),
    bytes: significant(median(rounds.map(({ bytes }) => bytes))),
  };
}

async function measure(total_ms: number, { tell }: Observer): Promise<SpawnLine[]> {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const end_ms = performance.now() + total_ms;
  const [our, their]: [SpawnFigures[], SpawnFigures[]] = [[], []];
  while (our.length < ROUNDS.least || (our.length < ROUNDS.most && performance.now() < end_ms)) {
    tell(`round ${our.length + 1}: nact`);
    their.push(theirs(collect));
    tell(`round ${our.length + 1}: actors`);
    our.push(await ours());
  }
  const baseline = { name: 'nact', ...medianOf(their) };
  const figures = medianOf(our);
  const ratio = significant(figures.spawns_per_s / baseline.spawns_per_s);
  const variant = `${WORKERS} workers`;
  return [
    { question: 'spawn', variant, judged: true, actors: ACTORS, ...figures, rounds: our.length, baseline, ratio },
  ];
}

function tableOf(lines: readonly SpawnLine[]): string {
  const cells = ({ spawns_per_s, bytes }: SpawnFigures) => [rateText(spawns_per_s), `${digits(bytes)} B`];
  const rows = [['variant', 'ours', 'heap each', 'nact', 'heap each', 'ratio']];
  for (const line of lines) rows.push([line.variant, ...cells(line), ...cells(line.baseline), ratioText(line.ratio)]);
  return `\n${spawn.title}\n${table(rows)}${targetNote(spawn)}`;
}

/** The question `spawn`. */
export const spawn: Question = {
  name: 'spawn',
  title: `Spawning ${ACTORS / 1000},000 actors on two workers; nact on one thread`,
  target: '200,000 spawns/s, at most 1 KiB of heap each',
  contests: [],
  own: {
    async run(total_ms, observer) {
      const lines = await measure(total_ms, observer);
      return { lines, table: tableOf(lines) };
    },
  },
};
