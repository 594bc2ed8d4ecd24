// The page in a real browser, where there is one.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { reportPage } from '#src/load/output/page/report-page.js';
import { loadReport, loadRun, sweep } from '../fixtures/load-reports.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const browser = (process.env.PATH ?? '')
  .split(delimiter)
  .flatMap((folder) => NAMES.map((name) => join(folder, name)))
  .find((path) => existsSync(path));

describe.skipIf(browser === undefined)(`in a browser${browser === undefined ? ' (needs Chromium)' : ''}`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'sanswitch-browser-'));
  afterAll(() => rmSync(folder, { recursive: true, maxRetries: 5 }));

  it.each([
    ['of one run', loadReport([loadRun({ requests: 2_000, stall_ms: 50 })]), 4],
    ['of a sweep, whose runs are folded away', loadReport(sweep([1_000, 20_000, 60_000], 1)), 3],
  ])(
    'the page %s draws all of its plots, and its own policy forbids nothing of it',
    (name, report, plots) => {
      const file = join(folder, `${name}.html`);
      writeFileSync(file, reportPage(report));
      const { stdout, stderr, error } = spawnSync(
        browser as string,
        [
          '--headless=new',
          // In a container there is no namespace for its sandbox; the page is our own.
          '--no-sandbox',
          '--disable-gpu',
          '--enable-logging=stderr',
          `--user-data-dir=${join(folder, 'profile')}`,
          '--virtual-time-budget=2000',
          '--dump-dom',
          `file://${encodeURI(file)}`,
        ],
        { encoding: 'utf8', timeout: 60_000 },
      );
      expect(error).toBeUndefined();
      expect(stdout.match(/<canvas/g)?.length).toBe(plots);
      expect(stdout.match(/class="u-legend/g)?.length).toBe(plots);
      expect(stderr.split('\n').filter((line) => line.includes('CONSOLE'))).toEqual([]);
    },
    120_000,
  );
});
