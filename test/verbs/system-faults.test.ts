/**
 * Failure injection below `verbs`: the n-th allocation or system call of the addon fails, for every n of start, listen,
 * connect, transfer and close over the fake RDMA libraries (test/native/fail_calls.cc). See faults.test.ts for what must hold.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { CONTROL_VARIABLE, type Fault, makeControlFile } from '../fault/fail-calls.js';
import { reportOf } from '../fault/report.js';
import { fakeVerbsEnvironment } from '../fixtures/fake-verbs-control.js';
import type { Order, Report } from '../fixtures/verbs-fail-calls-child.js';
import { buildAddon, buildLibrary } from '../native/build.mjs';
import type { Phase } from './round.js';

const child = join(process.cwd(), 'build', 'test', 'fixtures', 'verbs-fail-calls-child.js');
const LIMIT_MS = 100_000;

let folder: string;
let preload: string;
let library: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sanswitch-verbs-inject-'));
  await buildAddon();
  preload = await buildLibrary('fail_calls.cc');
  library = await buildLibrary('fake-verbs');
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true }));

async function tryFault(fault: Fault, isStrict: boolean): Promise<Report> {
  const controlFile = join(folder, 'control');
  makeControlFile(controlFile);
  const order: Order = { controlFile, library, fault, isStrict };
  const fake = fakeVerbsEnvironment(library);
  const env = { ...process.env, ...fake, LD_PRELOAD: preload, [CONTROL_VARIABLE]: controlFile };
  return reportOf(child, order, env, LIMIT_MS);
}

/** A kind of call, what it fails with, and at least how many are reached in which phase. */
const FAULTS: readonly [Fault['kind'], Fault['error'], Partial<Record<Phase, number>>][] = [
  ['operator new', 'ENOMEM', { start: 5, listen: 2, connect: 20, transfer: 5 }],
  ['mmap', 'ENOMEM', { start: 1 }],
  ['memfd_create', 'EMFILE', { start: 1 }],
  ['ftruncate', 'ENOSPC', { start: 1 }],
  ['fcntl', 'EMFILE', { start: 1, connect: 2 }],
  ['epoll_ctl', 'ENOSPC', { start: 1, connect: 2 }],
];

it.each(
  FAULTS.flatMap(([kind, error, reached]) => [true, false].map((strict) => [kind, error, strict, reached] as const)),
)(
  '[WSD-1.1, 2.7, 3.3] %s fails with %s (RDMA demanded: %s)',
  async (kind, error, isStrict, reached) => {
    const { failed, seen, problem } = await tryFault({ kind, error, lasting: false }, isStrict);
    if (process.env.SANSWITCH_INJECT_LOG) console.log(kind, JSON.stringify(seen, null, 1));
    expect(problem).toBe('');
    for (const [phase, atLeast] of Object.entries(reached)) {
      expect(failed[phase], `calls of ${kind} in ${phase}`).toBeGreaterThanOrEqual(atLeast);
    }
  },
  LIMIT_MS + 10_000,
);
