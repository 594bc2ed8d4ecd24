/** Addresses that come and go, on real verbs. */
import { execFile, execFileSync } from 'node:child_process';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { LATE, LATE_STORY } from '../fixtures/late-story.js';

const host = process.env.SANSWITCH_TEST_HOST as string;
const [networkDevice = ''] =
  Object.entries(networkInterfaces()).find(([, list]) => list?.some(({ address }) => address === host)) ?? [];

it('[WSD-1.3] an address is served, listened on and reached by RDMA as long as it is there', () => {
  const program = fileURLToPath(new URL('../../build/test/fixtures/verbs-addresses.js', import.meta.url));
  const { added, removed, back } = JSON.parse(
    execFileSync(process.execPath, [program, networkDevice], { encoding: 'utf8' }),
  );
  expect(added).toEqual(['verbs', 'chosen: served']);
  expect(removed[1]).toBe('not-serving: no-subnet');
  expect(back).toEqual(added);
});

it('[WSD-1.3] a device that comes after the program serves the listeners that this has by then', async () => {
  execFileSync('rdma', ['link', 'delete', 'rxe0']);
  const { stdout } = await promisify(execFile)(process.execPath, [LATE, networkDevice, host, 'real'], {
    timeout: 60_000,
  });
  expect(JSON.parse(stdout)).toEqual(LATE_STORY);
}, 80_000);
