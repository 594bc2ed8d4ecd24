/**
 * `npm run bench:all` and `npm run bench:check`: every question, the history of its answers, and whether the last ones are worse than
 * those before.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Progress, runCommand } from './harness/command.js';
import { BenchFailure } from './harness/failure.js';
import { durationOf, parseCommandLine, usage } from './harness/options.js';
import { median } from './harness/percentiles.js';
import { patient } from './harness/place.js';
import type { Question } from './harness/question.js';
import { type Comparison, compare } from './history/compare.js';
import { measure } from './history/measure.js';
import { append, factsOfRun, type HistoryRecord, isSameHost, readHistory } from './history/record.js';
import { QUESTIONS, questionOf } from './questions.js';
import { historyPage } from './report/history-page.js';
import { ratioText, table } from './report/text.js';

const DURATION = { least_s: 1, most_s: 35 };
const TIMES_MOST = 25;
const DEFAULT_TIMES = '3';
/** Every question, three times and a little more. */
const LIMIT_S = 4 * 3_600;

const HELP = `Usage: npm run bench:all -- [OPTION...]
       npm run bench:check -- [OPTION...]

bench:all asks every question of the benchmark several times, appends what came of each to history.jsonl, and draws the page of the
history. bench:check does the same, and compares with the last run on this host: exit code 1 if a ratio has fallen by more than
repetitions scatter, or a question is not answered any more.

Options:
  --only LIST         these questions, with commas between them
  --times N           how often each is asked, 1 to ${TIMES_MOST} (default ${DEFAULT_TIMES}); without repetitions nothing is known of noise
  --duration SECONDS  of each time, ${DURATION.least_s} to ${DURATION.most_s} (default: what the question needs); runs of unlike ones are not compared
  --out DIRECTORY     where history.jsonl and history.html are (default bench/results)
  --help              this text
`;

function questionsOf(only: string | undefined): readonly Question[] {
  return only === undefined ? QUESTIONS : only.split(',').map((name) => questionOf([name.trim()]));
}

function timesOf(text: string): number {
  const times = Number(text);
  if (Number.isInteger(times) && times >= 1 && times <= TIMES_MOST) return times;
  throw usage(`--times wants a number from 1 to ${TIMES_MOST}, not '${text}'`);
}

function answersText(records: readonly HistoryRecord[], comparisons: readonly Comparison[]): string {
  const rows = [['question', 'variant : baseline', 'ratio', 'least', 'most', 'before', 'noise', '']];
  for (const { question, variants, failure } of records) {
    if (failure !== null) rows.push([question, `not answered: ${failure}`, '', '', '', '', '', '']);
    for (const { variant, ratios, unusable } of variants) {
      const now = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map(ratioText);
      const comparison = comparisons.find((one) => one.question === question && one.variant === variant);
      const before = comparison === undefined ? '' : ratioText(comparison.before);
      const noise = comparison?.noise == null ? '' : `${(100 * comparison.noise).toFixed(1)} %`;
      const name = unusable === 0 ? variant : `${variant} (${unusable} times nothing)`;
      rows.push([question, name, ...now, before, noise, comparison?.outcome ?? '']);
    }
  }
  return table(rows, 2);
}

/** @throws BenchFailure: something is worse */
function judge(records: readonly HistoryRecord[], comparisons: readonly Comparison[]): void {
  const worse = comparisons.filter(({ outcome }) => outcome === 'worse');
  const unknown = comparisons.filter(({ outcome }) => outcome === 'unknown');
  if (unknown.length > 0)
    process.stdout.write(
      `\n${unknown.length} not judged: nothing was repeated yet, so its noise is not known (--times).\n`,
    );
  if (comparisons.length === 0)
    process.stdout.write('\nNothing to compare with: no run of these questions on this host is in the history yet.\n');
  if (worse.length > 0) {
    const what = worse.map(({ question, variant, before, after, noise }) => {
      const now = after === null ? 'not answered any more' : `now ${ratioText(after)}`;
      return `${question}, ${variant}: ${ratioText(before)} before, ${now}${noise === null ? '' : ` (noise ${(100 * noise).toFixed(1)} %)`}`;
    });
    throw new BenchFailure(`worse than before: ${what.join('; ')}`);
  }
  if (records.every(({ failure }) => failure !== null)) throw new BenchFailure('no question was answered');
}

async function main(): Promise<void> {
  const { values, positionals } = parseCommandLine({
    options: {
      check: { type: 'boolean', default: false },
      only: { type: 'string' },
      times: { type: 'string', default: DEFAULT_TIMES },
      duration: { type: 'string' },
      out: { type: 'string', default: 'bench/results' },
      help: { type: 'boolean', short: 'h', default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  if (positionals.length > 0) throw usage(`unexpected argument '${positionals[0]}'`);
  const questions = questionsOf(values.only);
  const duration_s = values.duration === undefined ? null : durationOf(values.duration, DURATION);
  const asking = { duration_s, times: timesOf(values.times) };
  const out = resolve(values.out);
  await mkdir(out, { recursive: true });
  const file = join(out, 'history.jsonl');
  const facts = factsOfRun();
  const earlier = readHistory(file).filter((record) => isSameHost(record, facts));
  const records: HistoryRecord[] = [];
  const progress = new Progress(true);
  await measure(questions, asking, facts, progress, (record) => {
    append(file, record);
    records.push(record);
  });
  progress.clear();
  const comparisons = records.flatMap((record) => compare(record, earlier));
  const page = join(out, 'history.html');
  await writeFile(page, historyPage([...earlier, ...records], comparisons));
  process.stdout.write(answersText(records, comparisons));
  process.stdout.write(`\nHistory: ${file}\nPage:    ${pathToFileURL(page).href}\n`);
  if (values.check) judge(records, comparisons);
  else if (records.every(({ failure }) => failure !== null)) throw new BenchFailure('no question was answered');
}

await runCommand('bench', patient(LIMIT_S), main);
