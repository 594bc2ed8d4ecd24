import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Distribution } from '#src/load/output/histogram.js';
import { histogramPlot, percentilePlot } from '#src/load/output/page/latency-plots.js';
import type { Plot } from '#src/load/output/page/plot.js';
import { reportPage } from '#src/load/output/page/report-page.js';
import { ratePlot, timePlot } from '#src/load/output/page/series-plots.js';
import { LINE_COLORS, STYLE } from '#src/load/output/page/style.js';
import { sweepPlots } from '#src/load/output/page/sweep-plots.js';
import { HOST, latencyOf, loadReport, loadRun, sweep } from '../fixtures/load-reports.js';
import { runPage, scriptsOf } from './page-script.js';

const HOSTILE = `</script><script>alert(1)</script><img src=x onerror=alert(1)>"'&`;

function plotsOf(page: string): Plot[] {
  return JSON.parse(/<script type="application\/json" id="plots">(.*?)<\/script>/s.exec(page)?.[1] ?? '') as Plot[];
}

const ONE = loadReport([loadRun({ requests: 2_000, stall_ms: 50 }, { failed: 1 })]);
const SWEEP = loadReport(sweep([1_000, 20_000, 45_000, 60_000], 1));

describe('the page', () => {
  it('needs nothing but itself, and lets nothing else in', () => {
    for (const page of [reportPage(ONE), reportPage(SWEEP)]) {
      const markup = page.replace(/<(script|style)\b[^>]*>.*?<\/\1>/gs, '');
      expect(markup).not.toMatch(/\b(src|href|srcset|action|style|on\w+)=/);
      expect(page).not.toMatch(/@import|url\(|sourceMappingURL|\bimport\s*\(|\bfrom\s*['"]/);
      const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? '';
      const hashes = [...page.matchAll(/<(script|script type="module"|style)>(.*?)<\/(?:script|style)>/gs)].map(
        ([, , text]) =>
          `'sha256-${createHash('sha256')
            .update(text as string)
            .digest('base64')}'`,
      );
      expect(hashes.length).toBe(3);
      const [style, library, client] = hashes;
      expect(policy).toBe(
        `default-src 'none'; script-src ${library} ${client}; style-src ${style}; base-uri 'none'; form-action 'none'`,
      );
      // The library's licence wants to be where the library is.
      expect(page).toMatch(/The MIT License[\s\S]*Copyright \(c\) 20\d\d Leon Sorokin/);
    }
  });

  it('escapes whatever a report says', () => {
    const run = loadRun(
      { requests: 10, duration_s: 1 },
      {
        name: HOSTILE,
        is_valid: false,
        complaints: [HOSTILE],
        errors: { [HOSTILE]: 1 },
        served: [{ provider: HOSTILE, connections: 1, why: HOSTILE }],
      },
    );
    const { settings } = ONE;
    const report = loadReport([run, loadRun({ requests: 10 })], {
      settings: { ...settings, target: HOSTILE, protocol: HOSTILE, command: HOSTILE },
      hosts: [{ ...HOST, hostname: HOSTILE, cpu: HOSTILE, providers: [{ name: HOSTILE, state: HOSTILE }] }],
      slo: { text: HOSTILE, is_met: false, highest_rate_per_s: null },
    });
    const page = reportPage(report);
    expect(page.match(/<script\b/g)?.length).toBe(3);
    expect(page).not.toMatch(/<img|alert\(1\)<\/script>/);
    expect(page).toContain('&#60;img src=x onerror=alert(1)&#62;&#34;&#39;&#38;');
    expect(plotsOf(page).some(({ lines }) => lines.some(({ label }) => label === HOSTILE))).toBe(true);
  });

  it('has a place for every plot, and no other', () => {
    for (const report of [ONE, SWEEP]) {
      const page = reportPage(report);
      const places = [...page.matchAll(/data-plot="(\d+)"/g)].map(([, number]) => Number(number));
      expect(places.sort((a, b) => a - b)).toEqual(plotsOf(page).map((_, i) => i));
    }
    expect(plotsOf(reportPage(ONE)).map(({ title }) => title)).toEqual([
      'Latency by percentile',
      'How often which latency',
      'Requests over time',
      'Latency over time',
    ]);
    expect(plotsOf(reportPage(SWEEP)).length).toBe(3 + 4 * 4);
  });

  it('of a run without answers, or without anything, has no plots of them', () => {
    const silent = loadRun({ requests: 5, duration_s: 1 }, { corrected: null, raw: null });
    const quiet = {
      ...silent,
      series: silent.series.map((second) => ({ ...second, p50_us: 0, p99_us: 0, max_us: 0 })),
    };
    expect(plotsOf(reportPage(loadReport([quiet]))).map(({ title }) => title)).toEqual(['Requests over time']);
    const empty = reportPage(loadReport([loadRun({ requests: 0, duration_s: 1 }, { series: [] })]));
    expect(plotsOf(empty)).toEqual([]);
    expect(empty.replace(/<script\b.*?<\/script>/gs, '')).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('has as many colours for lines as it says, in light and in dark, as the script wants them', () => {
    const [light = '', dark = ''] = STYLE.split('@media (prefers-color-scheme: dark)');
    for (const colours of [light, dark]) {
      const found = [...colours.matchAll(/--c(\d): (#[0-9a-f]{6});/g)].map(([, number]) => Number(number));
      expect(found).toEqual(Array.from({ length: LINE_COLORS }, (_, i) => i));
      for (const name of ['--ink', '--soft', '--line', '--bad'])
        expect(colours).toMatch(new RegExp(`${name}: #[0-9a-f]{6};`));
    }
  });
});

describe('plots', () => {
  const distribution = (times_us: readonly number[]): Distribution =>
    new Distribution(latencyOf(times_us.map((us) => us * 1_000)).hdr);
  const line = (times_us: readonly number[]) =>
    ({ label: 'a', color: 0, style: 'solid', distribution: distribution(times_us) }) as const;

  it('of percentiles are right at every nine, and end where the samples do', () => {
    const times = Array.from({ length: 1_000 }, (_, i) => i + 1);
    const plot = percentilePlot([line(times), line([5, 6])]);
    const at = (x: number, i: number): number | null | undefined =>
      plot?.lines[i]?.ys[plot.xs.findIndex((each) => Math.abs(each - x) < 1e-9)];
    expect(at(1, 0)).toBeCloseTo(1, 1);
    expect(at(10, 0)).toBeCloseTo(900, -1);
    expect(at(100, 0)).toBeCloseTo(990, -1);
    expect((at(1_000, 0) as number) / 999).toBeCloseTo(1, 2);
    expect(at(2, 1)).toBeCloseTo(5, 1);
    expect(plot?.xs.at(-1)).toBe(1_000);
    for (const [i, x] of (plot?.xs ?? []).entries()) {
      const y = plot?.lines[1]?.ys[i];
      expect(y === null).toBe(x > 2);
    }
  });

  it('of a histogram lose no request', () => {
    for (const times of [[7], [7, 7, 7], [1, 1_000_000], Array.from({ length: 999 }, (_, i) => 20 + (i % 50))]) {
      const plot = histogramPlot([line(times), line([3, 4, 5])]);
      for (const { ys } of plot?.lines ?? [])
        expect(ys.reduce((sum: number, y) => sum + (y ?? 0), 0)).toBeCloseTo(100, 6);
      expect(plot?.xs.length).toBe(plot?.lines[0]?.ys.length);
      expect(plot?.xs.every((x, i) => x > (plot.xs[i - 1] ?? 0))).toBe(true);
    }
  });

  it('over time have gaps where nothing completed, and rates of short seconds', () => {
    const { series } = loadRun({ requests: 250, duration_s: 2.5 });
    const dead = series.map((second, i) =>
      i === 1 ? { ...second, completed: 0, failed: 9, p50_us: 0, p99_us: 0, max_us: 0 } : second,
    );
    const named = [{ prefix: '', color: 0, series: dead }];
    expect(timePlot(named, false)?.lines.map(({ ys }) => ys.map((y) => y === null))).toEqual(
      Array(3).fill([false, true, false]),
    );
    expect(ratePlot(named, false)?.lines.map(({ label, ys }) => [label, ys])).toEqual([
      ['completed', [100, 0, 100]],
      ['started', [100, 100, 100]],
      ['failed', [0, 9, 0]],
    ]);
  });

  it('of a sweep are over what was swept, in its order, and mark what is not valid', () => {
    const runs = sweep([60_000, 1_000, 20_000], 1);
    const [latency, throughput] = sweepPlots([{ prefix: '', color: 0, runs }]);
    expect(latency?.xs).toEqual([1_000, 20_000, 60_000]);
    expect(latency?.lines.map(({ label, style }) => [label, style])).toEqual([
      ['p50', 'solid'],
      ['p99', 'solid'],
      ['p99, not valid', 'doubtful'],
    ]);
    expect(latency?.lines[2]?.ys).toEqual([null, null, latency?.lines[1]?.ys[2]]);
    expect(throughput?.lines[0]?.ys).toEqual([1_000, 20_000, 49_100]);
    const sizes = [64, 1_024].flatMap((size_bytes) =>
      [1, 8].map((in_flight) => loadRun({ requests: 20, rate_per_s: null, size_bytes, in_flight })),
    );
    const [bySize] = sweepPlots([{ prefix: '', color: 0, runs: sizes }]);
    expect(bySize?.x.label).toBe('size of a request');
    expect(bySize?.lines.map(({ label, color }) => [label, color])).toEqual([
      ['1 in flight p99', 0],
      ['8 in flight p99', 1],
    ]);
    expect(sweepPlots([{ prefix: '', color: 0, runs: [loadRun({ requests: 5 }), loadRun({ requests: 5 })] }])).toEqual(
      [],
    );
  });
});

describe('the script of the page', () => {
  const draw = runPage;

  it('is one that a browser can read, without imports', () => {
    const { client } = scriptsOf(reportPage(ONE));
    expect(client).not.toMatch(/^\s*(import|export) (?!\{\s*\};)/m);
  });

  it('draws every plot that is visible, as wide as its place, with all of its data', () => {
    const page = reportPage(ONE);
    const drawn = draw(page, [600, 600, 380, 380]);
    const plots = plotsOf(page);
    expect(drawn.map(({ options }) => options.width)).toEqual([600, 600, 380, 380]);
    for (const [i, { options, data }] of drawn.entries()) {
      expect(data).toEqual([plots[i]?.xs, ...(plots[i]?.lines ?? []).map(({ ys }) => ys)]);
      expect(options.series.length).toBe(data.length);
    }
  });

  it('leaves what is folded away until it is opened', () => {
    const page = reportPage(ONE);
    const drawn = draw(page, [600, 0, 600, -600]);
    expect(drawn.length).toBe(2);
    const [opened] = drawn;
    opened?.show(3, 500);
    expect(drawn.length).toBe(3);
    expect(drawn[2]?.options.width).toBe(500);
    opened?.show(3, 300);
    expect(drawn.length).toBe(3);
    expect(drawn[2]?.size).toEqual({ width: 300, height: drawn[2]?.options.height });
  });

  it('draws anew in other colours when they change', () => {
    const drawn = draw(reportPage(ONE), [600, 600, 600, 600]);
    drawn[0]?.changeColours();
    expect(drawn.length).toBe(8);
    expect(drawn.map(({ isDestroyed }) => isDestroyed)).toEqual([...Array(4).fill(true), ...Array(4).fill(false)]);
  });

  it('labels nines, times and sizes', () => {
    const [percentiles, histogram, rate, time] = draw(reportPage(ONE), [900, 900, 900, 900]);
    expect(percentiles?.ticks(0, 1, 2_000)).toEqual(['0', '50', '90', '99', '99.9']);
    expect(percentiles?.ticks(1, 10, 2_000)).toEqual([
      '10 µs',
      '20 µs',
      '50 µs',
      '100 µs',
      '200 µs',
      '500 µs',
      '1 ms',
      '2 ms',
    ]);
    expect(percentiles?.ticks(1, 0.1, 1e7)).toEqual([
      '100 ns',
      '1 µs',
      '10 µs',
      '100 µs',
      '1 ms',
      '10 ms',
      '100 ms',
      '1 s',
      '10 s',
    ]);
    expect(percentiles?.ticks(1, 10, 10.5).length).toBe(4);
    expect(histogram?.ticks(0, 20, 300)).toEqual(['20 µs', '50 µs', '100 µs', '200 µs']);
    expect(rate?.valueText(1, 12_345)).toBe('12.3 k/s');
    expect(rate?.valueText(1, null)).toBe('\u2013');
    expect(time?.valueText(0, 3)).toBe('3 s');
    expect(percentiles?.valueText(0, 1_467)).toBe('99.932');
    const sizes = [64, 1_024, 65_536].map((size_bytes) => loadRun({ requests: 20, rate_per_s: null, size_bytes }));
    const [bySize] = draw(reportPage(loadReport(sizes)), Array(20).fill(700));
    expect(bySize?.ticks(0, 64, 65_536)).toEqual(['64 B', '1 KiB', '64 KiB']);
  });

  it('gives every axis room for its data', () => {
    const drawn = draw(reportPage(SWEEP), Array(30).fill(700));
    for (const { range, data } of drawn) {
      for (const axis of ['x', 'y'] as const) {
        const values = (axis === 'x' ? data.slice(0, 1) : data.slice(1)).flat().filter((value) => value !== null);
        const [low, high] = range(axis, Math.min(...values), Math.max(...values));
        expect(low).toBeLessThanOrEqual(Math.min(...values));
        expect(high).toBeGreaterThanOrEqual(Math.max(...values));
        expect(high).toBeGreaterThan(low);
      }
      expect(range('y', null, null)[1]).toBeGreaterThan(range('y', null, null)[0]);
      expect(range('x', 7, 7)[1]).toBeGreaterThan(range('x', 7, 7)[0]);
    }
  });
});
