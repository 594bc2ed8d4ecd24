import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Comparison, compareReports } from '#src/load/compare/compare.js';
import { METRICS } from '#src/load/compare/metrics.js';
import { comparisonPage } from '#src/load/compare/page.js';
import { parseThreshold } from '#src/load/compare/threshold.js';
import { reportJson } from '#src/load/output/json.js';
import type { HostFingerprint, LoadReport, LoadRun } from '#src/load/report.js';
import { type Outcome, sanswitch } from '../doctor/command-line.js';
import { HOST, loadReport, loadRun, sweep } from '../fixtures/load-reports.js';
import { runPage } from './page-script.js';

const RUN = loadRun({ requests: 1_000, duration_s: 2 });
const BASE = loadReport([RUN]);

function compared(a: LoadReport, b: LoadReport, thresholds: readonly string[] = [], isAnyHost = false): Comparison {
  const named = [
    { file: 'a.json', report: a },
    { file: 'b.json', report: b },
  ] as const;
  return compareReports(...named, thresholds.map(parseThreshold), isAnyHost);
}

/** A run whose every latency is `factor` times that of `RUN`. */
function slower(factor: number, changes: Partial<LoadRun> = {}): LoadRun {
  const stretch = (latency: LoadRun['raw']): LoadRun['raw'] =>
    latency && {
      ...latency,
      mean_us: latency.mean_us * factor,
      max_us: latency.max_us * factor,
      percentiles: latency.percentiles.map(({ percentile, us }) => ({ percentile, us: us * factor })),
    };
  return { ...RUN, corrected: stretch(RUN.corrected), raw: stretch(RUN.raw), ...changes };
}

function isHeld(threshold: string, b: LoadRun, a = RUN): boolean {
  return compared(loadReport([a]), loadReport([b]), [threshold]).is_held;
}

