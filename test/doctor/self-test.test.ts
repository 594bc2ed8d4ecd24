import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DoctorReport, SelfTestReport } from 'sanswitch';
import { afterAll, describe, expect, it } from 'vitest';
import { NO_RDMA, sanswitch } from './command-line.js';

const LIMIT_MS = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'sanswitch-self-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const dist = (file: string): string => new URL(`../../dist/${file}`, import.meta.url).href;

/** A configuration whose `shm` fails in one call. */
function failingConfig(call: string, nth: number): string {
  const file = join(folder, `${call}-${nth}.mjs`);
  writeFileSync(
    file,
    `import { ShmProvider } from '${dist('providers/shm/provider.js')}';
import { interpose } from '${dist('providers/interpose/provider.js')}';
import { Failure } from '${dist('providers/interpose/failure.js')}';
const failure = new Failure({ calls: ['${call}'], nth: ${nth}, count: 1e9, outcome: 'throw' });
export default { providers: [{ name: 'shm', provider: interpose(new ShmProvider(), failure) }] };
`,
  );
  return file;
}

async function selfTest(...args: string[]): Promise<{ code: number | null; tests: Map<string, SelfTestReport> }> {
  const { code, stdout, stderr } = await sanswitch(['doctor', '--self-test', '--json', ...args], NO_RDMA);
  expect(stderr).toBe('');
  const { selfTest: tests } = JSON.parse(stdout) as DoctorReport & { selfTest: SelfTestReport[] };
  return { code, tests: new Map(tests.map((test) => [test.name, test])) };
}

describe('sanswitch doctor --self-test', () => {
  it('passes by TCP/IP and shared memory, and says why RDMA is not tested', { timeout: LIMIT_MS }, async () => {
    const { code, tests } = await selfTest();
    expect(code).toBe(0);
    expect([...tests.keys()]).toEqual(['tcp', 'shm', 'verbs']);
    for (const name of ['tcp', 'shm']) {
      expect(tests.get(name)).toMatchObject({
        outcome: 'passed',
        why: null,
        address: '127.0.0.1',
        figures: { roundTrips: 3_000, bytes: 16 * 1024 * 1024 },
      });
      const { p50Us = 0, p99Us = 0, mbPerS = 0 } = tests.get(name)?.figures ?? {};
      expect(p50Us).toBeGreaterThan(0);
      expect(p99Us).toBeGreaterThanOrEqual(p50Us);
      expect(mbPerS).toBeGreaterThan(0);
    }
    expect(tests.get('verbs')).toMatchObject({ outcome: 'skipped', figures: null, address: null });
    expect(tests.get('verbs')?.why).not.toBe('');
  });

  it('says so in words', { timeout: LIMIT_MS }, async () => {
    const { code, stdout, stderr } = await sanswitch(['doctor', '--self-test'], NO_RDMA);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(
      /\nSelf test\n {2}tcp +passed: 3000 round trips of 64 bytes, p50 [\d.]+ µs, p99 [\d.]+ µs; 16 MiB there and back at \d+ MB\/s/,
    );
    expect(stdout).toMatch(/\n {2}verbs +skipped: /);
  });

  it.each([
    ['WSPListen', 1, /^the listening process: .*injected into WSPListen/],
    ['WSPConnect', 1, /^the connecting process: .*injected into WSPConnect/],
    // In the middle of the round trips.
    ['WSPSend', 1_000, /^the (connecting|listening) process: .*(injected into WSPSend|ECONNRESET)/],
  ])('fails where the provider fails in %s', { timeout: LIMIT_MS }, async (call, nth, why) => {
    const { code, tests } = await selfTest('--config', failingConfig(call, nth));
    expect(code).toBe(1);
    expect(tests.get('shm')).toMatchObject({ outcome: 'failed', figures: null, why: expect.stringMatching(why) });
    expect(tests.get('tcp')).toMatchObject({ outcome: 'passed' });
  });

  it('tests nothing unless it is told to', async () => {
    const { stdout } = await sanswitch(['doctor', '--json'], NO_RDMA);
    expect(JSON.parse(stdout)).not.toHaveProperty('selfTest');
  });
});
