/** How a load goes, while it does: one line that is written over on a terminal, a line for each second elsewhere. */
import { timeText } from './output/units.js';
import type { RunPlan } from './plan.js';
import type { LoadRun, Second } from './report.js';
import type { SessionObserver } from './session.js';

/** A terminal, or anything else that takes text. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const USUAL_COLUMNS = 80;
const BAR_CELLS = 20;

/** See the top of this file. */
export class Progress implements SessionObserver {
  private readonly screen: Screen | null;
  private done = 0;
  private isDirty = false;

  /** @param screen null: nothing is told */
  constructor(screen: Screen | null) {
    this.screen = screen;
  }

  get isWatching(): boolean {
    return this.screen !== null;
  }

  phase(what: 'connecting' | 'running', plan: RunPlan): void {
    const doing =
      what === 'connecting'
        ? `connecting ${plan.connections} to ${plan.target.url}`
        : `warming up, ${plan.warmup_ms / 1_000} s`;
    if (this.screen?.isTTY) this.show(`${plan.name}: ${doing}`);
    else if (what === 'connecting') this.screen?.write(`${plan.name}: ${doing}\n`);
  }

  second(second: Second, plan: RunPlan): void {
    const { completed, failed, p50_us, p99_us, at_s, length_s } = second;
    const total_s = plan.duration_ms / 1_000;
    const over_s = Math.min(total_s, at_s + length_s);
    const rate = length_s > 0 ? Math.round(completed / length_s) : 0;
    const latencies = plan.protocol === 'stream' ? '' : `  p50 ${timeText(p50_us)}  p99 ${timeText(p99_us)}`;
    const failures = failed > 0 ? `  ${failed} failed` : '';
    const text = `${rate}/s${latencies}${failures}`;
    if (!this.screen?.isTTY) {
      this.screen?.write(`  ${over_s.toFixed(0).padStart(4)} s  ${text}\n`);
      return;
    }
    const cells = Math.round((over_s / total_s) * BAR_CELLS);
    this.show(`${plan.name} [${'#'.repeat(cells)}${'.'.repeat(BAR_CELLS - cells)}] ${text}`);
  }

  ran(run: LoadRun, of: number | null): void {
    this.done += 1;
    this.clear();
    const which = of === 1 ? '' : of === null ? `run ${this.done}: ` : `run ${this.done} of ${of}: `;
    if (of !== 1) this.screen?.write(`${which}${run.name}: ${Math.round(run.completed_per_s)}/s\n`);
  }

  /** Nothing more is told. */
  end(): void {
    this.clear();
  }

  private show(text: string): void {
    const { screen } = this;
    if (screen === null) return;
    screen.write(`\r\x1b[2K${text.slice(0, (screen.columns ?? USUAL_COLUMNS) - 1)}`);
    this.isDirty = true;
  }

  private clear(): void {
    if (this.isDirty) this.screen?.write('\r\x1b[2K');
    this.isDirty = false;
  }
}
