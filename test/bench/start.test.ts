import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Results } from '../../bench/report/results.js';
import { isAlive, peersOf, runToEnd, start, until } from './command.js';

// Three pairs of processes start one after the other, on machines that may be busy.
const LIMIT_MS = 60_000;
let out = '';

beforeAll(() => {
  out = mkdtempSync(join(tmpdir(), 'sanswitch-start-'));
});
afterAll(() => rmSync(out, { recursive: true, force: true }));

async function startAndMeasure(env: NodeJS.ProcessEnv = {}) {
  const running = start('start', ['--duration', '20', '--out', out], env);
  await until(() => running.said().includes('1 of '), 'the first measurement', 30_000);
  return running;
}

describe('npm start', () => {
  it('explains its options', async () => {
    const { exitCode, stdout } = await runToEnd('start', ['--help']);
    expect(exitCode).toBe(0);
    for (const option of ['--duration', '--out', '--no-html']) expect(stdout).toContain(option);
  });

  it.each([
    [['--duration', '0'], /--duration wants seconds from 1 to 50, not '0'/],
    [['--duration', 'soon'], /not 'soon'/],
    [['--quick'], /Unknown option '--quick'/],
    [['now'], /unexpected argument 'now'/],
  ])('refuses %j', async (args, message) => {
    const { exitCode, stdout, stderr } = await runToEnd('start', args);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });

  it('ends cleanly on Ctrl-C, whichever process hears of it first', { timeout: LIMIT_MS }, async () => {
    const { child, ended } = await startAndMeasure();
    const peers = peersOf(child.pid);
    expect(peers.length).toBeGreaterThanOrEqual(2);
    for (const { pid } of peers) process.kill(pid, 'SIGINT');
    child.kill('SIGINT');
    const { exitCode, stderr } = await ended;
    expect(exitCode).toBe(130);
    expect(stderr).toMatch(/ended by SIGINT\n$/);
    await until(() => !peers.some(({ pid }) => isAlive(pid)), 'the end of its processes', 2_000);
  });

  it('leaves no process behind when it is killed', { timeout: LIMIT_MS }, async () => {
    const { child, ended } = await startAndMeasure();
    const peers = peersOf(child.pid);
    child.kill('SIGKILL');
    await ended;
    await until(() => !peers.some(({ pid }) => isAlive(pid)), 'the end of its processes', 5_000);
  });

  it('says in one line that a server has died', { timeout: LIMIT_MS }, async () => {
    const { child, ended } = await startAndMeasure();
    const peers = peersOf(child.pid);
    for (const { pid, role } of peers) if (role === 'server') process.kill(pid, 'SIGKILL');
    const { exitCode, stderr } = await ended;
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/\nstart: the server process of .* ended in the middle of the run \(SIGKILL\)\n$/);
    await until(() => !peers.some(({ pid }) => isAlive(pid)), 'the end of its processes', 2_000);
  });

  it('shows what it can without the addon, and says why not the rest', { timeout: LIMIT_MS }, async () => {
    const directory = join(out, 'no-addon');
    const env = { SANSWITCH_NO_NATIVE: '1' };
    const { exitCode, stdout, stderr } = await runToEnd('start', ['--duration', '1', '--out', directory], env);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    expect(stderr).toMatch(/switch over shared memory can't be measured: .*SANSWITCH_NO_NATIVE/);
    expect(stdout).toContain('switch over shared memory: not measured');
    expect(readdirSync(directory).map((name) => name.replace(/.*\./, ''))).toEqual(['html', 'json']);
  });

  it('measures every transport and size, and writes JSON and a page', { timeout: LIMIT_MS }, async () => {
    const directory = join(out, 'all');
    const { exitCode, stdout, stderr } = await runToEnd('start', ['--duration', '2', '--out', directory]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
    const [html = '', json = ''] = readdirSync(directory).sort();
    const report = JSON.parse(readFileSync(join(directory, json), 'utf8')) as Results;
    expect(report.connections.map(({ provider }) => provider)).toEqual(['node:net', 'tcp', 'shm']);
    expect(report.results).toHaveLength(12);
    for (const { round_trip, one_way, ratio } of report.results) {
      expect(round_trip.p50_us).toBeGreaterThan(0);
      expect(round_trip.p999_us).toBeGreaterThanOrEqual(round_trip.p50_us as number);
      expect(one_way.msgs_per_s).toBeGreaterThan(0);
      expect(ratio.one_way).toBeGreaterThan(0);
    }
    expect(stdout).toContain('switch over shared memory: served by shm');
    const page = readFileSync(join(directory, html), 'utf8');
    expect(page).toContain('<svg');
    expect(page).not.toMatch(/https?:|<script|<link|@import|url\(/);
  });
});
