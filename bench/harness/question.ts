/** What a file of this folder that answers a question exports. */
import type { Contest, Observer } from './contest.js';

/** One question: one or more contests, and what the answer must reach. */
export interface Question {
  readonly name: string;
  /** For `--help` and the table's title. */
  readonly title: string;
  /** What the judged variants must reach, in words; nothing where none is judged. */
  readonly target?: string;
  /** How long to measure unless the caller says, in seconds; 15 where nothing is said. */
  readonly duration_s?: number;
  readonly contests: readonly Contest[];
  /** How the question is answered if not by contests, of which it then has none. */
  readonly own?: OwnAnswer;
}

/** What every line of an answer has, whatever was measured. */
export interface AnyLine {
  readonly question: string;
  readonly variant: string;
  readonly judged: boolean;
  readonly ratio: number;
  readonly baseline: { readonly name: string };
}

/** Measures something else than pairs of processes. */
export interface OwnAnswer {
  /** The lines, the worst of those that are judged last. @throws BenchFailure */
  run(total_ms: number, observer: Observer): Promise<{ readonly lines: readonly AnyLine[]; readonly table: string }>;
}
