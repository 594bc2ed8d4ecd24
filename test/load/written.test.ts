// What `sanswitch load` leaves behind, of a real load.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readReport } from '#src/load/output/read.js';
import { reportTable } from '#src/load/output/table.js';
import { PROGRAM, sanswitch } from '../doctor/command-line.js';

describe('sanswitch load', () => {
  let folder = '';
  let server: ChildProcess;
  let target = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sanswitch-load-'));
    server = spawn(process.execPath, [PROGRAM, 'echo', '0', '--engine', 'net'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface({ input: server.stdout as NodeJS.ReadableStream })) {
      const port = /port (\d+)/.exec(line)?.[1];
      if (port === undefined) continue;
      target = `tcp://127.0.0.1:${port}`;
      break;
    }
  });

  afterAll(async () => {
    server.kill();
    if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
    rmSync(folder, { recursive: true });
  });

  const load = (...outputs: string[]) =>
    sanswitch([
      'load',
      target,
      '--in-flight',
      '2',
      '--size',
      '64,1024',
      '--duration',
      '1',
      '--warmup',
      '0.2',
      '--quiet',
      ...outputs,
    ]);

  it('prints the table of the report that it writes, and every file that is wanted', async () => {
    const at = (name: string): string => join(folder, name);
    const { code, stdout, stderr } = await load(
      ...['--json', at('a.json'), '--html', at('a.html'), '--hgrm', at('a.hgrm'), '--csv', at('a.csv')],
      ...['--percentiles', at('p.csv')],
    );
    expect(stderr).toBe('');
    const text = (name: string): string => readFileSync(at(name), 'utf8');
    const report = readReport(text('a.json'), 'a.json');
    expect(code).toBe(report.runs.every(({ is_valid }) => is_valid) ? 0 : 1);
    expect(stdout).toBe(reportTable(report));
    expect(report.runs.map(({ size_bytes, corrected }) => [size_bytes, corrected])).toEqual([
      [64, null],
      [1_024, null],
    ]);
    for (const { name, completed, raw, series } of report.runs) {
      expect(raw?.count).toBe(completed);
      expect(completed).toBeGreaterThan(0);
      expect(text('a.csv')).toContain(`\r\n"${name}",0,`);
      expect(text('p.csv')).toContain(`\r\n"${name}",raw,99.999,`);
      expect(series.length).toBeGreaterThan(0);
    }
    expect(text('a.hgrm')).toMatch(/^ +Value +Percentile/);
    expect(text('a.html')).toContain('Latency by size of a request');
    const compared = await sanswitch(['compare', at('a.json'), at('a.json'), '--json']);
    expect([compared.code, compared.stderr]).toEqual([0, '']);
  });

  it('says in a line what can not be written, prints the rest, and ends with 1', async () => {
    const { code, stdout, stderr } = await load(
      '--json',
      '-',
      '--html',
      '/dev/full',
      '--csv',
      join(folder, 'no', 'a.csv'),
    );
    expect(code).toBe(1);
    expect(readReport(stdout, 'stdout').runs.length).toBe(2);
    expect(stderr).toBe(
      `sanswitch: can't write ${join(folder, 'no', 'a.csv')}: there is no such folder (ENOENT)\n` +
        "sanswitch: can't write /dev/full: no space left on the device (ENOSPC)\n",
    );
  });
});
