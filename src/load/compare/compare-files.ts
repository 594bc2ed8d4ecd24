/** `sanswitch compare`, without its command line. */
import { readFileSync } from 'node:fs';
import { readReport } from '../output/read.js';
import { writeFiles } from '../output/write.js';
import { UnusableError } from '../unusable.js';
import { compareReports, type NamedReport } from './compare.js';
import { comparisonPage } from './page.js';
import { comparisonTable } from './table.js';
import { parseThreshold } from './threshold.js';

/** What is to be compared, and how. */
export interface CompareOptions {
  readonly fileA: string;
  readonly fileB: string;
  /** As they were given: `p99=+10%`. */
  readonly thresholds: readonly string[];
  /** Where the page is wanted. */
  readonly html: string | undefined;
  /** The text is to be JSON. */
  readonly isJson: boolean;
  readonly isAnyHost: boolean;
}

/** What came of it. */
export interface CompareOutcome {
  /** For standard output; its last line is ended. */
  readonly text: string;
  /** Every threshold is held. */
  readonly isHeld: boolean;
  /** A line for each file that could not be written. */
  readonly problems: readonly string[];
}

function readNamed(file: string): NamedReport {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UnusableError(`${file}: ${(error as Error).message}`);
  }
  return { file, report: readReport(text, file) };
}

/** @throws UnusableError, as `readReport`, `parseThreshold` and `compareReports` do */
export async function compareFiles(options: CompareOptions): Promise<CompareOutcome> {
  const { fileA, fileB, thresholds, html, isJson, isAnyHost } = options;
  const limits = thresholds.map(parseThreshold);
  const a = readNamed(fileA);
  const b = readNamed(fileB);
  const comparison = compareReports(a, b, limits, isAnyHost);
  const text = isJson ? `${JSON.stringify(comparison, null, 2)}\n` : comparisonTable(comparison, a, b);
  const page = html === undefined ? [] : [{ file: html, text: comparisonPage(comparison, a, b) }];
  return { text, isHeld: comparison.is_held, problems: await writeFiles(page) };
}
