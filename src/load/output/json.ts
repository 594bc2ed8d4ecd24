/** A report as JSON. */
import type { LoadReport } from '../report.js';

/** The report as docs/load-report.md describes it, for people to read too; its last line ended. */
export function reportJson(report: LoadReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}
