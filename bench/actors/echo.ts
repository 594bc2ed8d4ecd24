/** An actor that answers with what it is asked. */
import { type ActorRef, defineActor } from 'sanswitch';

/** A question. */
export interface Call {
  readonly value: number;
  readonly replyTo: ActorRef<number>;
}

export default defineActor<Call, undefined>({
  message: { value: 'f64', replyTo: 'ref' },
  create:
    () =>
    ({ value, replyTo }) => {
      replyTo.tell(value);
    },
});
