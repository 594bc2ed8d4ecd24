import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { percentilesCsv, seriesCsv } from '#src/load/output/csv.js';
import { hgrmFiles } from '#src/load/output/hgrm.js';
import { readReport } from '#src/load/output/read.js';
import { reportTable } from '#src/load/output/table.js';
import { bytesText, durationText, rateText, shareText, timeText } from '#src/load/output/units.js';
import { writeReport } from '#src/load/output/write.js';
import { HOST, loadReport, loadRun, sweep } from '../fixtures/load-reports.js';

const STALLED = loadReport(
  [
    loadRun(
      { rate_per_s: 1_000, duration_s: 10, stall_ms: 100 },
      {
        is_valid: false,
        complaints: ['0.3 % of the requests began more than 1 ms late'],
        failed: 3,
        errors: { ECONNRESET: 1, ENONE: 0, ETIMEDOUT: 2 },
        reconnects: 1,
        served: [
          { provider: 'shm', connections: 3, why: 'both ends are on this host and have the provider' },
          { provider: 'tcp', connections: 1, why: 'the peer has no shm' },
        ],
      },
    ),
  ],
  { slo: { text: 'p99<100us', is_met: false, highest_rate_per_s: null } },
);

const STALLED_TABLE = `\
sanswitch load: san://127.0.0.1:7000, echo, open loop (constant), 4 connections, 2 workers, 2 s of warm-up
2026-03-01 12:00:00 UTC, 10 s measured
bench-1: Example 9000, 8 cores, 32 GiB, kernel 6.1.0-40-amd64, Node.js v20.20.2, sanswitch 0.1.0, governor performance
  providers: shm (started), verbs (no RDMA device)

64 B, 1000/s
  NOT VALID: these figures are not of what was asked for
  because 0.3 % of the requests began more than 1 ms late
  latency     corrected       raw
  p50           40.2 µs   40.1 µs
  p75           46.6 µs   46.3 µs
  p90           53.3 µs   52.7 µs
  p99            269 µs   65.4 µs
  p99.9         90.0 ms    157 µs
  p99.99        99.1 ms    269 µs
  p99.999        100 ms    100 ms
  max            100 ms    100 ms
  min           21.9 µs   21.9 µs
  mean           546 µs   51.3 µs
  deviation     5.79 ms    999 µs
  requests     10,000 started, 10,000 completed, 3 failed in 10 s
  throughput   1,000/s of 1,000/s wanted
  bytes        625 KiB (62.5 KiB/s) sent, 625 KiB (62.5 KiB/s) received
  errors       ETIMEDOUT: 2
               ECONNRESET: 1
  reconnects   1
  client CPU   42.5 % of a processor, 12.5 µs per request
  server CPU   31 % of a processor, 9.10 µs per request
  generator    longest stall 1.70 ms; 0.03 % of the requests began late
  served by    shm: 3 connections, both ends are on this host and have the provider
               tcp: 1 connection, the peer has no shm

SLO p99<100us: NOT HELD
`;

