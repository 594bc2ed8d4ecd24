/** An actor that spawns many. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type ActorRef, type Behaviour, defineActor } from 'sanswitch';

/** Spawns so many. */
export interface Brood {
  readonly count: number;
  readonly replyTo: ActorRef<BroodFigures>;
}

/** What that took. */
export interface BroodFigures {
  readonly elapsed_ms: number;
  /** Of the thread's heap that they are. */
  readonly bytes: number;
}

/** With a state of its own, as actors have. */
class Child implements Behaviour<number> {
  sum = 0;

  receive(value: number): void {
    this.sum += value;
  }
}

const child = defineActor<number, undefined>(() => new Child());

setFlagsFromString('--expose-gc');
const collect: () => void = runInNewContext('gc');

function heap(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

export default defineActor<Brood, undefined>(() => ({
  async receive({ count, replyTo }, context) {
    const before = heap();
    const begin_ms = performance.now();
    let last = context.spawn(child, undefined);
    for (let i = 1; i < count; i++) last = context.spawn(child, undefined);
    const elapsed_ms = performance.now() - begin_ms;
    if (last.tell(1) !== 'sent') throw new Error('the last one is not there');
    replyTo.tell({ elapsed_ms, bytes: heap() - before });
  },
}));
