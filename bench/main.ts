/** `npm run -s bench -- QUESTION`: measures one question and says how much better than the baseline we are. */
import { Progress, runCommand } from './harness/command.js';
import { type Line, run, worstLast } from './harness/contest.js';
import { durationOf, parseCommandLine } from './harness/options.js';
import { HOST_VARIABLE, patient } from './harness/place.js';
import type { AnyLine, Question } from './harness/question.js';
import { QUESTIONS, questionOf } from './questions.js';
import { lineTable, targetNote } from './report/text.js';

const DURATION = { least_s: 1, most_s: 35 };
const DEFAULT_DURATION_S = 15;
/** Counted from here; what `npm` needs to come so far comes on top. */
const LIMIT_S = 43;

const HELP = `Usage: npm run -s bench -- QUESTION [--json] [--duration SECONDS] [--host ADDRESS]

Questions:
${QUESTIONS.map((question) => `  ${question.name.padEnd(13)} ${question.title}\n${targetNote(question).replace(/^ +/, ' '.repeat(16))}`).join('')}
Options:
  --json              lines of JSON on standard output, one per variant, the worst of those that count last
  --duration SECONDS  time spent measuring, ${DURATION.least_s} to ${DURATION.most_s} (default ${DEFAULT_DURATION_S}, or what the question needs), divided among all variants
  --host ADDRESS      for the questions rdma-*: an address that an RDMA device serves
  --help              this text
`;

interface Answer {
  readonly lines: readonly AnyLine[];
  readonly table: string;
}

async function answer(question: Question, total_ms: number, progress: Progress): Promise<Answer> {
  const observer = { tell: (what: string) => progress.tell(`${question.name}  ${what}`) };
  if (question.own !== undefined) return question.own.run(total_ms, observer);
  const measured: Line[] = [];
  for (const contest of question.contests) {
    measured.push(...(await run(contest, total_ms / question.contests.length, observer)));
  }
  const lines = worstLast(measured);
  return { lines, table: lineTable(question, lines) };
}

async function main(): Promise<void> {
  const { values, positionals } = parseCommandLine({
    options: {
      json: { type: 'boolean', default: false },
      duration: { type: 'string' },
      host: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
    allowPositionals: true,
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const question = questionOf(positionals);
  if (values.host !== undefined) process.env[HOST_VARIABLE] = values.host;
  const usual_s = question.duration_s ?? DEFAULT_DURATION_S;
  const total_ms = durationOf(values.duration ?? String(usual_s), DURATION) * 1000;
  const progress = new Progress(false);
  const { lines, table } = await answer(question, total_ms, progress);
  progress.clear();
  if (values.json) for (const line of lines) process.stdout.write(`${JSON.stringify(line)}\n`);
  else process.stdout.write(table);
}

await runCommand('bench', patient(LIMIT_S), main);
