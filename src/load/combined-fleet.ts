/** Several generators as one: each has its share of the connections and of the rate, and none begins before all are connected. */
import type { Fleet, FleetNote } from './fleet.js';
import { type RunPlan, share } from './plan.js';
import type { SecondNote } from './recorder.js';

/** See the top of this file. */
export class CombinedFleet implements Fleet {
  private readonly all: readonly Fleet[];
  /** Those that take part in the present run. */
  private busy: readonly Fleet[] = [];

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
    const connected = await Promise.allSettled(
      this.busy.map((fleet, index) => fleet.connect(shares[index] as RunPlan)),
    );
    const failed = connected.find(({ status }) => status === 'rejected');
    if (failed === undefined) return;
    this.busy = this.busy.filter((_, index) => connected[index]?.status === 'fulfilled');
    await this.disconnect();
    throw (failed as PromiseRejectedResult).reason;
  }

  /** @throws ConnectFailure if one is lost; the others are stopped then, and waited for */
  async run(told: (note: SecondNote) => void): Promise<FleetNote> {
    const failures: unknown[] = [];
    const runs: FleetNote[] = [];
    await Promise.all(
      this.busy.map(async (fleet) => {
        try {
          runs.push(await fleet.run(told));
        } catch (error) {
          failures.push(error);
          this.stop();
        }
      }),
    );
    if (failures.length > 0) throw failures[0];
    return {
      notes: runs.flatMap(({ notes }) => notes),
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
