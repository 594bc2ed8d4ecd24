/** The actor that is a worker's part of a run. Its module, which the workers load. */
import { defineActor } from '../actor/define.js';
import type { ActorRef } from '../actor/types.js';
import { codeOf } from './clients/client.js';
import { Connector } from './connector.js';
import { Crew, type CrewNote } from './crew.js';
import type { RunPlan } from './plan.js';
import type { SecondNote } from './recorder.js';

/** So many seconds are told together if nobody looks on: whoever hears of one takes a processor from what is measured. */
const KEPT_SECONDS = 60;

/** What a generator is told. */
export type GeneratorOrder =
  | { readonly order: 'connect'; readonly plan: RunPlan }
  | { readonly order: 'run' }
  | { readonly order: 'stop' }
  | { readonly order: 'close' };

/** What it tells. */
export type GeneratorWord =
  | { readonly worker: number; readonly word: 'connected' }
  | { readonly worker: number; readonly word: 'second'; readonly note: SecondNote }
  | { readonly worker: number; readonly word: 'done'; readonly note: CrewNote }
  | { readonly worker: number; readonly word: 'closed' }
  /** It could not connect. */
  | { readonly worker: number; readonly word: 'failed'; readonly code: string; readonly message: string };

/** What it is made of. */
export interface GeneratorArgs {
  readonly worker: number;
  readonly conductor: ActorRef<GeneratorWord>;
}

export default defineActor<GeneratorOrder, GeneratorArgs>(({ worker, conductor }) => {
  let connector: Connector | null = null;
  let crew: Crew | null = null;
  /** Seconds that have not been told. */
  let kept: SecondNote[] = [];

  async function close(): Promise<void> {
    crew?.close();
    await connector?.close();
    crew = null;
    connector = null;
  }

  function tellKept(): void {
    for (const note of kept.splice(0)) conductor.tell({ worker, word: 'second', note });
  }

  async function run(crew: Crew): Promise<void> {
    const note = await crew.run();
    tellKept();
    conductor.tell({ worker, word: 'done', note });
  }

  async function connect(plan: RunPlan): Promise<void> {
    try {
      connector = await Connector.create(plan);
      kept = [];
      crew = new Crew(plan, connector, (note) => {
        kept.push(note);
        if (plan.isWatched || kept.length === KEPT_SECONDS) tellKept();
      });
      await crew.connect();
      conductor.tell({ worker, word: 'connected' });
    } catch (error) {
      await close();
      conductor.tell({ worker, word: 'failed', code: codeOf(error), message: (error as Error).message });
    }
  }

  return {
    receive(message) {
      if (message.order === 'connect') void connect(message.plan);
      else if (message.order === 'stop') crew?.stop();
      else if (message.order === 'close') void close().then(() => conductor.tell({ worker, word: 'closed' }));
      else if (crew !== null) void run(crew);
    },
    stopping: close,
  };
});
