/**
 * Failure injection: the n-th call that the addon makes of one kind fails, for every n of loading it, start, listen,
 * connect, transfer and close (test/native/fail_calls.cc). The process lives, the application sees what the rules say
 * (1.1: left out with a reason; 2.7, 3.3: TCP/IP with a reason; one error with a code where a provider is demanded or the
 * connection stood already), nothing stays behind, and afterwards everything works as ever.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Order, Report } from '../fixtures/fail-calls-child.js';
import { buildLibrary } from '../native/build.mjs';
import { CONTROL_VARIABLE, type Fault, makeControlFile, NO_PEERPIDFD } from './fail-calls.js';
import { reportOf } from './report.js';
import type { Phase } from './round.js';

const child = join(process.cwd(), 'build', 'test', 'fixtures', 'fail-calls-child.js');
const LIMIT_MS = 60_000;

let folder: string;
let library: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'sanswitch-inject-'));
  library = await buildLibrary('fail_calls.cc');
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

async function tryFaults(
  plans: Order['plans'],
  phases: readonly Phase[],
  kernel: NodeJS.ProcessEnv = {},
): Promise<Report> {
  const controlFile = join(folder, 'control');
  makeControlFile(controlFile);
  const order: Order = { controlFile, plans, phases };
  const env = { ...process.env, ...kernel, LD_PRELOAD: library, [CONTROL_VARIABLE]: controlFile };
  return reportOf(child, order, env, LIMIT_MS);
}

/** A kind of call, what it fails with, and at least how many are reached in which phase: none reached is a test of nothing. */
const FAULTS: readonly [Fault['kind'], Fault['error'], Partial<Record<Phase, number>>][] = [
  ['operator new', 'ENOMEM', { load: 2, start: 2, listen: 2, connect: 8 }],
  ['mmap', 'ENOMEM', { connect: 4, close: 4 }],
  ['memfd_create', 'EMFILE', { connect: 2 }],
  ['ftruncate', 'ENOSPC', { connect: 2 }],
  ['fcntl', 'EBUSY', { connect: 4 }],
  ['fstat', 'ENOMEM', { connect: 4 }],
  ['fstatfs', 'ENOMEM', { connect: 2 }],
  ['socket', 'EMFILE', { start: 2, listen: 1, connect: 2 }],
  ['bind', 'ENOMEM', { start: 2, listen: 1, connect: 2 }],
  ['connect', 'ENOBUFS', { connect: 2 }],
  ['listen', 'ENOBUFS', { listen: 1, connect: 1 }],
  ['accept4', 'EMFILE', { connect: 1 }],
  ['sendmsg', 'ENOBUFS', { connect: 3 }],
  ['send', 'ENOBUFS', { transfer: 1 }],
  ['sendto', 'ENOBUFS', { connect: 2 }],
  ['recvmsg', 'ENOMEM', { connect: 3 }],
  ['recv', 'ENOMEM', { transfer: 1 }],
  ['recvfrom', 'ENOBUFS', { connect: 2 }],
  ['getsockopt', 'ENOBUFS', { listen: 1, connect: 3 }],
  ['poll', 'ENOMEM', { connect: 1 }],
  ['epoll_ctl', 'ENOSPC', { start: 2, listen: 1, connect: 3 }],
  ['pidfd_open', 'EMFILE', { connect: 1 }],
];

/** What a process that is out of something fails with, again and again. */
const LASTING = new Set(['operator new', 'mmap', 'memfd_create', 'socket', 'accept4', 'send']);
const PHASES: readonly Phase[] = ['start', 'listen', 'connect', 'transfer', 'close'];

it.each(FAULTS)(
  '[WSD-1.1, 2.7, 3.3] %s fails with %s',
  async (kind, error, reached) => {
    const plan = (provider: 'shm' | 'shm!', lasting: boolean) => {
      return { fault: { kind, error, lasting }, providers: [provider], realPort: false };
    };
    const lasting = LASTING.has(kind) ? [plan('shm', true)] : [];
    const phases: readonly Phase[] = reached.load === undefined ? PHASES : ['load', ...PHASES];
    const kernel = kind === 'pidfd_open' ? NO_PEERPIDFD : {};
    const { plans, problem } = await tryFaults([plan('shm', false), plan('shm!', false), ...lasting], phases, kernel);
    if (process.env.SANSWITCH_INJECT_LOG) console.log(kind, JSON.stringify(plans, null, 1));
    expect(problem).toBe('');
    for (const { failed } of plans) {
      for (const [phase, atLeast] of Object.entries(reached)) {
        expect(failed[phase as Phase], `calls of ${kind} in ${phase}`).toBeGreaterThanOrEqual(atLeast);
      }
    }
  },
  2 * LIMIT_MS,
);

it.each([
  ['socket', 'EMFILE'],
  ['bind', 'EADDRINUSE'],
  ['setsockopt', 'ENOMEM'],
  ['getsockname', 'ENOBUFS'],
] as const)(
  '[WSD-2.5] %s fails with %s while a port of the host is bound',
  async (kind, error) => {
    const plan = { fault: { kind, error, lasting: false }, providers: ['shm'], realPort: true } as const;
    const { plans, problem } = await tryFaults([plan], ['connect']);
    expect(problem).toBe('');
    expect(plans[0]?.failed.connect).toBeGreaterThanOrEqual(1);
  },
  2 * LIMIT_MS,
);

it('[WSD-2.1] a signal that interrupts a look at the peer changes nothing', async () => {
  const fault = { kind: 'poll', error: 'EINTR', lasting: false } as const;
  const { plans, problem } = await tryFaults([{ fault, providers: ['shm!'], realPort: false }], ['connect']);
  expect(problem).toBe('');
  expect(plans[0]?.failed.connect).toBeGreaterThanOrEqual(1);
  expect(plans[0]?.seen.connect).toEqual(['as ever']);
});
