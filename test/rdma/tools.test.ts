/** The device carries what other programs send over it, and what these say of it can be read. */
import { expect, it } from 'vitest';
import { readBandwidth, rping, rstream, sendLatency } from '../../bench/harness/verbs-tools.js';

const ADDRESS = process.env.SANSWITCH_TEST_HOST as string;

it.each([
  ['ib_send_lat', async () => (await sendLatency(ADDRESS, 64, 200)).p50Us],
  ['ib_read_bw', async () => (await readBandwidth(ADDRESS, 65_536, 100)).mibPerS],
  ['rping', () => rping(ADDRESS, 64, 20)],
  ['rstream', async () => (await rstream(ADDRESS, 64, 1, 50)).usPerTransfer],
])('%s runs', async (_, run) => {
  expect(await run()).toBeGreaterThan(0);
});
