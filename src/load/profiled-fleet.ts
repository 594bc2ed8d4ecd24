/** A generator that is profiled, all its threads, while it is measured: not while it connects and warms up. */
import { extname } from 'node:path';
import { type FinishedProfile, type RunningProfile, startProfile } from '../flame/profile.js';
import type { Fleet, FleetNote, LocalFleet, SecondListener } from './fleet.js';
import type { RunPlan } from './plan.js';

/** Who wants to know what came of it. */
export interface ProfileListener {
  written(profile: FinishedProfile): void;
  /** There is none, and the run goes on. */
  failed(error: Error): void;
}

/** See the top of this file. */
export class ProfiledFleet implements Fleet {
  private readonly fleet: LocalFleet;
  private readonly out: string;
  private readonly listener: ProfileListener;
  private plan: RunPlan | null = null;
  private runs = 0;

  /** @param fleet belongs to this one from now on @param out the page of the first run; those of others are numbered */
  constructor(fleet: LocalFleet, out: string, listener: ProfileListener) {
    this.fleet = fleet;
    this.out = out;
    this.listener = listener;
  }

  parts(plan: RunPlan): number {
    return this.fleet.parts(plan);
  }

  async connect(plan: RunPlan): Promise<void> {
    this.plan = plan;
    await this.fleet.connect(plan);
  }

  async run(told: SecondListener): Promise<FleetNote> {
    const { name, warmup_ms, duration_ms } = this.plan as RunPlan;
    this.runs += 1;
    let running: Promise<RunningProfile> | null = null;
    let written: Promise<void> | null = null;
    const begin = setTimeout(() => {
      running = startProfile({ out: this.file(), title: `sanswitch load: ${name}`, runtime: this.fleet.runtime });
      running.catch((error: Error) => this.listener.failed(error));
    }, warmup_ms);
    const finish = (): Promise<void> => {
      written ??= this.finish(running);
      return written;
    };
    const end = setTimeout(() => void finish(), warmup_ms + duration_ms);
    try {
      return await this.fleet.run(told);
    } finally {
      clearTimeout(begin);
      clearTimeout(end);
      await finish();
    }
  }

  private async finish(running: Promise<RunningProfile> | null): Promise<void> {
    const profile = await running?.catch(() => null);
    if (profile == null) return;
    try {
      this.listener.written(await profile.stop());
    } catch (error) {
      this.listener.failed(error as Error);
    }
  }

  private file(): string {
    const { out, runs } = this;
    if (runs === 1) return out;
    const extension = extname(out);
    return `${out.slice(0, out.length - extension.length)}-${runs}${extension}`;
  }

  stop(): void {
    this.fleet.stop();
  }

  disconnect(): Promise<void> {
    return this.fleet.disconnect();
  }

  close(): Promise<void> {
    return this.fleet.close();
  }
}
