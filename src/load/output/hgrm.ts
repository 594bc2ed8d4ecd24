/** Percentiles as HdrHistogram prints them, which its plotters read. */
import { extname } from 'node:path';
import type { LoadReport } from '../report.js';
import { decodeHistogram, type LatencyKind } from './histogram.js';

/** A file that is to be written. */
export interface TextFile {
  readonly file: string;
  readonly text: string;
}

/** How often the distance to 100 % is halved for each of so many lines. */
const TICKS_PER_HALF_DISTANCE = 5;
const NS_PER_US = 1_000;

/** `FILE` with something before its extension. */
function withPart(file: string, part: string): string {
  const extension = extname(file);
  return `${file.slice(0, file.length - extension.length)}${part}${extension}`;
}

function slug(name: string): string {
  return name.replace(/[^\p{L}\p{N}]+/gu, '-').replace(/^-+|-+$/g, '');
}

/**
 * The percentile distributions of a report, in microseconds: one file for each histogram, for the format holds one.
 * @param file the name of the first run's main latency. Of an open loop the raw one is `NAME.raw.hgrm` beside it; further
 *   runs have their number and name in it: `NAME.2-64-B.hgrm`
 */
export function hgrmFiles(report: LoadReport, file: string): TextFile[] {
  return report.runs.flatMap((run, index) => {
    const own = index === 0 ? '' : `.${index + 1}-${slug(run.name)}`;
    const kinds: readonly LatencyKind[] = ['corrected', 'raw'];
    const present = kinds.filter((kind) => run[kind] !== null);
    return present.map((kind, i) => {
      const histogram = decodeHistogram(run[kind]?.hdr ?? '');
      const text = histogram.outputPercentileDistribution(TICKS_PER_HALF_DISTANCE, NS_PER_US);
      return { file: withPart(file, `${own}${i === 0 ? '' : '.raw'}`), text };
    });
  });
}
