/** Asks questions one after the other, several times each, each time in processes of their own. */
import { fileURLToPath } from 'node:url';
import { captureHelper } from '../harness/children.js';
import type { Progress } from '../harness/command.js';
import type { AnyLine, Question } from '../harness/question.js';
import type { HistoryRecord, RunFacts, VariantRatios } from './record.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/** How often and how long. */
export interface Asking {
  /** Null: what each question takes by itself. */
  readonly duration_s: number | null;
  readonly times: number;
}

/** A question that can't be answered says why in one line; anything else was not expected, and stays readable. */
function failureOf(stderr: string, exitCode: number | null): string {
  return (
    stderr
      .trim()
      .replace(/\s+/g, ' ')
      .replace(/^bench: /, '') || `exit code ${exitCode}`
  );
}

async function ask(question: Question, { duration_s }: Asking): Promise<AnyLine[] | string> {
  const duration = duration_s === null ? [] : ['--duration', `${duration_s}`];
  const { exitCode, stdout, stderr } = await captureHelper(MAIN, [question.name, '--json', ...duration]);
  if (exitCode !== 0) return failureOf(stderr, exitCode);
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as AnyLine);
}

function nameOf({ variant, baseline }: AnyLine): string {
  return `${variant} : ${baseline.name}`;
}

/** What is known of a question so far. */
class Answers {
  failure: string | null = null;
  private readonly variants = new Map<string, { -readonly [Key in keyof VariantRatios]: VariantRatios[Key] }>();

  add(lines: readonly AnyLine[]): void {
    for (const line of lines) {
      const { judged, ratio, baseline } = line;
      const variant = nameOf(line);
      const known = this.variants.get(variant) ?? { variant, baseline: baseline.name, judged, ratios: [], unusable: 0 };
      // JSON has no infinity.
      if (ratio > 0) known.ratios = [...known.ratios, ratio];
      else known.unusable++;
      this.variants.set(variant, known);
    }
  }

  /** Nothing if it failed once: what came before is no answer. */
  list(): VariantRatios[] {
    return this.failure === null ? [...this.variants.values()].filter(({ ratios }) => ratios.length > 0) : [];
  }
}

/**
 * Asks all questions, in turns, so that whatever else the machine does meanwhile hits the repetitions of all of them.
 * @param answered called with each question's record as soon as it is complete
 */
export async function measure(
  questions: readonly Question[],
  asking: Asking,
  facts: RunFacts,
  progress: Progress,
  answered: (record: HistoryRecord) => void,
): Promise<void> {
  const { duration_s, times } = asking;
  const found = questions.map((question) => ({ question, answers: new Answers() }));
  for (let time = 1; time <= times; time++) {
    for (const { question, answers } of found) {
      if (answers.failure === null) {
        progress.tell(`${question.name}, ${time} of ${times} times`);
        const lines = await ask(question, asking);
        if (typeof lines === 'string') answers.failure = lines;
        else answers.add(lines);
      }
      if (time < times) continue;
      answered({ ...facts, question: question.name, duration_s, variants: answers.list(), failure: answers.failure });
    }
  }
}
