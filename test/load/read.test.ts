import fc from 'fast-check';
import { encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { describe, expect, it } from 'vitest';
import { PERCENTILES } from '#src/load/latency.js';
import { Distribution, decodeHistogram } from '#src/load/output/histogram.js';
import { reportJson } from '#src/load/output/json.js';
import { readReport } from '#src/load/output/read.js';
import type { LoadReport } from '#src/load/report.js';
import { UnusableError } from '#src/load/unusable.js';
import { histogram, latencyOf, loadReport, loadRun, sweep } from '../fixtures/load-reports.js';

const SMALL = loadReport([loadRun({ requests: 200, duration_s: 2 })], {
  slo: { text: 'p99<1ms', is_met: true, highest_rate_per_s: null },
});

/** A copy with one field changed; undefined takes it away. @param path names and indices with points between them */
function changed(path: string, value: unknown): LoadReport {
  const copy = structuredClone(SMALL);
  const names = path.split('.');
  const last = names.pop() as string;
  let place = copy as unknown as Record<string, unknown>;
  for (const name of names) place = place[name] as Record<string, unknown>;
  if (value === undefined) delete place[last];
  else place[last] = value;
  return copy;
}

function complaint(json: string): string {
  try {
    readReport(json, 'a.json');
  } catch (error) {
    if (error instanceof UnusableError) return error.message;
    throw error;
  }
  throw new Error('it was read');
}

/** Every path to a field below `value`. */
function pathsOf(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    const own = path === '' ? key : `${path}.${key}`;
    return [own, ...pathsOf(field, own)];
  });
}

