/** An actor that asks another again and again, and times each answer. */
import { type ActorRef, defineActor } from 'sanswitch';
import { Samples } from '../harness/percentiles.js';
import { CONTROL } from './control.js';
import type { Call } from './echo.js';

/** Begins to ask; the times are told when it is over. */
export interface Go {
  readonly replyTo: ActorRef<readonly number[]>;
}

/** What it is made of. */
export interface AskerArgs {
  readonly target: ActorRef<Call>;
  readonly control: Int32Array;
}

export default defineActor<Go, AskerArgs>(({ target, control }) => {
  const samples = new Samples();
  return async ({ replyTo }) => {
    samples.clear();
    for (let value = 0; control[CONTROL.over] === 0; value++) {
      const begin_ms = performance.now();
      const answer = await target.ask<number>((caller) => ({ value, replyTo: caller }));
      if (answer !== value) throw new Error(`asked ${value}, answered ${answer}`);
      samples.record((performance.now() - begin_ms) * 1000);
      (control[CONTROL.done] as number)++;
    }
    replyTo.tell(samples.at(0.5, 0.99, 0.999));
  };
});
