import { describe, expect, it } from 'vitest';
import { type Line, medianFigures, plan, worstLast } from '../../bench/harness/contest.js';
import { median, Samples } from '../../bench/harness/percentiles.js';
import { sizeText, throughputText, timeText } from '../../bench/report/text.js';
import { runToEnd } from './command.js';

function line(variant: string, judged: boolean, ratio: number): Line {
  return { variant, judged, ratio } as Line;
}

describe('the order of lines', () => {
  it('puts the worst of those that are judged last', () => {
    const lines = [line('a', true, 3), line('side', false, 1), line('b', true, 2), line('c', true, 7)];
    expect(worstLast(lines).map(({ variant }) => variant)).toEqual(['side', 'c', 'a', 'b']);
  });
});

describe('statistics', () => {
  it('finds medians', () => {
    expect([median([3]), median([5, 1, 9]), median([4, 1, 2, 3])]).toEqual([3, 5, 2.5]);
    expect(() => median([])).toThrow(RangeError);
  });

  it('takes the median of each figure on its own', () => {
    const round = (p50_us: number, gb_per_s: number) => {
      return { provider: 'x', size: 64, p50_us, p99_us: 9, p999_us: 9, msgs_per_s: 1, gb_per_s, cpu_percent: 100 };
    };
    expect(medianFigures([round(1, 30), round(2, 10), round(3, 20)])).toMatchObject({ p50_us: 2, gb_per_s: 20 });
  });

  it('leaves times out where none were measured', () => {
    const round = { provider: 'x', size: 64, msgs_per_s: 1, gb_per_s: 2, cpu_percent: 100 };
    expect(medianFigures([round])).not.toHaveProperty('p50_us');
  });

  it('represents the whole phase with bounded memory', () => {
    const samples = new Samples(64);
    for (let i = 0; i < 100_000; i++) samples.record(i);
    const [low = 0, middle = 0, high = 0] = samples.at(0.1, 0.5, 0.9);
    for (const [value, wanted] of [
      [low, 10_000],
      [middle, 50_000],
      [high, 90_000],
    ] as const) {
      expect(Math.abs(value - wanted)).toBeLessThan(5_000);
    }
    samples.clear();
    expect(samples.at(0.5)).toEqual([0]);
  });

  it('measures at least three rounds, and the whole of the time that it is given', () => {
    for (const [total_ms, variants] of [
      [1_000, 4],
      [15_000, 3],
      [35_000, 4],
    ] as const) {
      const { rounds, slot } = plan(total_ms, variants);
      expect(rounds).toBeGreaterThanOrEqual(3);
      expect(rounds % 2).toBe(1);
      expect((slot.warmup_ms + slot.duration_ms) * rounds * variants).toBeCloseTo(total_ms);
    }
  });
});

describe('texts', () => {
  it('have the unit that reads best', () => {
    expect([sizeText(64), sizeText(16_384), sizeText(1_048_576)]).toEqual(['64 B', '16 KiB', '1 MiB']);
    expect([timeText(0.613), timeText(55.04), timeText(1234)]).toEqual(['0.61 µs', '55.0 µs', '1.23 ms']);
    expect([throughputText(0.0123), throughputText(12.34)]).toEqual(['12.3 MB/s', '12.3 GB/s']);
  });
});

describe('the command line', () => {
  it('lists the questions', async () => {
    const { exitCode, stdout } = await runToEnd('main', ['--help']);
    expect(exitCode).toBe(0);
    for (const question of [
      'rtt',
      'stream',
      'bulk',
      'tcp',
      'poller',
      'sync',
      'mail',
      'ask',
      'spawn',
      'actor-rtt',
      'echo',
      'echo-tcp',
      'stall',
      'accept',
    ])
      expect(stdout).toContain(`  ${question} `);
  });

  it.each([
    [
      [],
      /one question wanted: rtt, stream, bulk, tcp, cold, idle, many, churn, fair, poller, hostile, sync, mail, ask, spawn, actor-rtt, echo, echo-tcp, stall, accept/,
    ],
    [
      ['speed'],
      /unknown question 'speed', there are rtt, stream, bulk, tcp, cold, idle, many, churn, fair, poller, hostile, sync, mail, ask, spawn, actor-rtt, echo, echo-tcp, stall, accept/,
    ],
    [['rtt', 'bulk'], /one question wanted/],
    [['rtt', '--duration', '-3'], /--duration/],
    [['rtt', '--duration', '99'], /--duration wants seconds from 1 to 35, not '99'/],
    [['rtt', '--yaml'], /Unknown option '--yaml'/],
  ])('refuses %j', async (args, message) => {
    const { exitCode, stdout, stderr } = await runToEnd('main', args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});