describe('a threshold', () => {
  const figures = { failed: 100, completed_per_s: 1_000, client: { percent: 1, us_per_request: 10 }, server: null };
  const a = { ...RUN, ...figures };

  it.each([
    ['p99=+10%', slower(1.1), true],
    ['p99=+10%', slower(1.11), false],
    ['p99=-10%', slower(0.9), true],
    ['p99=-10%', slower(0.91), false],
    ['p99=+0%', RUN, true],
    ['max=+10%', slower(1.11), false],
    ['mean=+10%', slower(1.11), false],
    ['p99.999=+10.5%', slower(1.1), true],
    ['throughput=-5%', { ...a, completed_per_s: 950 }, true],
    ['throughput=-5%', { ...a, completed_per_s: 949 }, false],
    ['throughput=-50', { ...a, completed_per_s: 950 }, true],
    ['throughput=-50/s', { ...a, completed_per_s: 949 }, false],
    ['throughput=+5%', { ...a, completed_per_s: 1_049 }, false],
    ['errors=+0', { ...a, failed: 100 }, true],
    ['errors=+0', { ...a, failed: 101 }, false],
    ['errors=+3', { ...a, failed: 103 }, true],
    ['errors=+3%', { ...a, failed: 104 }, false],
    ['cpu=+2us', { ...a, client: { percent: 1, us_per_request: 12 } }, true],
    ['cpu=+2us', { ...a, client: { percent: 1, us_per_request: 12.1 } }, false],
    // The server's is not told by both: the client's alone.
    ['cpu=+2us', { ...a, server: { percent: 1, us_per_request: 99 } }, true],
  ])('%s', (threshold, b, wanted) => {
    expect(isHeld(threshold, b, a)).toBe(wanted);
  });

  it('of processor time is of client and server, where both tell it', () => {
    const server = { percent: 1, us_per_request: 5 };
    expect(isHeld('cpu=+10%', { ...a, server: { ...server, us_per_request: 7 } }, { ...a, server })).toBe(false);
    expect(isHeld('cpu=+10%', { ...a, server: { ...server, us_per_request: 6 } }, { ...a, server })).toBe(true);
  });

  it('in a unit of time is that much', () => {
    const p99_us = RUN.corrected?.percentiles.find(({ percentile }) => percentile === 99)?.us ?? 0;
    const by = (more_us: number): LoadRun => slower((p99_us + more_us) / p99_us);
    for (const unit of ['50us', '50\u00b5s', '50\u03bcs', '50000ns', '0.05ms', '0.00005s']) {
      expect(isHeld(`p99=+${unit}`, by(49.9))).toBe(true);
      expect(isHeld(`p99=+${unit}`, by(50.1))).toBe(false);
    }
  });

  it('of any metric holds for a report beside itself, and no better one is demanded of it', () => {
    const names = fc.constantFrom(...METRICS.map(({ name }) => name));
    fc.assert(
      fc.property(names, fc.integer({ min: 0, max: 1_000 }), (name, tenths) => {
        const loose = name === 'throughput' ? '-' : '+';
        const strict = loose === '+' ? '-' : '+';
        expect(isHeld(`${name}=${loose}${tenths / 10}%`, a, a)).toBe(true);
        expect(isHeld(`${name}=${strict}${tenths / 10 + 0.1}%`, a, a)).toBe(false);
      }),
    );
  });

  it.each([
    ['p99', 'it must be NAME=CHANGE, as in p99=+10%'],
    [
      'p98=+1%',
      "there is no figure 'p98'; there are: p50, p75, p90, p99, p99.9, p99.99, p99.999, max, mean, throughput, errors, cpu",
    ],
    ['=+1%', "there is no figure ''; there are: p50,"],
    ['toString=+1%', "there is no figure 'toString'"],
    ['p99=10%', 'the change must be a number with + or - before it, as in p99=+10% or p99=+50us'],
    ['p99=+', 'the change must be a number with + or - before it'],
    ['p99=+1e3us', "'e3us' is no unit of it"],
    ['p99=+10', 'the unit is missing, as in p99=+10% or p99=+50us'],
    ['p99=+10m', "'m' is no unit of it, as in p99=+10% or p99=+50us"],
    ['p99=+10toString', "'toString' is no unit of it"],
    ['throughput=-5us', "'us' is no unit of it, as in throughput=-5% or throughput=-100"],
    ['errors=+1/s', "'/s' is no unit of it, as in errors=+5% or errors=+3"],
  ])('%s is none', (text, why) => {
    expect(() => parseThreshold(text)).toThrow(`--threshold ${text}: ${why}`);
  });

  it('is broken by what can not be compared', () => {
    const verdict = (b: LoadReport, a = BASE): unknown => compared(a, b, ['p99=+900%']).verdicts;
    const broken = (why: string): unknown => [expect.objectContaining({ is_held: false, why })];
    const invalid = { ...RUN, is_valid: false };
    expect(verdict(loadReport([invalid]))).toEqual(broken('the run of B is not valid'));
    expect(verdict(BASE, loadReport([invalid]))).toEqual(broken('the run of A is not valid'));
    expect(verdict(loadReport([loadRun({ requests: 0 })]))).toEqual(broken('nothing was answered'));
    const [first, second] = compared(loadReport(sweep([1_000, 2_000], 1)), loadReport(sweep([2_000], 2)), [
      'p99=+900%',
    ]).verdicts;
    expect(first).toMatchObject({ run: '64 B, 2000/s', is_held: true, why: null });
    expect(second).toMatchObject({
      run: '64 B, 1000/s',
      is_held: false,
      limit: null,
      b: null,
      why: 'B has no such run',
    });
  });

  it('can not be of what the first report has not', () => {
    const stream = loadReport([{ ...RUN, corrected: null, raw: null }]);
    expect(() => compared(stream, BASE, ['p99=+1%'])).toThrow(
      "--threshold p99=+1%: '64 B, 1000/s' has no p99 to compare with",
    );
    expect(compared(stream, stream, ['throughput=-1%']).is_held).toBe(true);
  });
});

