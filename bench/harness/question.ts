/** What a file of this folder that answers a question exports. */
import type { Contest } from './contest.js';

/** One question: one or more contests, and what the answer must reach. */
export interface Question {
  readonly name: string;
  /** For `--help` and the table's title. */
  readonly title: string;
  /** What the judged variants must reach, in words. */
  readonly target: string;
  /** How long to measure unless the caller says, in seconds; 15 where nothing is said. */
  readonly duration_s?: number;
  readonly contests: readonly Contest[];
}
