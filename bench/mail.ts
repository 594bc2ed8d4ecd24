/** How many messages does an actor tell another, compared with a MessagePort between the same threads? */
import { mailLane, portLane } from './actors/lane.js';
import { type LaneLine, runLanes } from './actors/lanes.js';
import type { Observer } from './harness/contest.js';
import type { Question } from './harness/question.js';
import { rateText, ratioText, table, targetNote } from './report/text.js';

function measure(total_ms: number, observer: Observer): Promise<LaneLine[]> {
  return runLanes(
    {
      question: 'mail',
      baseline: () => portLane('source', 'sink'),
      contenders: async (runtime) => [
        await mailLane(runtime, 'declared fields', 'sink', 0, 1),
        await mailLane(runtime, 'any object', 'sink-any', 0, 1),
        await mailLane(runtime, 'same worker', 'sink-any', 1, 1),
      ],
      ratio: (ours, baseline) => ours.msgs_per_s / baseline.msgs_per_s,
    },
    total_ms,
    observer,
  );
}

function tableOf(lines: readonly LaneLine[]): string {
  const rows = [['variant', 'ours', 'CPU', 'MessagePort', 'CPU', 'ratio']];
  const percent = (value: number) => `${value.toFixed(0)} %`;
  for (const { variant, msgs_per_s, cpu_percent, baseline, ratio } of lines) {
    const theirs = [rateText(baseline.msgs_per_s), percent(baseline.cpu_percent)];
    rows.push([variant, rateText(msgs_per_s), percent(cpu_percent), ...theirs, ratioText(ratio)]);
  }
  return `\n${mail.title}\n${table(rows)}${targetNote(mail)}`;
}

/** The question `mail`. */
export const mail: Question = {
  name: 'mail',
  title: 'Messages between actors on two workers, one way, of three fields',
  target: '8x the messages of a MessagePort with declared fields; any object no slower; 5 M/s on the same worker',
  contests: [],
  own: {
    async run(total_ms, observer) {
      const lines = await measure(total_ms, observer);
      return { lines, table: tableOf(lines) };
    },
  },
};
