/** What does a lock, a permit or a hand-off between threads cost, compared with how else one would do it? */
import { type Observer, significant, worstLast } from './harness/contest.js';
import type { AnyLine, Question } from './harness/question.js';
import { type Maker, medianOf, type Subject, SyncThreads, type ThreadFigures } from './harness/sync-threads.js';
import { rateText, ratioText, table, targetNote } from './report/text.js';

const SUBJECTS: readonly Subject[] = ['mutex', 'semaphore', 'condition'];
const THREADS = [1, 2] as const;
const MAKERS: readonly Maker[] = ['ours', 'naive', 'multithreading'];
const BASELINES = { naive: 'naive Atomics.wait', multithreading: 'multithreading' } as const;

/** Many short slots: whatever else the machine does then hits all makers alike. */
const ROUNDS = 15;
const WARMUP_SHARE = 0.25;

/** One of ours against one of the baselines. */
interface SyncLine extends AnyLine, ThreadFigures {
  readonly rounds: number;
  readonly baseline: ThreadFigures & { readonly name: string };
}

/** One subject with one number of threads: the makers take turns, each is judged by its median. */
async function contest(pool: SyncThreads, subject: Subject, threads: number, total_ms: number): Promise<SyncLine[]> {
  const slot_ms = total_ms / MAKERS.length / ROUNDS;
  const warmup_ms = slot_ms * WARMUP_SHARE;
  const slot = { warmup_ms, duration_ms: slot_ms - warmup_ms };
  const measured = MAKERS.map((): ThreadFigures[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, maker] of MAKERS.entries()) measured[i]?.push(await pool.measure(subject, maker, threads, slot));
  }
  const [ours, ...others] = measured.map(medianOf) as [ThreadFigures, ThreadFigures, ThreadFigures];
  return Object.values(BASELINES).map((name, i): SyncLine => {
    const baseline = { name, ...(others[i] as ThreadFigures) };
    const variant = `${subject}, ${threads === 1 ? '1 thread' : `${threads} threads`}`;
    const ratio = significant(ours.ops_per_s / baseline.ops_per_s);
    return { question: 'sync', variant, judged: true, ...ours, rounds: ROUNDS, baseline, ratio };
  });
}

async function measure(total_ms: number, { tell }: Observer): Promise<SyncLine[]> {
  const pool = new SyncThreads();
  const lines: SyncLine[] = [];
  try {
    for (const subject of SUBJECTS) {
      for (const threads of THREADS) {
        tell(`${subject}, threads: ${threads}`);
        lines.push(...(await contest(pool, subject, threads, total_ms / SUBJECTS.length / THREADS.length)));
      }
    }
  } finally {
    await pool.close();
  }
  return worstLast(lines);
}

function tableOf(lines: readonly SyncLine[]): string {
  const cells = ({ ops_per_s, cpu_percent }: ThreadFigures) => [rateText(ops_per_s), `${cpu_percent.toFixed(0)} %`];
  const rows = [['variant', 'ours', 'CPU', 'baseline', '', 'CPU', 'ratio']];
  for (const line of lines) {
    const [theirs = '', theirCpu = ''] = cells(line.baseline);
    rows.push([line.variant, ...cells(line), line.baseline.name, theirs, theirCpu, ratioText(line.ratio)]);
  }
  return `\n${sync.title}\n${table(rows)}${targetNote(sync)}`;
}

/** The question `sync`. */
export const sync: Question = {
  name: 'sync',
  title: 'Mutex, Semaphore and Condition (a turn handed over), by one thread alone and by two',
  target: 'no slower than Atomics.wait used naively, nor than the package multithreading',
  contests: [],
  own: {
    async run(total_ms, observer) {
      const lines = await measure(total_ms, observer);
      return { lines, table: tableOf(lines) };
    },
  },
};
