/** The history of the benchmark: one line of JSON per question and run, in a file that git does not keep. */
import { spawnSync } from 'node:child_process';
import { appendFileSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { BenchFailure } from '../harness/failure.js';
import { describeMachine, type Results } from '../report/results.js';

/** A variant's ratios, one of each time that the question was asked. Higher is better. */
export interface VariantRatios {
  readonly variant: string;
  readonly baseline: string;
  readonly judged: boolean;
  readonly ratios: readonly number[];
  /** Times that there was no ratio, for one side has done nothing in its time. */
  readonly unusable: number;
}

/** One line. */
export interface HistoryRecord {
  /** ISO 8601; all lines of one run have the same. */
  readonly run: string;
  /** Null: not a git checkout. */
  readonly commit: string | null;
  /** Whether anything differed from the commit. */
  readonly isDirty: boolean;
  readonly host: Results['machine'] & { readonly name: string };
  readonly question: string;
  /** Of each time that it was asked. Null: what the question takes by itself. */
  readonly duration_s: number | null;
  /** Empty if it could not be answered. */
  readonly variants: readonly VariantRatios[];
  /** Why it could not be answered; null: it was. */
  readonly failure: string | null;
}

/** What all lines of a run have in common. */
export type RunFacts = Pick<HistoryRecord, 'run' | 'commit' | 'isDirty' | 'host'>;

function git(...args: string[]): string | null {
  const { status, stdout } = spawnSync('git', args, { encoding: 'utf8' });
  return status === 0 ? stdout.trim() : null;
}

/** The facts of a run that begins now. */
export function factsOfRun(): RunFacts {
  return {
    run: new Date().toISOString(),
    commit: git('rev-parse', 'HEAD'),
    isDirty: (git('status', '--porcelain') ?? '') !== '',
    host: { name: hostname(), ...describeMachine() },
  };
}

/** Whether two runs were on one machine: another kernel or Node.js is a change like any other. */
export function isSameHost(a: RunFacts, b: RunFacts): boolean {
  return a.host.name === b.host.name && a.host.cpu === b.host.cpu && a.host.cores === b.host.cores;
}

/** Appends a line. */
export function append(file: string, record: HistoryRecord): void {
  appendFileSync(file, `${JSON.stringify(record)}\n`);
}

/** All lines, the oldest first; none if there is no file. @throws BenchFailure, which names the line that is none */
export function readHistory(file: string): HistoryRecord[] {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line, index) => {
    try {
      const record = JSON.parse(line) as Partial<HistoryRecord> | null;
      if (record?.run === undefined || record.host === undefined || !Array.isArray(record.variants))
        throw new Error('it is no answer to a question');
      return record as HistoryRecord;
    } catch (error) {
      throw new BenchFailure(`${file}, line ${index + 1}: ${(error as Error).message}`);
    }
  });
}