describe('readReport', () => {
  it('reads what was written', () => {
    const reports = [
      SMALL,
      loadReport([loadRun({ rate_per_s: null, requests: 50 })], { is_partial: true }),
      loadReport([loadRun({ requests: 10 }, { raw: null, corrected: null, server: null, errors: { ECONNRESET: 2 } })]),
      loadReport(sweep([1_000, 20_000, 60_000], 5)),
    ];
    for (const report of reports) expect(readReport(reportJson(report), 'a.json')).toEqual(report);
  });

  it('reads any latencies that a histogram can hold', () => {
    const values = fc.array(fc.integer({ min: 1, max: 3_600e9 }), { maxLength: 200 });
    fc.assert(
      fc.property(values, (times_ns) => {
        const latency = latencyOf(times_ns);
        const report = loadReport([loadRun({ requests: 10 }, { corrected: latency, raw: latency })]);
        const read = readReport(reportJson(report), 'a.json');
        expect(read).toEqual(report);
        // Within the histogram's three digits, and never below the exact value.
        const sorted = [...times_ns].sort((a, b) => a - b);
        const distribution = new Distribution(read.runs[0]?.corrected?.hdr ?? '');
        expect(distribution.count).toBe(sorted.length);
        for (const percentile of sorted.length === 0 ? [] : PERCENTILES) {
          const exact_us = (sorted[Math.ceil((percentile / 100) * sorted.length) - 1] as number) / 1_000;
          const us = distribution.quantile_us(percentile / 100);
          expect(us).toBeGreaterThanOrEqual(exact_us);
          expect(us).toBeLessThanOrEqual(exact_us * 1.001 + 0.001);
          expect(distribution.countUpTo(us)).toBe(sorted.filter((time_ns) => time_ns <= us * 1_000).length);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('names every field that is missing', () => {
    // Errors by code may be any, a histogram's text has no fields.
    const paths = pathsOf(SMALL).filter((path) => !/\.\d+$/.test(path));
    expect(paths.length).toBeGreaterThan(80);
    for (const path of paths) {
      const place = path.replace(/\.(\d+)/g, '[$1]');
      expect(complaint(JSON.stringify(changed(path, undefined)))).toBe(`a.json: ${place} is missing`);
    }
  });

  it('names every field that is of a wrong kind', () => {
    for (const path of pathsOf(SMALL)) {
      const place = path.replace(/\.(\d+)/g, '[$1]');
      const message = complaint(JSON.stringify(changed(path, path.endsWith('hdr') ? 1 : [[]])));
      expect(message.startsWith(`a.json: ${place}`), `${path}: ${message}`).toBe(true);
      expect(message).not.toContain('\n');
    }
  });

  it.each([
    ['', /^a\.json: it is no JSON: /],
    ['{"schema": ', /^a\.json: it is no JSON: /],
    ['[]', 'a.json: it must be a report, an object, not a list'],
    ['null', 'a.json: it must be a report, an object, not null'],
    ['{}', 'a.json: schema is missing'],
    ['{"schema": "wrk"}', `a.json: schema must be 'sanswitch-load', as sanswitch load --json writes it, not "wrk"`],
    [
      '{"schema": "sanswitch-load", "version": 2}',
      'a.json: version is 2, of a newer sanswitch; this one reads up to 1: update it, or measure anew',
    ],
    ['{"schema": "sanswitch-load", "version": 0}', 'a.json: version must be a whole number from 1, not 0'],
    ['{"schema": "sanswitch-load", "version": "1"}', 'a.json: version must be a whole number from 1, not "1"'],
  ])('refuses %s', (json, wanted) => {
    expect(complaint(json)).toMatch(wanted);
  });

  it.each([
    ['started_at', 'yesterday', 'started_at must be a time in ISO 8601, not "yesterday"'],
    ['settings.loop', 'ajar', 'settings.loop must be one of open, closed, not "ajar"'],
    ['hosts', [], 'hosts must have at least 1 element'],
    ['runs', [], 'runs must have at least 1 element'],
    ['runs', [SMALL.runs[0], SMALL.runs[0]], 'runs[1].name is "64 B, 1000/s" for a second time'],
    ['runs.0.completed', 1.5, 'runs[0].completed must be a whole number from 0, not 1.5'],
    ['runs.0.failed', -1, 'runs[0].failed must be a whole number from 0, not -1'],
    ['runs.0.duration_s', null, 'runs[0].duration_s must be a number from 0, not null'],
    [
      'runs.0.errors',
      { 'E"X': 'x'.repeat(99) },
      `runs[0].errors["E\\"X"] must be a whole number from 0, not "${'x'.repeat(40)}..."`,
    ],
    ['runs.0.is_valid', 'yes', 'runs[0].is_valid must be true or false, not "yes"'],
    ['runs.0.raw.percentiles', [{ percentile: 50, us: 1 }], 'runs[0].raw.percentiles has no 75'],
    ['runs.0.raw.count', 3, 'runs[0].raw.hdr holds 200 values, but runs[0].raw.count is 3'],
  ])('refuses %s: %j', (path, value, wanted) => {
    expect(complaint(JSON.stringify(changed(path, value)))).toBe(`a.json: ${wanted}`);
  });

  it('refuses histograms that are none', () => {
    const sound = SMALL.runs[0]?.raw?.hdr ?? '';
    const broken = [
      '',
      'AAAA',
      '!!!',
      'x',
      sound.slice(0, -12),
      sound.slice(0, 40),
      `${sound.slice(0, 16)}AAAAAAAA${sound.slice(24)}`,
    ];
    for (const hdr of broken) {
      expect(complaint(JSON.stringify(changed('runs.0.raw.hdr', hdr)))).toMatch(
        /^a\.json: runs\[0\]\.raw\.hdr (is no histogram in HdrHistogram's V2 encoding: \S|holds \d+ values, but)/,
      );
    }
  });

  it('reads what a later sanswitch has added', () => {
    const added = { ...SMALL, colour: 'red', hosts: SMALL.hosts.map((host) => ({ ...host, numa_nodes: 2 })) };
    expect(readReport(JSON.stringify(added), 'a.json')).toEqual(added);
  });
});

describe('a histogram', () => {
  it('keeps counts beyond 32 bits', () => {
    const all = histogram();
    all.recordValueWithCount(1_000, 2 ** 40);
    all.recordValueWithCount(5_000, 1);
    const hdr = encodeIntoCompressedBase64(all);
    expect(decodeHistogram(hdr).totalCount).toBe(2 ** 40 + 1);
    const distribution = new Distribution(hdr);
    expect(distribution.quantile_us(0.999)).toBeCloseTo(1, 2);
    expect(distribution.quantile_us(1)).toBeCloseTo(5, 2);
  });
});
