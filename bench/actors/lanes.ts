/** A contest of lanes: a baseline and contenders, measured alternately and compared by medians. */
import { createRuntime, type Runtime } from 'sanswitch';
import { type Observer, significant, worstLast } from '../harness/contest.js';
import { median } from '../harness/percentiles.js';
import type { AnyLine } from '../harness/question.js';
import { type Lane, type LaneFigures, measureLane } from './lane.js';

/** One contender against the baseline. */
export interface LaneLine extends AnyLine, LaneFigures {
  readonly rounds: number;
  readonly baseline: LaneFigures & { readonly name: string };
}

/** What is measured. */
export interface LaneContest {
  readonly question: string;
  readonly baseline: () => Lane;
  /** The first one is judged, the others stand beside it. */
  readonly contenders: (runtime: Runtime) => Promise<Lane[]>;
  /** How many times better `ours` is. */
  readonly ratio: (ours: LaneFigures, baseline: LaneFigures) => number;
}

const ROUNDS = 5;
const WARMUP_SHARE = 0.25;

/** Runs it for `total_ms`. */
export async function runLanes(contest: LaneContest, total_ms: number, { tell }: Observer): Promise<LaneLine[]> {
  const runtime = await createRuntime({ workers: 2 });
  const lanes: Lane[] = [contest.baseline()];
  try {
    lanes.push(...(await contest.contenders(runtime)));
    const slot_ms = total_ms / lanes.length / ROUNDS;
    const slot = { warmup_ms: slot_ms * WARMUP_SHARE, duration_ms: slot_ms * (1 - WARMUP_SHARE) };
    const measured = lanes.map((): LaneFigures[] => []);
    for (let round = 1; round <= ROUNDS; round++) {
      for (const [i, lane] of lanes.entries()) {
        tell(`round ${round} of ${ROUNDS}: ${lane.name}`);
        measured[i]?.push(await measureLane(lane, slot));
      }
    }
    const [theirs, ...ours] = measured.map(medianOf) as [LaneFigures, ...LaneFigures[]];
    const baseline = { name: lanes[0]?.name ?? '', ...theirs };
    return worstLast(
      ours.map((figures, i): LaneLine => {
        const variant = lanes[i + 1]?.name ?? '';
        const ratio = significant(contest.ratio(figures, theirs));
        return { question: contest.question, variant, judged: i === 0, ...figures, rounds: ROUNDS, baseline, ratio };
      }),
    );
  } finally {
    await Promise.all(lanes.map((lane) => lane.close()));
    await runtime.close();
  }
}

/** The median of each figure on its own. */
function medianOf(rounds: readonly LaneFigures[]): LaneFigures {
  const names = Object.keys(rounds[0] ?? {}) as (keyof LaneFigures)[];
  const entries = names.map((name) => [name, significant(median(rounds.map((round) => round[name] ?? 0)))]);
  return Object.fromEntries(entries) as LaneFigures;
}
