/** What is told of a load while it goes. */
import { describe, expect, it } from 'vitest';
import { barsOf } from '#src/load/live-view.js';
import { Progress } from '#src/load/progress.js';
import type { LoadRun, Second } from '#src/load/report.js';
import { planOf } from './plans.js';

/** Stands for the byte, which regular expressions had better not have. */
const ESCAPE = '␛';

/** As much of a terminal as is needed: what it shows, and how often a line was lost above its top. */
class Terminal {
  readonly isTTY = true;
  readonly columns: number;
  readonly rows: number;
  lines = [''];
  scrolled = 0;
  private row = 0;

  constructor(columns = 100, rows = 24) {
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): void {
    for (const [piece] of text.replaceAll('\x1b', ESCAPE).matchAll(/␛\[\d*[A-Z]|\n|[^␛\n]+/g)) this.take(piece);
  }

  private take(piece: string): void {
    const up = /^␛\[(\d+)F$/.exec(piece);
    if (up !== null) {
      expect(Number(up[1])).toBeLessThanOrEqual(this.row);
      this.row -= Number(up[1]);
    } else if (piece === '␛[2K') this.lines[this.row] = '';
    else if (piece === '␛[J') this.lines = [...this.lines.slice(0, this.row), ''];
    else if (piece === '\n') {
      this.row += 1;
      this.lines[this.row] ??= '';
      if (this.row < this.rows) return;
      this.lines.shift();
      this.row -= 1;
      this.scrolled += 1;
    } else {
      expect(piece).not.toContain(ESCAPE);
      expect(piece.length).toBeLessThan(this.columns);
      this.lines[this.row] += piece;
    }
  }
}

function secondOf(at_s: number, completed: number, over: Partial<Second> = {}): Second {
  return { at_s, length_s: 1, started: completed, completed, failed: 0, p50_us: 5, p99_us: 50, max_us: 900, ...over };
}

const RUN = { name: '64 B', completed_per_s: 1_234.4 } as LoadRun;

describe('on a terminal', () => {
  it('one screen tells how far it is, the rate, and p50 and p99 of the last second and so far', () => {
    const terminal = new Terminal();
    const progress = new Progress(terminal);
    const plan = planOf({ name: '64 B', duration_ms: 10_000 });
    progress.phase('connecting', plan);
    progress.phase('running', plan);
    progress.second(secondOf(0, 1_000), secondOf(0, 1_000), plan);
    progress.second(
      secondOf(1, 2_000, { p99_us: 2_500, failed: 3 }),
      secondOf(0, 3_000, { length_s: 2, p99_us: 1_700 }),
      plan,
    );
    expect(terminal.lines).toEqual([
      expect.stringContaining(plan.target.url),
      `[${'#'.repeat(8)}${'.'.repeat(32)}] 2 of 10 s`,
      expect.stringMatching(/^ +rate +p50 +p99 +max +requests +failed$/),
      expect.stringMatching(/^this second +2,000\/s +5.00 µs +2.50 ms +900 µs +2,000 +3$/),
      expect.stringMatching(/^so far +1,500\/s +5.00 µs +1.70 ms +900 µs +3,000 +0$/),
      expect.stringMatching(/^rate +▅█$/),
      expect.stringMatching(/^p99 +▁█$/),
      '',
    ]);
  });

  it('takes itself away, and leaves what is over above it', () => {
    const terminal = new Terminal();
    const progress = new Progress(terminal);
    const plan = planOf({ duration_ms: 2_000 });
    for (let run = 1; run <= 2; run++) {
      progress.phase('running', plan);
      for (let second = 0; second < 2; second++) {
        progress.second(secondOf(second, 10), secondOf(0, 20, { length_s: second + 1 }), plan);
      }
      progress.ran(RUN, 2);
    }
    progress.end();
    expect(terminal.lines).toEqual(['run 1 of 2: 64 B: 1234/s', 'run 2 of 2: 64 B: 1234/s', '']);
  });

  it.each([
    [30, 4],
    [10, 2],
  ])('fits into %i columns and %i rows', (columns, rows) => {
    const terminal = new Terminal(columns, rows);
    const progress = new Progress(terminal);
    const plan = planOf({ duration_ms: 100_000 });
    for (let second = 0; second < 100; second++) {
      progress.second(secondOf(second, second), secondOf(0, second, { length_s: second + 1 }), plan);
    }
    expect(terminal.scrolled).toBe(0);
    expect(terminal.lines.length).toBeLessThanOrEqual(rows);
  });

  it('tells no latencies of what has none, and obeys no name', () => {
    const terminal = new Terminal();
    const plan = planOf({ name: 'x\x1b[2J\ny', protocol: 'stream', duration_ms: 2_000 });
    new Progress(terminal).second(secondOf(0, 10), secondOf(0, 10), plan);
    expect(terminal.lines.join('\n')).not.toContain('p99');
    expect(terminal.lines[0]).toMatch(/^x\[2Jy: /);
  });
});

describe('elsewhere', () => {
  it('is a line for each second, without a byte that only a terminal understands', () => {
    const written: string[] = [];
    const progress = new Progress({ write: (text) => written.push(text) });
    const plan = planOf({ name: '64 B', duration_ms: 2_000 });
    progress.phase('connecting', plan);
    progress.phase('running', plan);
    progress.second(secondOf(0, 10), secondOf(0, 10), plan);
    progress.second(secondOf(1, 10, { failed: 2, length_s: 0.5 }), secondOf(0, 20, { length_s: 1.5 }), plan);
    progress.ran(RUN, 1);
    progress.ran(RUN, null);
    progress.end();
    expect(written).toEqual([
      `64 B: connecting ${plan.connections} to ${plan.target.url}\n`,
      '     1 s  10/s  p50 5.00 µs  p99 50.0 µs\n',
      '     2 s  20/s  p50 5.00 µs  p99 50.0 µs  2 failed\n',
      'run 2: 64 B: 1234/s\n',
    ]);
  });

  it('is nothing where nobody looks', () => {
    const progress = new Progress(null);
    progress.phase('connecting', planOf({}));
    expect(progress.isWatching).toBe(false);
  });
});

it('little bars are as high as their values', () => {
  expect(barsOf([0, 1, 2, 4, 8])).toBe('▁▂▃▅█');
  expect(barsOf([0, 0])).toBe('▁▁');
  expect(barsOf([])).toBe('');
});
