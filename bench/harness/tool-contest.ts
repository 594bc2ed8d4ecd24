/** Contests between our variants and the programs of `verbs-tools.ts`: measured alternately, compared by medians. */
import { lineTable } from '../report/text.js';
import { type Line, medianFigures, type Observer, plan, significant, type Variant, worstLast } from './contest.js';
import { type Figures, Pair, type Slot } from './pair.js';
import type { Question } from './question.js';

/** Each run of a program starts two processes and connects them: few rounds, or starting is all that is done. */
const ROUNDS = 5;

/** A program that ours are compared with. */
export interface Opponent {
  readonly name: string;
  /** Whether the ratio against it decides. */
  readonly judges: boolean;
  /** One run. What it does not tell (processor time, percentiles) is 0. */
  run(): Promise<Figures>;
  /** How many times better `ours` is. */
  ratio(ours: Figures, theirs: Figures): number;
}

/** What is measured, on whom. */
export interface ToolContest {
  readonly question: string;
  readonly contenders: readonly Variant[];
  readonly opponents: readonly Opponent[];
  /** Done once to each pair before any is measured. @param total_ms of measuring that follows, of all contenders */
  prepare?(pair: Pair, total_ms: number): Promise<void>;
  measure(pair: Pair, slot: Slot): Promise<Figures>;
}

/** Figures of a program that has told a rate, and perhaps a time. */
export function toolFigures(name: string, size: number, msgs_per_s: number, p50_us?: number, p99_us = 0): Figures {
  const times = p50_us === undefined ? {} : { p50_us, p99_us };
  return { provider: name, size, ...times, msgs_per_s, gb_per_s: (msgs_per_s * size) / 1e9, cpu_percent: 0 };
}

/** Runs a contest; `total_ms` is what the contenders have. @returns a line for each contender and opponent @throws BenchFailure */
export async function runAgainstTools(contest: ToolContest, total_ms: number, observer: Observer): Promise<Line[]> {
  const { question, contenders, opponents } = contest;
  const { slot } = plan(total_ms, contenders.length, ROUNDS);
  const ours = contenders.map((): Figures[] => []);
  const theirs = opponents.map((): Figures[] => []);
  const pairs: Pair[] = [];
  try {
    observer.tell('starting');
    for (const { name, spec, provider } of contenders) {
      const pair = await Pair.start(name, spec, provider);
      pairs.push(pair);
      if (contest.prepare === undefined) continue;
      observer.tell(`warming up: ${name}`);
      await contest.prepare(pair, total_ms);
    }
    for (let round = 1; round <= ROUNDS; round++) {
      for (const [i, pair] of pairs.entries()) {
        observer.tell(`round ${round} of ${ROUNDS}: ${pair.name}`);
        ours[i]?.push(await contest.measure(pair, slot));
      }
      for (const [i, opponent] of opponents.entries()) {
        observer.tell(`round ${round} of ${ROUNDS}: ${opponent.name}`);
        theirs[i]?.push(await opponent.run());
      }
    }
  } finally {
    for (const pair of pairs) await pair.close();
  }
  const baselines = theirs.map((figures, i) => ({ name: opponents[i]?.name ?? '', ...medianFigures(figures) }));
  const lines = opponents.flatMap((opponent, o) =>
    contenders.map(({ name: variant, judged }, c): Line => {
      const figures = medianFigures(ours[c] as Figures[]);
      const baseline = baselines[o] as Line['baseline'];
      const ratio = significant(opponent.ratio(figures, baseline));
      return { question, variant, judged: judged && opponent.judges, ...figures, rounds: ROUNDS, baseline, ratio };
    }),
  );
  return worstLast(lines);
}

/** A question that one such contest answers, with the table of all questions. */
export function toolQuestion(
  heading: Pick<Question, 'name' | 'title' | 'target'>,
  contest: Omit<ToolContest, 'question'>,
): Question {
  const question: Question = {
    ...heading,
    contests: [],
    own: {
      async run(total_ms, observer) {
        const lines = await runAgainstTools({ question: heading.name, ...contest }, total_ms, observer);
        return { lines, table: lineTable(question, lines) };
      },
    },
  };
  return question;
}