describe('the table', () => {
  it('has corrected and raw figures side by side, and everything else of a run', () => {
    expect(reportTable(STALLED)).toBe(STALLED_TABLE);
  });

  it('says what is lacking', () => {
    const silent = loadRun(
      { rate_per_s: null, requests: 20, duration_s: 2 },
      { corrected: null, raw: null, server: null, served: [], started: 5, completed: 0, completed_per_s: 0 },
    );
    const text = reportTable(loadReport([silent], { is_partial: true }));
    expect(text).toContain('\nINCOMPLETE: the run was ended before its time; this is what there was\n');
    expect(text).toContain('\n  latency   none: nothing is answered\n');
    expect(text).toContain('\n  server CPU   not told\n');
    expect(text).toContain('\n  served by    nobody: no connection was made\n');
    expect(text).toContain('\n  throughput   0/s with 1 in flight\n');
    expect(text).not.toMatch(/NaN|undefined|null/);
  });

  it('has dashes where nothing was answered', () => {
    const none = loadRun({ requests: 0, duration_s: 1 });
    expect(reportTable(loadReport([none]))).toMatch(/^ {2}p99 +- +-$/m);
  });

  it('of several runs ends with an overview, and what held the limit', () => {
    const report = loadReport(sweep([1_000, 20_000, 60_000], 1), {
      slo: { text: 'p99<1ms', is_met: true, highest_rate_per_s: 20_000 },
    });
    const lines = reportTable(report).split('\n').slice(-7);
    expect(lines[0]).toMatch(/^run +wanted +completed +p50 +p99 +p99\.9 +max +failed +valid$/);
    expect(lines[1]).toMatch(/^64 B, 1000\/s +1,000\/s +1,000\/s( +[\d.]+ µs){4} +0 +yes$/);
    expect(lines[3]).toMatch(/^64 B, 60000\/s +60,000\/s +49,100\/s( +[\d.]+ ms){4} +0 +NO$/);
    expect(lines[5]).toBe('SLO p99<1ms: held; the highest rate that held it is 20,000/s');
    const none = loadReport(report.runs, { slo: { text: 'p99<1us', is_met: false, highest_rate_per_s: null } });
    expect(reportTable(none)).toContain('\nSLO p99<1us: NOT HELD at any rate that was tried\n');
  });

  it('lets no text of a report move the cursor or begin a line', () => {
    const name = 'a\u001b[2Jb\nc\u202ed\u0007';
    const run = loadRun({ requests: 10 }, { name, complaints: [name], errors: { [name]: 1 } });
    const report = loadReport([run, loadRun({ requests: 10 })], { hosts: [{ ...HOST, cpu: name }] });
    const text = reportTable({ ...report, settings: { ...report.settings, target: name } });
    // biome-ignore lint/suspicious/noControlCharactersInRegex: none of them may be there
    expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain('\na\ufffd[2Jb c\ufffdd\ufffd\n');
  });
});

describe('figures', () => {
  it.each([
    [timeText(0), '0 µs'],
    [timeText(0.4567), '457 ns'],
    [timeText(9.876), '9.88 µs'],
    [timeText(99.96), '100.0 µs'],
    [timeText(-1_500), '-1.50 ms'],
    [timeText(12_345_678), '12.3 s'],
    [rateText(0.5), '0.50/s'],
    [rateText(-18.33), '-18.3/s'],
    [rateText(1_234_567.8), '1,234,568/s'],
    [bytesText(64), '64 B'],
    [bytesText(1_536), '1.50 KiB'],
    [bytesText(3 * 2 ** 40), '3 TiB'],
    [durationText(1.234), '1.23 s'],
    [shareText(0.00001), '< 0.01 %'],
    [shareText(0), '0 %'],
    [shareText(0.25), '25 %'],
  ])('%s', (text, wanted) => {
    expect(text).toBe(wanted);
  });
});

