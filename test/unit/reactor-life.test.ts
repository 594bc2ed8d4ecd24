import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { closeDescriptor, unixListen } from '#src/native/os.js';
import { threadWindows } from '#src/reactor/window.js';
import { acceptEnds, WordLink } from '../fixtures/word-link.js';

const fixture = (name: string): string => join(process.cwd(), 'build', 'test', 'fixtures', `${name}.js`);
const run = promisify(execFile);
/** More of them for a long run: REACTOR_CYCLES=1000. */
const cycles = Number(process.env.REACTOR_CYCLES ?? 50);
describe('ref and unref', () => {
  it.each(['unref', 'ref-unref'])('%s: the process ends by itself', async (mode) => {
    const { stdout } = await run(process.execPath, [fixture('reactor-exit'), mode], { timeout: 10_000 });
    expect(stdout).toBe('timer exit');
  });

  it.each(['ref', 'poll'])('%s: the process stays, asleep', async (mode) => {
    const child = spawn(process.execPath, [fixture('reactor-exit'), mode], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect(String((await once(child.stdout, 'data'))[0])).toBe('timer ');
    await delay(300);
    expect(child.exitCode).toBeNull();
    child.kill('SIGKILL');
    expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  });
});

describe('exceptions', () => {
  it('reach uncaughtException, and the reactor goes on if that survives', async () => {
    const { stdout } = await run(process.execPath, [fixture('reactor-throws'), 'handled'], { timeout: 10_000 });
    expect(stdout.trim().split('\n')).toEqual([
      'caught from poll: first',
      'the other pollable was called',
      'caught from a tick: second',
      'caught from beforeSleep: third',
      'caught from a link: fourth',
      'polled again',
    ]);
  });

  it('end a process without a handler, with the usual report', () => {
    const result = spawnSync(process.execPath, [fixture('reactor-throws'), 'unhandled'], {
      encoding: 'utf8',
      timeout: 10_000,
    });
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/Error: first\n\s+at .*reactor-throws/);
  });
});

/** Starts a worker that never rests and an echo for it in this thread, ends the worker, waits until its link is dead. */
async function startAndTerminate(name: string, after_ms: number): Promise<void> {
  const accepting = acceptEnds(name, () => {});
  const worker = new Worker(fixture('words-thread'), { workerData: { name } });
  const running = once(worker, 'message');
  const ends = await accepting;
  const ended = new Promise<void>((resolve) => {
    const link: WordLink = new WordLink(
      ends,
      (value) => link.send(value + 1),
      () => {
        link.close();
        resolve();
      },
    );
  });
  await running;
  await delay(after_ms);
  await worker.terminate();
  await ended;
}

/** The same, but the worker ends while it starts: `after_ms` later, whatever it does by then. */
async function terminateEarly(name: string, after_ms: number): Promise<void> {
  const listener = unixListen(name, 1);
  const worker = new Worker(fixture('words-thread'), { workerData: { name } });
  await once(worker, 'online');
  await delay(after_ms);
  await worker.terminate();
  closeDescriptor(listener);
}

/** Where the sockets and segments of this process lead. */
function ownDescriptors(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const target = readlinkSync(`/proc/self/fd/${fd}`);
      return /^socket:|memfd:/.test(target) ? [target] : [];
    } catch {
      return []; // Closed meanwhile, as the one that listed the folder is.
    }
  });
}

describe('threads that end', () => {
  it(`survives ${cycles} times worker.terminate() under traffic`, { timeout: 20_000 + cycles * 2_000 }, async () => {
    // What the addon opens. Node's own files of a thread that is ended while it reads them are not ours to close.
    const descriptors = (): number => ownDescriptors().length;
    let before = 0;
    for (let cycle = 0; cycle < cycles; cycle++) {
      const name = `sanswitch-test-life-${process.pid}-${cycle}`;
      if (cycle % 3 === 2) await terminateEarly(name, cycle % 7);
      else await startAndTerminate(name, cycle % 5);
      if (cycle === 5) before = descriptors();
    }
    // The descriptors of the terminated threads are closed, if not all at once: Node closes its own behind them.
    for (let tries = 0; descriptors() > before + 2 && tries < 50; tries++) await delay(100);
    expect(descriptors()).toBeLessThanOrEqual(before + 2);
    expect(threadWindows().regionCount).toBe(0);
  });

  it('survives a process.exit() inside a callback', async () => {
    const { stdout } = await run(process.execPath, [fixture('reactor-throws'), 'exit'], { timeout: 10_000 });
    expect(stdout.trim()).toBe('leaving');
  });
});
