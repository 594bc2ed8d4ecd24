/** The soak of actors: a short one, and that it finds what it looks for. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import type Hand from '../fixtures/actors/hand.js';
import { type Holdings, holdingsOf, leaks } from '../soak/holdings.js';
import { moduleUrl, runtimeOf } from './runtimes.js';

const SOAK = fileURLToPath(new URL('../../build/test/soak/main.js', import.meta.url));
const MIB = 2 ** 20;

function soak(...args: string[]) {
  return promisify(execFile)(process.execPath, [SOAK, ...args]);
}

it('a short soak leaves nothing behind', { timeout: 60_000 }, async () => {
  const { stdout, stderr } = await soak('actors', '--minutes', '0.15', '--seed', '7');
  expect(stderr).toBe('');
  expect(stdout).toMatch(
    /^soak: seed 7\n( +\d+ s {2}day \d+: main .*, descriptors \d+, mappings \d+, \d+ threads\n)+soak: nothing is left behind\n$/,
  );
});

it('explains itself, and takes nothing that it does not know', async () => {
  expect((await soak('--help')).stdout).toContain('hand-off');
  expect((await soak('actors', '--help')).stdout).toContain('--minutes N');
  for (const args of [['sockets'], ['--minutes', '0'], ['actors', '--seed', 'x'], ['actors', '--fast']]) {
    await expect(soak(...args)).rejects.toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/^.*\n$/) });
  }
});

it('an actor that was left behind is found', { timeout: 20_000 }, async () => {
  const runtime = await runtimeOf();
  const { counts } = await holdingsOf(runtime, new Map(), () => ({}));
  await runtime.spawn<typeof Hand>(moduleUrl('hand'), { label: 'left' }, { worker: 1 });
  await expect(holdingsOf(runtime, new Map(), () => ({}), counts)).rejects.toThrow(
    'left behind: worker-1: actors: 1 instead of 0',
  );
});

it('memory that grows is found, and memory that goes up and down is not', () => {
  const looks = (bytesOf: (i: number) => number): Holdings[] =>
    Array.from({ length: 100 }, (_, i) => ({ counts: {}, levels: { main: bytesOf(i) } }));
  expect(leaks(looks((i) => 10 * MIB + i * 0.05 * MIB))).toEqual(['main: 11.2 MiB have become 13.8 MiB']);
  expect(leaks(looks((i) => 10 * MIB + (i % 10) * MIB))).toEqual([]);
});
