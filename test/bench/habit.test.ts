/** The history of the benchmark, and what counts as worse. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { compare } from '../../bench/history/compare.js';
import { factsOfRun, type HistoryRecord, readHistory } from '../../bench/history/record.js';
import { historyPage } from '../../bench/report/history-page.js';
import { runToEnd, start, until } from './command.js';

const LIMIT_MS = 120_000;
const folders: string[] = [];

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'sanswitch-habit-'));
  folders.push(made);
  return made;
}

afterEach(() => {
  for (const made of folders.splice(0)) rmSync(made, { recursive: true, force: true });
});

const FACTS = factsOfRun();

/** The answer of day `day`. */
function answer(day: number, ratios: readonly number[], more: Partial<HistoryRecord> = {}): HistoryRecord {
  const variants = [{ variant: 'shm : net', baseline: 'net', judged: true, ratios, unusable: 0 }];
  const run = new Date(day * 86_400_000).toISOString();
  return { ...FACTS, run, question: 'rtt', duration_s: null, variants, failure: null, ...more };
}

describe('a comparison', () => {
  const outcome = (record: HistoryRecord, history: readonly HistoryRecord[]) => compare(record, history)[0]?.outcome;

  it('finds what is worse than repetitions scatter, and no less', () => {
    const quiet = [answer(1, [10, 10.1, 9.9])];
    expect(outcome(answer(2, [9.9, 10, 9.8]), quiet)).toBe('same');
    expect(outcome(answer(2, [9, 9.1, 8.9]), quiet)).toBe('worse');
    expect(outcome(answer(2, [11, 11.1, 10.9]), quiet)).toBe('better');
    const noisy = [answer(1, [10, 13, 7])];
    expect(outcome(answer(2, [9, 12, 6]), noisy)).toBe('same');
    expect(outcome(answer(2, [1, 1.2, 0.9]), noisy)).toBe('worse');
  });

  it('learns from how a machine differs from run to run', () => {
    const history = [10, 12, 9.5, 12.5, 10].map((ratio, day) => answer(day, [ratio, ratio * 1.01, ratio * 0.99]));
    const now = answer(9, [8.5, 8.6, 8.4]);
    expect(outcome(now, history)).toBe('same');
    expect(outcome(now, history.slice(-1))).toBe('worse');
  });

  it('is with the last answer on this host, asked for as long', () => {
    const elsewhere = { host: { ...FACTS.host, name: 'elsewhere' } };
    const history = [
      answer(1, [10, 10.1]),
      answer(2, [99, 98], elsewhere),
      answer(3, [99, 98], { duration_s: 1 }),
      answer(4, [], { variants: [], failure: 'no device' }),
    ];
    expect(compare(answer(5, [10, 10.1]), history)).toMatchObject([{ before: 10.05, outcome: 'same' }]);
    expect(compare(answer(5, [10], elsewhere), [history[0] as HistoryRecord])).toEqual([]);
  });

  it('calls worse what is not answered any more, and does not judge what was never repeated', () => {
    const gone = answer(2, [], { variants: [], failure: 'it broke' });
    expect(compare(gone, [answer(1, [10, 10.1])])).toMatchObject([{ after: null, outcome: 'worse' }]);
    expect(outcome(answer(2, [1]), [answer(1, [10])])).toBe('unknown');
  });

  it('can be drawn, with any name', () => {
    const history = [answer(1, [1, 2]), answer(2, [3, 0]), answer(3, [], { variants: [], failure: '<b>' })];
    const page = historyPage(history, compare(answer(2, [3, 0]), history));
    expect(page).toContain('<polyline');
    expect(page).not.toMatch(/<b>|NaN|Infinity|<script|https?:/);
  });
});

describe('npm run bench:all and bench:check', { timeout: LIMIT_MS }, () => {
  const SHORT = ['--only', 'sync,rdma-rtt', '--duration', '1', '--times', '2'];

  it('write the history and its page, and fail when something is worse', async () => {
    const out = folder();
    const file = join(out, 'history.jsonl');
    const all = await runToEnd('habit', [...SHORT, '--out', out]);
    expect(all).toMatchObject({ exitCode: 0 });
    expect(all.stdout).toMatch(/rdma-rtt +not answered: .*--host ADDRESS/);
    const records = readHistory(file);
    expect(records.map(({ question }) => question).sort()).toEqual(['rdma-rtt', 'sync']);
    const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim();
    for (const record of records) expect(record).toMatchObject({ commit, host: FACTS.host, duration_s: 1 });
    const sync = records.find(({ question }) => question === 'sync') as HistoryRecord;
    expect(sync.variants.length).toBeGreaterThan(3);
    for (const { ratios, unusable } of sync.variants) expect(ratios.length + unusable).toBe(2);
    expect(readFileSync(join(out, 'history.html'), 'utf8')).toContain('mutex, 2 threads');

    const better = sync.variants.map((one) => ({ ...one, ratios: [1e6, 1.01e6] }));
    writeFileSync(file, `${JSON.stringify({ ...sync, variants: better })}\n`);
    const check = await runToEnd('habit', ['--check', ...SHORT, '--only', 'sync', '--out', out]);
    expect(check).toMatchObject({ exitCode: 1, stderr: expect.stringMatching(/bench: worse than before: sync, /) });
    expect(readHistory(file)).toHaveLength(2);
  });

  it('have nothing to compare with at first', async () => {
    const { exitCode, stdout } = await runToEnd('habit', [
      '--check',
      '--only',
      'sync',
      '--duration',
      '1',
      '--times',
      '1',
      '--out',
      folder(),
    ]);
    expect({ exitCode, stdout }).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining('Nothing to compare with'),
    });
  });

  it('keep what was answered when they are interrupted', async () => {
    const out = folder();
    const run = start('habit', ['--only', 'sync,rtt', '--duration', '1', '--times', '1', '--out', out]);
    await until(() => run.said().includes('rtt, 1 of 1'), 'the second question', 60_000);
    run.child.kill('SIGINT');
    expect(await run.ended).toMatchObject({ exitCode: 130 });
    expect(readHistory(join(out, 'history.jsonl')).map(({ question }) => question)).toEqual(['sync']);
  });

  it.each([
    [['--only', 'nothing'], /unknown question 'nothing'/],
    [['--times', '0'], /--times wants a number from 1 to 25, not '0'/],
    [['--duration', 'x'], /--duration wants seconds/],
    [['rtt'], /unexpected argument 'rtt'/],
  ])('answer %j in one line', async (args, message) => {
    const { exitCode, stdout, stderr } = await runToEnd('habit', args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
  });

  it('name a line of the history that is none', async () => {
    const out = folder();
    writeFileSync(join(out, 'history.jsonl'), '{}\n');
    const { exitCode, stderr } = await runToEnd('habit', ['--only', 'sync', '--out', out]);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/history\.jsonl, line 1: it is no answer/),
    });
  });
});
