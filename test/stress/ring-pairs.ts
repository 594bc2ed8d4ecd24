// Runs the two ends of a ring test against each other: each in TypeScript or C++, as two threads or two processes.
import { spawn } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { loadRingAddon } from '../fixtures/ring-addon.js';
import { arenaBytes, type Result } from '../fixtures/ring-arena.js';
import type { RoleTask } from '../fixtures/ring-peer.js';
import { buildAddon, buildProgram } from '../native/build.mjs';

/** What an end is written in. */
export type Language = 'ts' | 'cpp';
/** One end of a test. */
export interface End extends Omit<RoleTask, 'fd'> {
  language: Language;
}

/** All pairings; the first is the writing end, or the one that begins. */
export const pairings: readonly (readonly [Language, Language])[] = [
  ['ts', 'ts'],
  ['ts', 'cpp'],
  ['cpp', 'ts'],
  ['cpp', 'cpp'],
];

const peerModule = join(process.cwd(), 'build', 'test', 'fixtures', 'ring-peer.js');

/** Builds what the ends need; for `beforeAll`. */
export async function buildEnds(): Promise<void> {
  await Promise.all([buildAddon(), buildProgram('ring_peer.cc', 'plain')]);
}

function runWorker(buffer: SharedArrayBuffer, ringTask: RoleTask): Promise<Result> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(peerModule, { workerData: { ringTask, buffer } });
    worker.once('message', resolve).once('error', reject);
    worker.once('exit', (code) => reject(new Error(`the worker ended with ${code}`)));
  });
}

/** Starts a role on a native thread; the returned function waits for it, blocking. */
function startThread(buffer: SharedArrayBuffer, task: RoleTask): () => Result {
  const addon = loadRingAddon();
  const view = new Uint8Array(buffer);
  const handle = addon.startRole(view, task.role, task.seed, task.amount, task.limit_ms, task.fd);
  return () => {
    const numbers = new Float64Array(6);
    const problem = addon.joinRole(handle, numbers);
    const [checksum, records, errors, sleeps, switches] = numbers;
    return { isOk: problem === '', problem, checksum: checksum | 0, records, errors, sleeps, switches };
  };
}

/** Runs both ends as threads of this process. */
export async function runThreads(ends: readonly [End, End]): Promise<Result[]> {
  const buffer = new SharedArrayBuffer(arenaBytes);
  const started = ends.map((end) =>
    end.language === 'ts' ? runWorker(buffer, { ...end, fd: -1 }) : startThread(buffer, { ...end, fd: -1 }),
  );
  // The workers first: waiting for a native thread blocks the loop that their results come through.
  const fromWorkers = await Promise.all(started.map((one) => (typeof one === 'function' ? undefined : one)));
  return started.map((one, index) => (typeof one === 'function' ? one() : (fromWorkers[index] as Result)));
}

async function runProcess(end: End, memory: number, doorbell: number): Promise<Result> {
  const args = [end.role, end.seed, end.amount, end.limit_ms].map(String);
  const native = await buildProgram('ring_peer.cc', 'plain');
  const [command, rest] = end.language === 'ts' ? [process.execPath, [peerModule, ...args]] : [native, args];
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit', memory, doorbell] });
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code !== 0) reject(new Error(`${end.language} ${end.role} ended with ${signal ?? code}`));
      else resolve(JSON.parse(output, (key, value) => (key === 'checksum' ? value | 0 : value)));
    });
  });
}

/** Runs each end as a process of its own. */
export async function runProcesses(ends: readonly [End, End]): Promise<Result[]> {
  const folder = mkdtempSync(join(tmpdir(), 'ring-'));
  const memory = openSync(join(folder, 'arena'), 'w+');
  const doorbells = new Int32Array(2);
  try {
    ftruncateSync(memory, arenaBytes);
    if (loadRingAddon().socketPair(doorbells) !== 0) throw new Error('no socket pair');
    return await Promise.all(ends.map((end, index) => runProcess(end, memory, doorbells[index])));
  } finally {
    for (const fd of [memory, ...doorbells]) closeSync(fd);
    rmSync(folder, { recursive: true });
  }
}
