/** Those who make the load: workers of this process, or whole processes elsewhere. */
import { defineActor } from '../actor/define.js';
import { createRuntime } from '../actor/runtime/create.js';
import type { Runtime } from '../actor/runtime/runtime.js';
import type { ActorRef } from '../actor/types.js';
import type { CrewNote } from './crew.js';
import type { GeneratorArgs, GeneratorOrder, GeneratorWord } from './generator.js';
import { type RunPlan, share } from './plan.js';
import type { SecondNote } from './recorder.js';
import { Span } from './span.js';

/** Why the target can't be put under load. */
export class ConnectFailure extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** What came of a run. */
export interface FleetNote {
  /** Of each worker, in their order; null: it has ended before its time, and what it did is not known. */
  readonly notes: readonly (CrewNote | null)[];
  /** Why some are null; null: none is. */
  readonly lost: string | null;
  /** Processor time of the generators in the measured time, give or take a few milliseconds; µs. */
  readonly cpu_us: number;
}

/** Is told of a second of a worker: its place among the `parts` of the run. */
export type SecondListener = (note: SecondNote, worker: number) => void;

/** Generators that work as one. One run at a time: `connect`, `run`, `disconnect`. */
export interface Fleet {
  /** Among how many workers a run is divided. */
  parts(plan: RunPlan): number;
  /** Opens all connections of a run. @throws ConnectFailure */
  connect(plan: RunPlan): Promise<void>;
  /** Runs. When a worker ends before its time the others are stopped. @throws Error: nobody is left who could tell of it */
  run(told: SecondListener): Promise<FleetNote>;
  /** Ends the measured time of the run now. */
  stop(): void;
  /** Closes all connections of the run. */
  disconnect(): Promise<void>;
  /** Ends the generators. */
  close(): Promise<void>;
}

/** The processor time of this process. */
async function ownTime_us(): Promise<number> {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Whose end the conductor is to hear of. */
interface Introduction {
  readonly watch: ActorRef<never>;
}

type Of<W extends GeneratorWord['word']> = Extract<GeneratorWord, { word: W }>;

/** The workers of this process, each an actor host with a generator of its own. */
export class LocalFleet implements Fleet {
  /** Of its workers. */
  readonly runtime: Runtime;
  private generators: ActorRef<GeneratorOrder>[] = [];
  /** Those that take part in the present run. */
  private busy: ActorRef<GeneratorOrder>[] = [];
  private plan: RunPlan | null = null;
  private heard: (word: GeneratorWord) => void = () => {};
  /** A worker has ended, or (null) all are to. */
  private ended: (worker: number | null) => void = () => {};
  /** Why no other run can be had. */
  private failure: Error | null = null;

  private constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  /** Starts so many workers. @throws what createRuntime does */
  static async start(workers: number): Promise<LocalFleet> {
    const fleet = new LocalFleet(await createRuntime({ workers }));
    await fleet.hire(workers);
    return fleet;
  }

  private async hire(workers: number): Promise<void> {
    const conductor = await this.runtime.spawn(
      defineActor<GeneratorWord | Introduction>(() => ({
        receive: (message, context) => {
          if ('watch' in message) context.watch(message.watch);
          else this.heard(message);
        },
        terminated: (address, reason) => {
          this.failure ??= new Error(`a worker has ended: ${reason}`);
          this.ended(this.generators.findIndex((generator) => generator.address.equals(address)));
        },
      })),
    );
    const module = new URL('./generator.js', import.meta.url);
    for (let worker = 0; worker < workers; worker++) {
      const args: GeneratorArgs = { worker, conductor };
      const generator = await this.runtime.spawn<typeof import('./generator.js').default>(module, args, { worker });
      conductor.tell({ watch: generator });
      this.generators.push(generator);
    }
  }

  parts({ connections }: RunPlan): number {
    return Math.min(connections, this.generators.length);
  }

  async connect(plan: RunPlan): Promise<void> {
    this.plan = plan;
    const shares = share(plan, this.generators.length);
    this.busy = this.generators.slice(0, shares.length);
    const words = await this.gather<'connected' | 'failed'>(['connected', 'failed'], (generator, index) => {
      generator.tell({ order: 'connect', plan: shares[index] as RunPlan });
    });
    const failed = words.find((word) => word.word === 'failed');
    if (failed?.word !== 'failed') return;
    await this.disconnect();
    throw new ConnectFailure(failed.code, failed.message);
  }

  async run(told: SecondListener): Promise<FleetNote> {
    const { plan } = this;
    if (plan === null || this.busy.length === 0) throw new Error('nothing is connected that could be run');
    const { warmup_ms, duration_ms } = plan;
    const clock = new Span(ownTime_us, warmup_ms, warmup_ms + duration_ms);
    const notes: (CrewNote | null)[] = this.busy.map(() => null);
    await new Promise<void>((resolve, reject) => {
      const left = new Set(notes.keys());
      const settle = (worker: number): void => {
        if (left.delete(worker) && left.size === 0) resolve();
      };
      this.ended = (worker) => {
        if (worker === null) return reject(this.failure);
        settle(worker);
        this.stop();
      };
      this.heard = (word) => {
        if (word.word === 'second') told(word.note, word.worker);
        else if (word.word === 'done') {
          notes[word.worker] = word.note;
          settle(word.worker);
        }
      };
      if (this.failure !== null) return reject(this.failure);
      for (const generator of this.busy) generator.tell({ order: 'run' });
    });
    const cpu_us = (await clock.end()) ?? 0;
    const isWhole = notes.every((note) => note !== null);
    if (!isWhole && notes.every((note) => note === null)) throw this.failure;
    return { notes, lost: isWhole ? null : (this.failure?.message ?? null), cpu_us };
  }

  stop(): void {
    for (const generator of this.busy) generator.tell({ order: 'stop' });
  }

  async disconnect(): Promise<void> {
    // What is left of a fleet that has lost a worker is closed with it.
    if (this.failure === null)
      await this.gather<'closed'>(['closed'], (generator) => generator.tell({ order: 'close' }));
    this.busy = [];
  }

  async close(): Promise<void> {
    this.failure ??= new Error('the generators are closed');
    this.ended(null);
    await this.runtime.close();
  }

  /** Orders something of all that take part, and waits for one of these words from each. @throws if one of them ends */
  private gather<W extends GeneratorWord['word']>(
    wanted: readonly W[],
    order: (generator: ActorRef<GeneratorOrder>, index: number) => void,
  ): Promise<Of<W>[]> {
    const words: Of<W>[] = [];
    return new Promise((resolve, reject) => {
      if (this.failure !== null) return reject(this.failure);
      if (this.busy.length === 0) return resolve(words);
      this.ended = () => reject(this.failure);
      this.heard = (word) => {
        if (!(wanted as readonly string[]).includes(word.word)) return;
        words.push(word as Of<W>);
        if (words.length === this.busy.length) resolve(words);
      };
      for (const [index, generator] of this.busy.entries()) order(generator, index);
    });
  }
}
