import { mkdtempSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CONTROL_VARIABLE, FailCalls, type Fault, makeControlFile } from '../fault/fail-calls.js';
import { buildLibrary } from '../native/build.mjs';
import { ServerProcess } from './intake-process.js';
import { allClosed, echoes } from './intake-rig.js';

/** Node itself needs about 25. */
const DESCRIPTORS = 64;
/** As native/tcp/acceptor.cc has it. */
const PAUSE_MS = 50;

let server: ServerProcess | undefined;
afterEach(() => server?.end());

describe('a process that runs out of descriptors', () => {
  it('says so once, sheds some, lets the others wait without burning the processor, and recovers', async () => {
    server = await ServerProcess.start(`ulimit -n ${DESCRIPTORS};`);
    const clients = await server.connect(100);
    await delay(4 * PAUSE_MS);
    const start_ms = performance.now();
    const early = await server.state();
    await delay(6 * PAUSE_MS);
    const late = await server.state();
    const elapsed_ms = performance.now() - start_ms;
    expect(late.errors).toEqual(['accept EMFILE']);
    expect(late.accepted).toBe(late.open);
    expect(late.accepted).toBeGreaterThan(10);
    expect(late.accepted).toBeLessThan(DESCRIPTORS);
    // One for each pause, until nobody is left who waits.
    expect(late.shed).toBeGreaterThanOrEqual(1);
    expect(late.shed).toBeLessThanOrEqual(late.pauses);
    expect(late.pauses - early.pauses).toBeLessThanOrEqual(1 + elapsed_ms / PAUSE_MS);
    expect(late.cpuUs - early.cpuUs).toBeLessThan(0.5e3 * elapsed_ms);
    // Those that are in go on, and room lets in who waits.
    await echoes(clients[0] as Socket, 'still here');
    for (const client of clients.slice(1, 40)) client.destroy();
    await echoes(clients[75] as Socket, 'let in at last');
    expect((await server.state()).accepted).toBeGreaterThan(late.accepted);
  });
});

describe('a call that fails', () => {
  let folder: string;
  let library: string;
  let failCalls: FailCalls;
  let running: ServerProcess;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'sanswitch-intake-'));
    library = await buildLibrary('fail_calls.cc');
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  beforeEach(async () => {
    const controlFile = join(folder, 'control');
    makeControlFile(controlFile);
    running = await ServerProcess.start('', { LD_PRELOAD: library, [CONTROL_VARIABLE]: controlFile });
    server = running;
    failCalls = new FailCalls(controlFile);
  });
  afterEach(() => failCalls.close());

  const once = (kind: string, error: Fault['error']): Fault => ({ kind, error, lasting: false });

  async function connectOne(): Promise<Socket> {
    return (await running.connect(1))[0] as Socket;
  }

  it.each(['ECONNABORTED', 'EINTR', 'EPROTO', 'ENETDOWN', 'EHOSTUNREACH'] as const)(
    'accept4 with %s: that concerned one connection, the next is taken at once',
    async (error) => {
      failCalls.arm(once('accept4', error), 1);
      await echoes(await connectOne(), 'served');
      expect(failCalls.disarm().failed).toBe(1);
      expect(await running.state()).toMatchObject({ accepted: 1, aborted: 1, pauses: 0, errors: [] });
    },
  );

  it.each(['ENOBUFS', 'ENOMEM', 'EPERM'] as const)('accept4 with %s: told, and tried again later', async (error) => {
    failCalls.arm(once('accept4', error), 1);
    const start = performance.now();
    await echoes(await connectOne(), 'served');
    expect(performance.now() - start).toBeGreaterThan(0.9 * PAUSE_MS);
    expect(await running.state()).toMatchObject({ accepted: 1, shed: 0, pauses: 1, errors: [`accept ${error}`] });
  });

  it('accept4 with ENFILE, for long: told once, then told again when it happens anew', async () => {
    for (const round of [1, 2]) {
      failCalls.arm({ kind: 'accept4', error: 'ENFILE', lasting: true }, 1);
      const client = await connectOne();
      await delay(5 * PAUSE_MS);
      // Each try and the try with the reserve.
      expect(failCalls.disarm().failed).toBeGreaterThanOrEqual(4);
      await echoes(client, 'served');
      const { accepted, shed, errors } = await running.state();
      expect({ accepted, shed, errors }).toEqual({
        accepted: round,
        shed: 0,
        errors: Array(round).fill('accept ENFILE'),
      });
    }
  });

  it('accept4 with EMFILE: one is shed by the reserve', async () => {
    failCalls.arm(once('accept4', 'EMFILE'), 1);
    await allClosed([await connectOne()]);
    await echoes(await connectOne(), 'served');
    expect(await running.state()).toMatchObject({ accepted: 1, shed: 1, pauses: 1, errors: ['accept EMFILE'] });
  });

  it.each([
    ['getsockname', 'ENOBUFS'],
    ['getsockopt', 'ENOMEM'],
    ['operator new', 'ENOMEM'],
  ] as const)('%s with %s: that connection is closed and told, the next is served', async (kind, error) => {
    failCalls.arm(once(kind, error), 1);
    await allClosed([await connectOne()]);
    expect(failCalls.disarm().failed).toBe(1);
    await echoes(await connectOne(), 'served');
    expect(await running.state()).toMatchObject({ accepted: 1, open: 1, pauses: 1, errors: [`accept ${error}`] });
  });
});
