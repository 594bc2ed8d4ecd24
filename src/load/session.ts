/** A whole order: its runs, one after the other, and the report of them. */
import { fingerprint } from './fingerprint.js';
import type { Fleet } from './fleet.js';
import { measure, type RunObserver, type ServerClock, StoppedError } from './measure.js';
import type { LoadOrder } from './options.js';
import type { RunPlan } from './plan.js';
import { type HostFingerprint, type LoadReport, type LoadRun, REPORT_SCHEMA, REPORT_VERSION } from './report.js';
import { searchRate } from './search.js';
import { holds } from './slo.js';

/** Who wants to know how it goes. */
export interface SessionObserver extends RunObserver {
  /** A run is over. @param of how many there are to be; null: it is not known yet */
  ran(run: LoadRun, of: number | null): void;
}

/** See the top of this file. */
export class Session {
  private readonly order: LoadOrder;
  private readonly fleet: Fleet;
  private readonly observer: SessionObserver;
  private readonly server: ServerClock | null;
  private readonly runs: LoadRun[] = [];
  private isStopped = false;
  private failure: Error | null = null;
  /** Of a search: the highest rate that held the limit so far. */
  private highest: number | null = null;

  constructor(order: LoadOrder, fleet: Fleet, observer: SessionObserver, server: ServerClock | null) {
    this.order = order;
    this.fleet = fleet;
    this.observer = observer;
    this.server = server;
  }

  /** Ends soon: the present run with what it has, and no other follows. */
  stop(): void {
    this.isStopped = true;
    this.fleet.stop();
  }

  /** Whether it looks for a rate, and goes beyond it. */
  get isSearch(): boolean {
    return this.order.isSearch;
  }

  /** What ended it before its time, if it was no wish. */
  get error(): Error | null {
    return this.failure;
  }

  /** Runs everything. @returns null: nothing was measured, `error` says why */
  async run(hosts: readonly HostFingerprint[]): Promise<LoadReport | null> {
    const started_at = new Date().toISOString();
    try {
      if (this.order.isSearch) await this.search();
      else for (const plan of this.order.plans) if (!this.isStopped) await this.one(plan);
    } catch (error) {
      if (!(error instanceof StoppedError)) this.failure = error as Error;
    }
    if (this.runs.length === 0) return null;
    const { settings, slo } = this.order;
    return {
      schema: REPORT_SCHEMA,
      version: REPORT_VERSION,
      started_at,
      settings,
      hosts: hosts.length > 0 ? hosts : [await fingerprint()],
      runs: this.runs,
      slo:
        slo === null
          ? null
          : {
              text: slo.text,
              is_met: this.order.isSearch ? this.highest !== null : this.runs.every((run) => holds(slo, run)),
              highest_rate_per_s: this.highest,
            },
      is_partial: this.isStopped || this.failure !== null,
    };
  }

  private async one(plan: RunPlan): Promise<LoadRun> {
    const { run, lost } = await measure(this.fleet, plan, this.observer, this.server, () => this.isStopped);
    this.runs.push(run);
    this.observer.ran(run, this.order.isSearch ? null : this.order.plans.length);
    // Its report is of a part of it, and where nobody serves no other run has to be tried.
    if (lost !== null) throw new Error(lost);
    return run;
  }

  private async search(): Promise<void> {
    const { slo } = this.order;
    const plan = this.order.plans[0] as RunPlan;
    await searchRate({
      run: (rate_per_s) =>
        this.one({
          ...plan,
          rate_per_s,
          name: rate_per_s === null ? plan.name : `${plan.name.split(',')[0]}, ${rate_per_s}/s`,
        }),
      holds: (run) => {
        const isHeld = slo !== null && holds(slo, run);
        if (isHeld) this.highest = Math.max(this.highest ?? 0, run.rate_per_s ?? 0);
        return isHeld;
      },
      isOver: () => this.isStopped,
    });
  }
}
