/** An actor that tells another as fast as that takes it. */
import { type ActorRef, defineActor } from 'sanswitch';
import { BURST, CONTROL, type Trade, tradeOf } from './control.js';

/** What it is made of. */
export interface SourceArgs {
  readonly target: ActorRef<Trade>;
  readonly control: Int32Array;
}

export default defineActor<'go', SourceArgs>(({ target, control }) => {
  let sequence = 0;
  return (_go, { self }) => {
    let isSent = true;
    for (let i = 0; i < BURST && isSent; i++) isSent = target.tell(tradeOf(sequence++)) === 'sent';
    if (control[CONTROL.over] !== 0) return;
    // Slow down: the next turn of the event loop finds room.
    if (isSent) self.tell('go');
    else setImmediate(() => self.tell('go'));
  };
});
