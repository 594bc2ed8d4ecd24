/** The doctor on a machine with real verbs. */
import { networkInterfaces } from 'node:os';
import { createSwitch } from 'sanswitch';
import { expect, it } from 'vitest';
import type { SelfTestReport } from '#src/doctor/report.js';
import { reportOf, sanswitch } from '../doctor/command-line.js';

const host = process.env.SANSWITCH_TEST_HOST ?? '';
const networkDevice =
  Object.entries(networkInterfaces()).find(([, list]) => list?.some(({ address }) => address === host))?.[0] ?? '';

it('sees devices, ports, GIDs and the addresses that they serve', async () => {
  const { rdma, providers } = await reportOf(['--providers', 'verbs']);
  expect(rdma.libraries).toMatchObject({ loaded: true, missing: [] });
  expect(rdma.modules.every(({ isLoaded }) => isLoaded)).toBe(true);
  const address = rdma.addresses.find(({ subnet }) => subnet.startsWith(`${host}/`));
  expect(address).toMatchObject({ networkDevice, port: 1, isExposed: false });
  const device = rdma.devices.find(({ name }) => name === address?.device);
  expect(device).toMatchObject({ error: null, capabilities: { hasRead: true }, ports: [{ port: 1, state: 'ACTIVE' }] });
  expect(device?.ports[0]?.gids.some((gid) => gid.networkDevice === networkDevice)).toBe(true);
  expect(device?.ports[0]?.mtu).toBeGreaterThanOrEqual(256);
  expect(providers.find(({ name }) => name === 'verbs')).toMatchObject({ isUsed: true, isConfigured: true });
});

it('is content where verbs is demanded', async () => {
  const { code, stdout } = await sanswitch(['doctor', '--providers', 'verbs!']);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^ {2}verbs +used: for /m)]);
});

it('has two processes connect by RDMA, though nothing is configured to listen', { timeout: 100_000 }, async () => {
  const { stdout } = await sanswitch(['doctor', '--self-test', '--json'], {}, 90_000);
  const { selfTest } = JSON.parse(stdout) as { selfTest: SelfTestReport[] };
  const verbs = selfTest.find(({ name }) => name === 'verbs');
  expect(verbs).toMatchObject({ outcome: 'passed', why: null, figures: { bytes: 16 * 1024 * 1024 } });
});

it('shows what listens by RDMA now', async () => {
  const sw = await createSwitch({ providers: [{ name: 'verbs', required: true, options: { listen: 'all' } }] });
  const listener = await sw.listen({ host, port: 0 }, () => {});
  const { port } = listener.address();
  const { rdma } = await reportOf(['--providers', 'verbs']);
  await sw.close();
  expect(rdma.listeners).toContainEqual({
    address: host,
    port,
    device: rdma.addresses.find(({ subnet }) => subnet.startsWith(`${host}/`))?.device,
    pid: process.pid,
    program: expect.any(String),
  });
});
