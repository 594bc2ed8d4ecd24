/** `npx sanswitch compare`. */
import { UnusableError } from '../load/unusable.js';
import { type Command, parseCommandLine, UsageError } from './command.js';

const HELP = `Usage: npx sanswitch compare A.json B.json [--threshold NAME=CHANGE]... [--html FILE] [--json] [--any-host]

Compares two reports of 'sanswitch load --json': B with A, which is the older or the better known one. Runs are compared with
those of the same name, corrected latencies where both have them.

Options:
  --threshold NAME=CHANGE  how far B may be from A; may be given several times. NAME: p50, p75, p90, p99, p99.9, p99.99,
                           p99.999, max, mean, throughput, errors (failed requests) or cpu (client and server, per request).
                           CHANGE: in percent of A, or in its unit: p99=+10%, p99=+50us, throughput=-5%, errors=+0
  --html FILE              a page with the plots of both over each other
  --json                   the comparison as JSON instead of a table
  --any-host               compare figures of different machines all the same
  --help                   this text

Exit codes: 0, every threshold is held, or none was given; 1, one is broken (also by a run that is not valid or that B has not), or
FILE can't be written; 2, the command line or a report can't be meant.
`;

const OPTIONS = {
  threshold: { type: 'string', multiple: true, default: [] as string[] },
  html: { type: 'string' },
  json: { type: 'boolean', default: false },
  'any-host': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseCommandLine({ args: [...args], allowPositionals: true, options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [fileA, fileB] = positionals;
  if (fileA === undefined || fileB === undefined || positionals.length > 2)
    throw new UsageError(`compare which two? A.json B.json; given were ${positionals.length}`);
  const { threshold: thresholds, html, json: isJson, 'any-host': isAnyHost } = values;
  // Histograms take their time to load, which the other commands need not wait for.
  const { compareFiles } = await import('../load/compare/compare-files.js');
  try {
    const { text, isHeld, problems } = await compareFiles({ fileA, fileB, thresholds, html, isJson, isAnyHost });
    process.stdout.write(text);
    for (const problem of problems) process.stderr.write(`sanswitch: ${problem}\n`);
    return isHeld && problems.length === 0 ? 0 : 1;
  } catch (error) {
    if (error instanceof UnusableError) throw new UsageError(error.message);
    throw error;
  }
}

/** The command. */
export const compareCommand: Command = {
  summary: 'two reports of load, with thresholds for CI',
  help: HELP,
  run,
};
