/** Writes a report into files. */
import { writeFile } from 'node:fs/promises';
import type { LoadReport } from '../report.js';
import { percentilesCsv, seriesCsv } from './csv.js';
import { hgrmFiles, type TextFile } from './hgrm.js';
import { reportJson } from './json.js';
import { reportPage } from './page/report-page.js';

/** Where a report is wanted, names of files; what is left out is not written. */
export interface ReportFiles {
  readonly json?: string;
  /** HdrHistogram's percentile output; the name of the first of several files, see `hgrmFiles`. */
  readonly hgrm?: string;
  /** One line for each second. */
  readonly csv?: string;
  /** One line for each percentile. */
  readonly percentilesCsv?: string;
  /** The page. */
  readonly html?: string;
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'the quota is used up',
  EFBIG: 'the file would be too large',
  EISDIR: 'it is a folder',
  ENOENT: 'there is no such folder',
  ENOSPC: 'no space left on the device',
  ENOTDIR: 'a part of its path is no folder',
  EROFS: 'the file system is read-only',
};

/** Writes each file. @returns a line for each that could not be written, with the reason; the others are written all the same */
export async function writeFiles(files: readonly TextFile[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { file, text } of files) {
    try {
      await writeFile(file, text);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const reason = REASONS[code ?? ''];
      problems.push(`can't write ${file}: ${reason === undefined ? message : `${reason} (${code})`}`);
    }
  }
  return problems;
}

/** Writes a report into all files that are wanted. @returns as `writeFiles` */
export function writeReport(report: LoadReport, wanted: ReportFiles): Promise<string[]> {
  const { json, hgrm, csv, percentilesCsv: percentiles, html } = wanted;
  return writeFiles([
    ...(json === undefined ? [] : [{ file: json, text: reportJson(report) }]),
    ...(hgrm === undefined ? [] : hgrmFiles(report, hgrm)),
    ...(csv === undefined ? [] : [{ file: csv, text: seriesCsv(report) }]),
    ...(percentiles === undefined ? [] : [{ file: percentiles, text: percentilesCsv(report) }]),
    ...(html === undefined ? [] : [{ file: html, text: reportPage(report) }]),
  ]);
}
