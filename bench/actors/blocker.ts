/** An actor that blocks its worker again and again. */
import { defineActor } from 'sanswitch';
import type { Stretches } from '../harness/computing.js';

/** Begins or ends that. */
export type BlockerOrder = Stretches | null;

export default defineActor<BlockerOrder | 'now', undefined>((_, { timers }) => {
  let stretch_ms = 0;
  return (order) => {
    if (order === 'now') {
      const end_ms = performance.now() + stretch_ms;
      while (performance.now() < end_ms);
    } else if (order === null) {
      timers.cancelAll();
    } else {
      stretch_ms = order.stretch_ms;
      timers.every('block', order.every_ms, 'now');
    }
  };
});
