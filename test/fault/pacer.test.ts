/** The load generator's timer where the system has no descriptor, no memory and no watch for it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { PacerOrder, PacerReport } from '../fixtures/pacer-fails.js';
import { buildLibrary } from '../native/build.mjs';
import { CONTROL_VARIABLE, type Fault, makeControlFile } from './fail-calls.js';
import { reportOf } from './report.js';

const child = join(process.cwd(), 'build', 'test', 'fixtures', 'pacer-fails.js');
const LIMIT_MS = 60_000;

it.each<[Fault['kind'], Fault['error'], number]>([
  ['timerfd_create', 'EMFILE', 20],
  // What follows takes back a timer that is there, which no system refuses.
  ['timerfd_settime', 'ENOMEM', 1],
  ['epoll_ctl', 'ENOSPC', 20],
  ['operator new', 'ENOMEM', 20],
])(
  '%s fails with %s',
  async (kind, error, most) => {
    const folder = mkdtempSync(join(tmpdir(), 'sanswitch-pacer-'));
    try {
      const library = await buildLibrary('fail_calls.cc');
      const controlFile = join(folder, 'control');
      makeControlFile(controlFile);
      const order: PacerOrder = { controlFile, fault: { kind, error, lasting: false }, most };
      const env = { ...process.env, LD_PRELOAD: library, [CONTROL_VARIABLE]: controlFile };
      const { seen, descriptors } = await reportOf<PacerReport>(child, order, env, LIMIT_MS);
      expect(seen.length).toBeGreaterThan(0);
      // A constructor of the addon throws what it is told, a function says its number.
      const told = kind === 'operator new' ? 'std::bad_alloc' : error;
      expect(seen).toContain(told);
      expect(seen.filter((saw) => ![told, error, 'woke'].includes(saw))).toEqual([]);
      expect(descriptors).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  2 * LIMIT_MS,
);
