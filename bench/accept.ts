/** How many waiting TCP connections can one listener take a second, by itself and with workers? */
import { type Observer, significant, worstLast } from './harness/contest.js';
import { IntakeThreads } from './harness/intake-threads.js';
import { median } from './harness/percentiles.js';
import type { AnyLine, Question } from './harness/question.js';
import { rateText, ratioText, table } from './report/text.js';

const BASELINE = 'node:net';
const ROUNDS_LEAST = 3;
/** The first ones find code that nobody has compiled yet. */
const WARMUP_ROUNDS = 2;

type Way = readonly [name: string, round: (threads: IntakeThreads) => Promise<number>];

const WAYS: readonly Way[] = [
  [BASELINE, (threads) => threads.platform()],
  ['intake, accepted and entered only', (threads) => threads.accepting()],
  ['intake, opened by the same thread', (threads) => threads.opening()],
  ['intake, opened by 1 worker', (threads) => threads.sharing(1)],
  ['intake, opened by 2 workers', (threads) => threads.sharing(2)],
];

interface AcceptLine extends AnyLine {
  readonly accepts_per_s: number;
  readonly rounds: number;
  readonly baseline: { readonly name: string; readonly accepts_per_s: number };
}

async function measure(total_ms: number, { tell }: Observer): Promise<AcceptLine[]> {
  const threads = new IntakeThreads();
  const rates = WAYS.map((): number[] => []);
  let rounds = -WARMUP_ROUNDS;
  try {
    for (const end_ms = performance.now() + total_ms; rounds < ROUNDS_LEAST || performance.now() < end_ms; rounds++) {
      tell(rounds < 0 ? 'warming up' : `round ${rounds + 1}`);
      for (const [i, [, round]] of WAYS.entries()) {
        const rate = await round(threads);
        if (rounds >= 0) rates[i]?.push(rate);
      }
    }
  } finally {
    await threads.close();
  }
  const [theirs, ...ours] = rates.map((each) => significant(median(each)));
  const baseline = { name: BASELINE, accepts_per_s: theirs as number };
  return worstLast(
    ours.map((accepts_per_s, i): AcceptLine => {
      const variant = (WAYS[i + 1] as Way)[0];
      const ratio = significant(accepts_per_s / baseline.accepts_per_s);
      return { question: 'accept', variant, judged: false, accepts_per_s, rounds, baseline, ratio };
    }),
  );
}

function tableOf(lines: readonly AcceptLine[]): string {
  const rows = [['variant', 'accepts', BASELINE, 'ratio']];
  for (const { variant, accepts_per_s, baseline, ratio } of lines) {
    rows.push([variant, rateText(accepts_per_s), rateText(baseline.accepts_per_s), ratioText(ratio)]);
  }
  return `\n${accept.title}\n${table(rows)}`;
}

/** The question `accept`. */
export const accept: Question = {
  name: 'accept',
  title: 'TCP connections that wait in the queue of one listener, accepted and opened',
  contests: [],
  own: {
    async run(total_ms, observer) {
      const lines = await measure(total_ms, observer);
      return { lines, table: tableOf(lines) };
    },
  },
};
