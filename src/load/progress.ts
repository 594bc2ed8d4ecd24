/** How a load goes, while it does: one screen that is drawn again and again on a terminal, a line for each second elsewhere. */
import { LiveView, type Screen } from './live-view.js';
import { timeText } from './output/units.js';
import type { RunPlan } from './plan.js';
import type { LoadRun, Second } from './report.js';
import type { SessionObserver } from './session.js';

/** See the top of this file. */
export class Progress implements SessionObserver {
  private readonly screen: Screen | null;
  private readonly view: LiveView | null;
  private done = 0;

  /** @param screen null: nothing is told */
  constructor(screen: Screen | null) {
    this.screen = screen;
    this.view = screen?.isTTY === true ? new LiveView(screen) : null;
  }

  get isWatching(): boolean {
    return this.screen !== null;
  }

  phase(what: 'connecting' | 'running', plan: RunPlan): void {
    if (this.view !== null) this.view.phase(what, plan);
    else if (what === 'connecting') {
      this.screen?.write(`${plan.name}: connecting ${plan.connections} to ${plan.target.url}\n`);
    }
  }

  second(second: Second, soFar: Second, plan: RunPlan): void {
    if (this.view !== null) return this.view.second(second, soFar, plan);
    const { completed, failed, p50_us, p99_us, length_s } = second;
    const rate = length_s > 0 ? Math.round(completed / length_s) : 0;
    const latencies = plan.protocol === 'stream' ? '' : `  p50 ${timeText(p50_us)}  p99 ${timeText(p99_us)}`;
    const failures = failed > 0 ? `  ${failed} failed` : '';
    this.screen?.write(`  ${soFar.length_s.toFixed(0).padStart(4)} s  ${rate}/s${latencies}${failures}\n`);
  }

  ran(run: LoadRun, of: number | null): void {
    this.done += 1;
    this.view?.clear();
    if (of === 1) return;
    const text = `run ${this.done}${of === null ? '' : ` of ${of}`}: ${run.name}: ${Math.round(run.completed_per_s)}/s`;
    if (this.view === null) this.screen?.write(`${text}\n`);
    else this.view.keep(text);
  }

  /** Nothing more is told. */
  end(): void {
    this.view?.clear();
  }
}
