// The RDMA questions that need no other program, over the fake libraries: what they say, not how much.
import { describe, expect, it } from 'vitest';
import type { Line } from '../../bench/harness/contest.js';
import { fakeVerbsEnvironment } from '../fixtures/fake-verbs.js';
import { buildAddon, buildLibrary } from '../native/build.mjs';
import { runToEnd } from './command.js';

const LIMIT_MS = 60_000;

async function ask(question: string): Promise<Line[]> {
  await buildAddon();
  const environment = {
    ...fakeVerbsEnvironment(await buildLibrary('fake-verbs', 'plain')),
    // The fake wire ends where the process does.
    SANSWITCH_BENCH_ONE_PROCESS: '1',
  };
  const args = [question, '--json', '--duration', '2', '--host', '127.0.0.1'];
  const { exitCode, stdout, stderr } = await runToEnd('main', args, environment);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

describe('npm run bench, by RDMA', () => {
  it('rdma-copy: no copy by the sender, one by the receiver at most', { timeout: LIMIT_MS }, async () => {
    const lines = await ask('rdma-copy');
    expect(lines.map(({ variant }) => variant).sort()).toEqual(['verbs copied', 'verbs lent', 'verbs own buffer']);
    for (const line of lines) {
      expect(line).toMatchObject({ question: 'rdma-copy', provider: 'verbs', rounds: 5 });
      expect(line.copies_sent).toBeLessThan(0.0001);
      expect(line.copies_received).toBeLessThan(1.0001);
    }
    expect(lines[0]).toMatchObject({ variant: 'verbs lent', judged: false });
    expect(lines[0]?.copies_received).toBeLessThan(0.0001);
    expect(lines.at(-1)?.ratio).toBeGreaterThan(0.999);
  });

  it('rdma-actor: both pollers beside stream sockets', { timeout: LIMIT_MS }, async () => {
    const lines = await ask('rdma-actor');
    expect(lines.map(({ variant, judged }) => [variant, judged])).toEqual([
      ['socket actors, dedicated poller', false],
      ['socket actors', true],
    ]);
    for (const line of lines) {
      expect(line).toMatchObject({
        provider: 'verbs',
        size: 64,
        baseline: { name: 'stream sockets', provider: 'verbs' },
      });
      expect(line.p99_us).toBeGreaterThanOrEqual(line.p50_us as number);
    }
  });

  it('rdma-fallback: refused, and remembered', { timeout: LIMIT_MS }, async () => {
    const lines = await ask('rdma-fallback');
    expect(lines.map(({ variant, judged }) => [variant, judged])).toEqual([
      ['further connects', false],
      ['first connect', true],
    ]);
    for (const line of lines) expect(line).toMatchObject({ provider: 'tcp', baseline: { provider: 'node:net' } });
  });

  it('an address has to be named', { timeout: LIMIT_MS }, async () => {
    const { exitCode, stderr } = await runToEnd('main', ['rdma-fallback', '--duration', '1']);
    expect(exitCode).toBe(2);
    expect(stderr).toContain('--host ADDRESS');
  });
});