describe('reports', () => {
  it('have their runs compared by name, the only ones whatever their names', () => {
    const { runs, only_a, only_b } = compared(
      loadReport(sweep([1_000, 2_000, 3_000], 1)),
      loadReport(sweep([3_000, 1_000, 9_000], 1)),
    );
    expect(runs.map(({ name }) => name)).toEqual(['64 B, 1000/s', '64 B, 3000/s']);
    expect([only_a, only_b]).toEqual([['64 B, 2000/s'], ['64 B, 9000/s']]);
    const other = compared(BASE, loadReport([{ ...RUN, name: 'other', rate_per_s: 7 }]));
    expect(other.runs[0]).toMatchObject({
      name: RUN.name,
      warnings: ['the runs differ: wanted rate (1,000/s / 7.00/s)'],
    });
    expect(() => compared(loadReport(sweep([1_000, 2_000], 1)), loadReport([{ ...RUN, name: 'other' }]))).toThrow(
      'no run of a.json is in b.json: their names have nothing in common',
    );
  });

  it('have their raw latencies compared where one has no corrected ones', () => {
    const closed = { ...RUN, corrected: null, rate_per_s: null };
    const [run] = compared(BASE, loadReport([closed])).runs;
    expect(run?.latency).toBe('raw');
    expect(run?.metrics[0]).toMatchObject({ metric: 'p50', difference: 0, change: 0 });
    expect(run?.warnings[0]).toContain('latency (corrected / raw)');
  });

  it('have differences, and changes where there is something to change from', () => {
    const { metrics } = compared(loadReport([{ ...RUN, failed: 0 }]), loadReport([slower(1.5, { failed: 4 })]))
      .runs[0] as Comparison['runs'][number];
    const metric = (name: string): unknown => metrics.find((each) => each.metric === name);
    expect(metric('errors')).toEqual({ metric: 'errors', unit: 'count', a: 0, b: 4, difference: 4, change: null });
    expect(metric('p99')).toMatchObject({ unit: 'us', change: expect.closeTo(0.5, 9) });
  });

  const on = (...hosts: Partial<HostFingerprint>[]): LoadReport =>
    loadReport([RUN], { hosts: hosts.map((changes) => ({ ...HOST, ...changes })) });

  it.each([
    [{ hostname: 'ci-7' }, 'hostname (bench-1 / ci-7)'],
    [{ cpu: 'Other 1' }, 'CPU (Example 9000 / Other 1)'],
    [{ cores: 16 }, 'cores (8 / 16)'],
    [{ memory_bytes: 16 * 2 ** 30 }, 'memory (32 GiB / 16 GiB)'],
    [{ hostname: 'ci-7', cores: 16 }, 'hostname (bench-1 / ci-7), cores (8 / 16)'],
  ])('of different hosts are not compared unless that is wanted: %j', (changes, named) => {
    expect(() => compared(BASE, on(changes))).toThrow(
      `a.json and b.json are of different hosts: ${named}; --any-host compares them all the same`,
    );
    expect(compared(BASE, on(changes), [], true).warnings).toEqual([`the hosts differ: ${named}`]);
  });

  it('of the same hosts in another order are compared, and those of more hosts are not', () => {
    const two = on({ hostname: 'x' }, { hostname: 'y' });
    expect(compared(two, on({ hostname: 'y' }, { hostname: 'x' })).warnings).toEqual([]);
    expect(() => compared(two, on({ hostname: 'x' }))).toThrow('number of generators (2 / 1)');
  });

  it('come with a warning of everything else that differs', () => {
    const { settings } = BASE;
    const other = loadReport(
      [
        slower(1, {
          size_bytes: 128,
          in_flight: 2,
          duration_s: 9,
          served: [],
          server: null,
          is_valid: false,
          complaints: ['x', 'y'],
        }),
      ],
      {
        settings: {
          ...settings,
          target: 'tcp://h:1',
          protocol: 'http',
          loop: 'closed',
          arrivals: null,
          connections: 8,
          workers: 4,
          warmup_s: 1,
        },
        hosts: [
          {
            ...HOST,
            memory_bytes: HOST.memory_bytes - 1,
            kernel: '7.0',
            node: 'v24',
            sanswitch: '0.2.0',
            governor: null,
            providers: [],
          },
        ],
        is_partial: true,
      },
    );
    const { warnings, runs } = compared(BASE, other);
    expect(warnings).toEqual([
      'the systems differ: kernel (6.1.0-40-amd64 / 7.0), Node.js (v20.20.2 / v24), sanswitch (0.1.0 / 0.2.0), governor (performance / none), providers (shm, verbs: no RDMA device / none)',
      'the settings differ: target (san://127.0.0.1:7000 / tcp://h:1), protocol (echo / http), loop (open / closed), arrivals (constant / none), connections (4 / 8), workers (2 / 4), warm-up (2 s / 1 s)',
      'B was ended before its time',
    ]);
    expect(runs[0]?.warnings).toEqual([
      'the runs differ: size (64 B / 128 B), in flight (1 / 2), measured time (2 s / 9 s), served by (shm / nobody), CPU of the server (told / not told)',
      'B is not valid: x; y',
    ]);
  });
});