describe('.hgrm', () => {
  it('is what HdrHistogram prints, corrected and raw', () => {
    const [corrected, raw, ...more] = hgrmFiles(STALLED, 'out/load.hgrm');
    expect(more).toEqual([]);
    expect([corrected?.file, raw?.file]).toEqual(['out/load.hgrm', 'out/load.raw.hgrm']);
    const lines = corrected?.text.trimEnd().split('\n') ?? [];
    expect(lines[0]).toBe('       Value     Percentile TotalCount 1/(1-Percentile)');
    const rows = lines
      .filter((line) => /^ +[\d.]+ [\d.]+ +\d+/.test(line))
      .map((line) => line.trim().split(/ +/).map(Number));
    expect(rows.length).toBeGreaterThan(50);
    for (const [i, [us = 0, share = 0, count = 0]] of rows.entries()) {
      const [lastUs = 0, lastShare = -1, lastCount = 0] = rows[i - 1] ?? [];
      expect(us >= lastUs && share > lastShare && count >= lastCount).toBe(true);
    }
    // As exact as the histogram's three digits.
    const max_us = STALLED.runs[0]?.corrected?.max_us ?? 0;
    expect((rows.at(-1)?.[0] ?? 0) / max_us).toBeCloseTo(1, 2);
    expect(rows.at(-1)?.slice(1)).toEqual([1, 10_000]);
    expect(lines.at(-3)).toMatch(/^#\[Mean {4}= +\d+\.\d{3}, StdDeviation {3}= +\d+\.\d{3}\]$/);
    expect(lines.at(-2)).toMatch(/^#\[Max {5}= +\d+\.\d{3}, Total count {4}= +10000\]$/);
  });

  it('has a file for each run and latency, none twice', () => {
    const closed = loadRun({ rate_per_s: null, requests: 10 });
    const report = loadReport([closed, ...sweep([1_000, 2_000], 1)]);
    expect(hgrmFiles(report, '/x/a.b/out').map(({ file }) => file)).toEqual([
      '/x/a.b/out',
      '/x/a.b/out.2-64-B-1000-s',
      '/x/a.b/out.2-64-B-1000-s.raw',
      '/x/a.b/out.3-64-B-2000-s',
      '/x/a.b/out.3-64-B-2000-s.raw',
    ]);
  });
});

/** Rows of fields, by the rules of RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, plain, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g)) {
    rows.at(-1)?.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === '\r\n') rows.push([]);
  }
  return rows.slice(0, -1);
}

describe('CSV', () => {
  it('has every second of every run', () => {
    const runs = [loadRun({ requests: 100, duration_s: 2.5 }), loadRun({ name: 'two', requests: 10, duration_s: 1 })];
    const rows = parseCsv(seriesCsv(loadReport(runs)));
    expect(rows[0]).toEqual([
      'run',
      'at_s',
      'length_s',
      'started',
      'completed',
      'failed',
      'p50_us',
      'p99_us',
      'max_us',
    ]);
    const seconds = runs.flatMap(({ name, series }) =>
      series.map((second) => [name, ...Object.values(second).map(String)]),
    );
    expect(rows.slice(1)).toEqual(seconds);
    expect(seconds.length).toBe(4);
  });

  it('has every percentile of every latency, none of nothing', () => {
    const runs = [loadRun({ requests: 100 }), loadRun({ name: 'none', rate_per_s: null, requests: 0 })];
    const rows = parseCsv(percentilesCsv(loadReport(runs)));
    expect(rows.length).toBe(1 + 2 * 9);
    expect(rows[1]).toEqual([runs[0]?.name, 'corrected', '0', `${runs[0]?.corrected?.min_us}`]);
    expect(rows.at(-1)).toEqual([runs[0]?.name, 'raw', '100', `${runs[0]?.raw?.max_us}`]);
  });

  it('gives any name back', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é') }), (name) => {
        const report = loadReport([loadRun({ requests: 1, duration_s: 1 }, { name })]);
        expect(parseCsv(seriesCsv(report))[1]?.[0]).toBe(name);
      }),
    );
  });
});

describe('writeReport', () => {
  let folder = '';
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sanswitch-report-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('writes what is wanted, and nothing else', async () => {
    const at = (name: string): string => join(folder, name);
    const wanted = {
      json: at('a.json'),
      hgrm: at('a.hgrm'),
      csv: at('a.csv'),
      percentilesCsv: at('p.csv'),
      html: at('a.html'),
    };
    expect(await writeReport(STALLED, wanted)).toEqual([]);
    expect(readReport(readFileSync(wanted.json, 'utf8'), wanted.json)).toEqual(STALLED);
    expect(readFileSync(wanted.csv, 'utf8')).toBe(seriesCsv(STALLED));
    expect(readFileSync(wanted.percentilesCsv, 'utf8')).toBe(percentilesCsv(STALLED));
    for (const { file, text } of hgrmFiles(STALLED, wanted.hgrm)) expect(readFileSync(file, 'utf8')).toBe(text);
    expect(readFileSync(wanted.html, 'utf8')).toMatch(/^<!doctype html>[\s\S]*<\/html>\n$/);
    expect(await writeReport(STALLED, {})).toEqual([]);
  });

  it('says in a line what can not be written, and writes the rest', async () => {
    const csv = join(folder, 'rest.csv');
    writeFileSync(join(folder, 'file'), '');
    mkdirSync(join(folder, 'folder'));
    const wanted = {
      json: '/dev/full',
      hgrm: join(folder, 'nowhere', 'a.hgrm'),
      percentilesCsv: join(folder, 'folder'),
      html: join(folder, 'file', 'a.html'),
      csv,
    };
    expect(await writeReport(STALLED, wanted)).toEqual([
      "can't write /dev/full: no space left on the device (ENOSPC)",
      `can't write ${wanted.hgrm}: there is no such folder (ENOENT)`,
      `can't write ${join(folder, 'nowhere', 'a.raw.hgrm')}: there is no such folder (ENOENT)`,
      `can't write ${wanted.percentilesCsv}: it is a folder (EISDIR)`,
      `can't write ${wanted.html}: a part of its path is no folder (ENOTDIR)`,
    ]);
    expect(existsSync(csv)).toBe(true);
  });
});
