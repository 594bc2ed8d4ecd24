/** How long does an answer take from an actor on another worker, compared with a MessagePort between the same threads? */
import { askLane, portLane } from './actors/lane.js';
import { type LaneLine, runLanes } from './actors/lanes.js';
import type { Observer } from './harness/contest.js';
import type { Question } from './harness/question.js';
import { ratioText, table, targetNote, timeText } from './report/text.js';

function measure(total_ms: number, observer: Observer): Promise<LaneLine[]> {
  return runLanes(
    {
      question: 'ask',
      baseline: () => portLane('asker', 'echo'),
      contenders: async (runtime) => [await askLane(runtime, 'ask')],
      ratio: (ours, baseline) => (baseline.p50_us ?? 0) / (ours.p50_us ?? 1),
    },
    total_ms,
    observer,
  );
}

function tableOf(lines: readonly LaneLine[]): string {
  const rows = [['variant', 'p50', 'p99', 'MessagePort p50', 'p99', 'ratio']];
  for (const { variant, p50_us, p99_us, baseline, ratio } of lines) {
    const times = [p50_us, p99_us, baseline.p50_us, baseline.p99_us].map(timeText);
    rows.push([variant, ...times, ratioText(ratio)]);
  }
  return `\n${ask.title}\n${table(rows)}${targetNote(ask)}`;
}

/** The question `ask`. */
export const ask: Question = {
  name: 'ask',
  title: 'Round trip of an ask between actors on two workers, one after the other',
  target: '20x faster (p50) than a MessagePort',
  contests: [],
  own: {
    async run(total_ms, observer) {
      const lines = await measure(total_ms, observer);
      return { lines, table: tableOf(lines) };
    },
  },
};