describe('the page of a comparison', () => {
  it('has the plots of both over each other', () => {
    const b = loadReport(sweep([1_000, 20_000], 9));
    const named = [
      { file: 'a.json', report: loadReport(sweep([1_000, 20_000], 1)) },
      { file: '<b>.json', report: b },
    ] as const;
    const page = comparisonPage(compareReports(...named, [parseThreshold('p99=+1%')], false), ...named);
    expect(page).toContain('&#60;b&#62;.json');
    const drawn = runPage(page, Array(10).fill(500));
    expect(drawn.length).toBe(2 + 2 * 4);
    const labels = drawn.map(({ options }) =>
      (options.series as unknown as { label: string }[]).slice(1).map(({ label }) => label),
    );
    expect(labels.slice(0, 6)).toEqual([
      ['A p99', 'B p99'],
      ['A completed', 'B completed'],
      ['A', 'B'],
      ['A', 'B'],
      ['A completed', 'B completed'],
      ['A p99', 'B p99'],
    ]);
  });
});

describe('npx sanswitch compare', () => {
  let folder = '';
  const files: Record<string, string> = {};
  const put = (name: string, content: string): void => {
    files[name] = join(folder, `${name}.json`);
    writeFileSync(files[name] as string, content);
  };
  const compare = (...args: string[]): Promise<Outcome> =>
    sanswitch(['compare', ...args.map((arg) => files[arg] ?? arg)]);

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'sanswitch-compare-'));
    put('base', reportJson(BASE));
    put('slow', reportJson(loadReport([slower(1.2)])));
    put('other', reportJson(loadReport([RUN], { hosts: [{ ...HOST, hostname: 'ci-7' }] })));
    put('newer', JSON.stringify({ ...BASE, version: 2 }));
    put('broken', reportJson(BASE).slice(0, -50));
    put('wrong', JSON.stringify({ ...BASE, runs: [{ ...RUN, failed: 'few' }] }));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('prints a table', async () => {
    const { code, stdout, stderr } = await compare(
      'base',
      'slow',
      '--threshold',
      'p99=+25%',
      '--threshold=throughput=-5%',
    );
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(`\
A  ${files.base}: 2026-03-01 12:00:00 UTC, san://127.0.0.1:7000, echo, open loop (constant), 4 connections, 2 workers, 2 s of warm-up
B  ${files.slow}: 2026-03-01 12:00:00 UTC, san://127.0.0.1:7000, echo, open loop (constant), 4 connections, 2 workers, 2 s of warm-up

64 B, 1000/s
  latency: corrected
                     A         B      B - A    change
  p50          40.2 µs   48.2 µs   +8.03 µs   +20.0 %
  p75          46.1 µs   55.4 µs   +9.23 µs   +20.0 %
  p90          52.8 µs   63.3 µs   +10.6 µs   +20.0 %
  p99          68.0 µs   81.6 µs   +13.6 µs   +20.0 %
  p99.9         152 µs    183 µs   +30.5 µs   +20.0 %
  p99.99        266 µs    320 µs   +53.3 µs   +20.0 %
  p99.999       266 µs    320 µs   +53.3 µs   +20.0 %
  max           266 µs    320 µs   +53.3 µs   +20.0 %
  mean         41.6 µs   49.9 µs   +8.32 µs   +20.0 %
  throughput     500/s     500/s        0/s     0.0 %
  errors             0         0          0     0.0 %
  cpu          21.6 µs   21.6 µs       0 µs     0.0 %

Thresholds
  held    p99=+25%  64 B, 1000/s: 81.6 µs, allowed is at most 85.0 µs
  held    throughput=-5%  64 B, 1000/s: 500/s, allowed is at least 475/s
`);
  });

  it('ends with 1 when a threshold is broken, and names it', async () => {
    const { code, stdout, stderr } = await compare(
      'base',
      'slow',
      '--threshold',
      'p50=+90%',
      '--threshold',
      'p99=+10%',
    );
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/^ {2}held {4}p50=\+90% {2}64 B, 1000\/s: /m);
    expect(stdout).toMatch(/^ {2}BROKEN {2}p99=\+10% {2}64 B, 1000\/s: [\d.]+ µs, allowed is at most [\d.]+ µs$/m);
  });

  it('writes JSON and a page', async () => {
    const html = join(folder, 'page.html');
    const { code, stdout, stderr } = await compare('base', 'slow', '--json', '--html', html, '--threshold', 'p99=+10%');
    expect([code, stderr]).toEqual([1, '']);
    const comparison = JSON.parse(stdout) as Comparison;
    expect(comparison).toEqual({
      ...compared(BASE, loadReport([slower(1.2)]), ['p99=+10%']),
      a: files.base,
      b: files.slow,
    });
    expect(readFileSync(html, 'utf8')).toMatch(
      /^<!doctype html>[\s\S]*<p>Broken: 1 of 1 verdict<\/p>[\s\S]*<\/html>\n$/,
    );
  });

  it('ends with 1 when the page can not be written, and prints the rest', async () => {
    const { code, stdout, stderr } = await compare('base', 'base', '--html', '/dev/full');
    expect([code, stderr]).toEqual([1, "sanswitch: can't write /dev/full: no space left on the device (ENOSPC)\n"]);
    expect(stdout).toMatch(/^ {2}p99 +/m);
  });

  it('compares different hosts only when told to', async () => {
    const refused = await compare('base', 'other');
    expect([refused.code, refused.stdout]).toEqual([2, '']);
    expect(refused.stderr).toMatch(/^sanswitch: .*different hosts: hostname \(bench-1 \/ ci-7\); --any-host .*\n$/);
    const told = await compare('base', 'other', '--any-host');
    expect([told.code, told.stderr]).toEqual([0, '']);
    expect(told.stdout).toContain('\nwarning: the hosts differ: hostname (bench-1 / ci-7)\n');
  });

  it.each([
    [[], 'compare which two? A.json B.json; given were 0'],
    [['base'], 'compare which two? A.json B.json; given were 1'],
    [['base', 'base', 'base'], 'compare which two? A.json B.json; given were 3'],
    [['base', 'nowhere.json'], 'nowhere.json: ENOENT: no such file or directory'],
    [['base', '/'], '/: EISDIR'],
    [['base', 'newer'], 'newer.json: version is 2, of a newer sanswitch; this one reads up to 1'],
    [['broken', 'base'], 'broken.json: it is no JSON'],
    [['base', 'wrong'], 'wrong.json: runs[0].failed must be a whole number from 0, not "few"'],
    [['base', 'base', '--threshold', 'p99'], '--threshold p99: it must be NAME=CHANGE'],
    [['base', 'base', '--threshold', 'p99=+10'], '--threshold p99=+10: the unit is missing'],
    [['base', 'base', '--threshhold', 'p99=+1%'], "Unknown option '--threshhold'"],
    [['base', 'base', '--html'], "Option '--html <value>' argument missing"],
  ])('%j is a line on standard error, and exit code 2', async (args, message) => {
    const { code, stdout, stderr } = await compare(...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/^sanswitch: [^\n]+ \(--help shows what there is\)\n$/);
  });

  it('has help, and a line in the list of commands', async () => {
    const { code, stdout } = await compare('--help');
    expect(code).toBe(0);
    for (const { name } of METRICS) expect(stdout).toContain(name);
    expect((await sanswitch(['--help'])).stdout).toMatch(/^ {2}compare +two reports of load/m);
  });
});
