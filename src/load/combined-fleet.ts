/** Several generators as one: each has its share of the connections and of the rate, and none begins before all are connected. */
import type { CrewNote } from './crew.js';
import type { Fleet, FleetNote, SecondListener } from './fleet.js';
import { type RunPlan, share } from './plan.js';

/** See the top of this file. */
export class CombinedFleet implements Fleet {
  private readonly all: readonly Fleet[];
  /** Those that take part in the present run. */
  private busy: readonly Fleet[] = [];
  /** Among how many workers each of those divides its share. */
  private sizes: readonly number[] = [];

  /** @param all at least one; they belong to this one from now on */
  constructor(all: readonly Fleet[]) {
    this.all = all;
  }

  parts(plan: RunPlan): number {
    return share(plan, this.all.length).reduce((sum, part, index) => sum + (this.all[index] as Fleet).parts(part), 0);
  }

  async connect(plan: RunPlan): Promise<void> {
    const shares = share(plan, this.all.length);
    this.busy = this.all.slice(0, shares.length);
    this.sizes = this.busy.map((fleet, index) => fleet.parts(shares[index] as RunPlan));
    const connected = await Promise.allSettled(
      this.busy.map((fleet, index) => fleet.connect(shares[index] as RunPlan)),
    );
    const failed = connected.find(({ status }) => status === 'rejected');
    if (failed === undefined) return;
    this.busy = this.busy.filter((_, index) => connected[index]?.status === 'fulfilled');
    await this.disconnect();
    throw (failed as PromiseRejectedResult).reason;
  }

  async run(told: SecondListener): Promise<FleetNote> {
    const { sizes } = this;
    const failures: Error[] = [];
    const runs = await Promise.all(
      this.busy.map(async (fleet, index): Promise<FleetNote> => {
        const first = sizes.slice(0, index).reduce((sum, size) => sum + size, 0);
        try {
          const note = await fleet.run((second, worker) => told(second, first + worker));
          // It has lost a worker: no figures of the whole can be had any more.
          if (note.lost !== null) this.stop();
          return note;
        } catch (error) {
          failures.push(error as Error);
          this.stop();
          const notes = Array.from({ length: sizes[index] as number }, (): CrewNote | null => null);
          return { notes, lost: (error as Error).message, cpu_us: 0 };
        }
      }),
    );
    if (failures.length === runs.length) throw failures[0];
    return {
      notes: runs.flatMap(({ notes }) => notes),
      lost: runs.find(({ lost }) => lost !== null)?.lost ?? null,
      cpu_us: runs.reduce((sum, { cpu_us }) => sum + cpu_us, 0),
    };
  }

  stop(): void {
    for (const fleet of this.busy) fleet.stop();
  }

  async disconnect(): Promise<void> {
    const { busy } = this;
    this.busy = [];
    await Promise.all(busy.map((fleet) => fleet.disconnect()));
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map((fleet) => fleet.close()));
  }
}
