/** One screen on a terminal, drawn again in the same place: how far a run is, what it does, and how it has done so far. */
import { grouped, rateText, timeText } from './output/units.js';
import type { RunPlan } from './plan.js';
import type { Second } from './report.js';

/** A terminal, or anything else that takes text. */
export interface Screen {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
  write(text: string): unknown;
}

const USUAL_COLUMNS = 80;
const USUAL_ROWS = 24;
const BAR_CELLS = 40;
const LEVELS = '▁▂▃▄▅▆▇█';
/** Seconds that the lines of little bars show. */
const TRAIL_SECONDS = 60;
const CELL_COLUMNS = 12;
const TITLE_COLUMNS = 14;

/** The bytes that a terminal obeys: what a target calls itself must not move the cursor. */
const CONTROLS = /\p{Cc}/gu;

/** What has come of the seconds of the present run. */
interface Trail {
  readonly rates: number[];
  readonly p99s_us: number[];
}

/** Little bars, the greatest value as high as can be. */
export function barsOf(values: readonly number[]): string {
  const most = Math.max(...values, Number.MIN_VALUE);
  return values
    .map((value) => LEVELS[Math.min(LEVELS.length - 1, Math.floor((value / most) * LEVELS.length))])
    .join('');
}

/** See the top of this file. */
export class LiveView {
  private readonly screen: Screen;
  /** That it takes at this moment, above the cursor. */
  private lines = 0;
  private trail: Trail = { rates: [], p99s_us: [] };

  constructor(screen: Screen) {
    this.screen = screen;
  }

  /** A run connects, or warms up. */
  phase(what: 'connecting' | 'running', plan: RunPlan): void {
    this.trail = { rates: [], p99s_us: [] };
    const doing = what === 'connecting' ? `connecting ${plan.connections}` : `warming up, ${plan.warmup_ms / 1_000} s`;
    this.draw([titleOf(plan), doing]);
  }

  /** A second is over. @param soFar all of them as one */
  second(second: Second, soFar: Second, plan: RunPlan): void {
    const { rates, p99s_us } = this.trail;
    rates.push(rateOf(second));
    p99s_us.push(second.p99_us);
    const total_s = plan.duration_ms / 1_000;
    const cells = Math.round(Math.min(1, soFar.length_s / total_s) * BAR_CELLS);
    const hasLatencies = plan.protocol !== 'stream';
    const lines = [
      titleOf(plan),
      `[${'#'.repeat(cells)}${'.'.repeat(BAR_CELLS - cells)}] ${soFar.length_s.toFixed(0)} of ${total_s} s`,
      row('', ['rate', ...(hasLatencies ? ['p50', 'p99', 'max'] : []), 'requests', 'failed']),
      row('this second', figuresOf(second, hasLatencies)),
      row('so far', figuresOf(soFar, hasLatencies)),
      `${'rate'.padEnd(TITLE_COLUMNS)}${barsOf(rates.slice(-TRAIL_SECONDS))}`,
    ];
    if (hasLatencies) lines.push(`${'p99'.padEnd(TITLE_COLUMNS)}${barsOf(p99s_us.slice(-TRAIL_SECONDS))}`);
    this.draw(lines);
  }

  /** Writes a line that stays, above whatever follows. */
  keep(text: string): void {
    this.clear();
    this.screen.write(`${text}\n`);
  }

  /** Takes itself away. */
  clear(): void {
    if (this.lines > 0) this.screen.write(`\x1b[${this.lines}F\x1b[J`);
    this.lines = 0;
  }

  private draw(lines: readonly string[]): void {
    const { columns = USUAL_COLUMNS, rows = USUAL_ROWS } = this.screen;
    // The cursor stands below the last: a line more would scroll.
    const visible = lines
      .slice(0, Math.max(1, rows - 1))
      .map((line) => line.replace(CONTROLS, '').slice(0, columns - 1));
    const home = this.lines > 0 ? `\x1b[${this.lines}F` : '';
    this.screen.write(`${home}${visible.map((line) => `\x1b[2K${line}\n`).join('')}\x1b[J`);
    this.lines = visible.length;
  }
}

function titleOf({ name, target, connections, inFlight }: RunPlan): string {
  return `${name}: ${target.url}, ${connections} × ${inFlight} in flight`;
}

function rateOf({ completed, length_s }: Second): number {
  return length_s > 0 ? completed / length_s : 0;
}

function figuresOf(second: Second, hasLatencies: boolean): string[] {
  const { p50_us, p99_us, max_us, completed, failed } = second;
  const latencies = hasLatencies ? [p50_us, p99_us, max_us].map(timeText) : [];
  return [rateText(rateOf(second)), ...latencies, grouped(completed), grouped(failed)];
}

function row(title: string, cells: readonly string[]): string {
  return `${title.padEnd(TITLE_COLUMNS)}${cells.map((cell) => cell.padStart(CELL_COLUMNS)).join('')}`;
}
