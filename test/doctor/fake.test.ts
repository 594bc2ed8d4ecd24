/** The doctor over the fake libibverbs and librdmacm: what real machines can't be made to say. */
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { DoctorReport, RdmaDeviceReport } from 'sanswitch';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fakeVerbsEnvironment } from '../fixtures/fake-verbs.js';
import { buildLibrary } from '../native/build.mjs';
import { PROGRAM, reportOf, sanswitch } from './command-line.js';
import { makeTree, rdmaDevice } from './sysfs-tree.js';

let library = '';
let oldLibrary = '';
beforeAll(async () => {
  library = await buildLibrary('fake-verbs', 'plain');
  oldLibrary = await buildLibrary('fake-verbs', 'plain', ['FAKE_WITHOUT_OPTIONAL']);
}, 120_000);

function report(commands = '', args: readonly string[] = []): Promise<DoctorReport> {
  return reportOf(args, { SANSWITCH_SYSFS: '/nowhere', ...fakeVerbsEnvironment(library, commands) });
}

async function device(commands: string): Promise<RdmaDeviceReport> {
  const { rdma } = await report(`device fake0 lo 127.0.0.0/8; ${commands}`);
  expect(rdma.devices).toHaveLength(1);
  return rdma.devices[0] as RdmaDeviceReport;
}

describe('devices as libibverbs shows them', () => {
  it('are told with their ports and what they offer', async () => {
    const { rdma } = await report('device roce0 lo 127.0.1.0/24; device roce1 lo 127.0.2.0/24');
    expect(rdma.libraries).toMatchObject({ loaded: true, missing: [] });
    expect(rdma.devices.map(({ name }) => name)).toEqual(['roce0', 'roce1']);
    expect(rdma.devices[0]).toMatchObject({
      transport: 'InfiniBand',
      guid: expect.stringMatching(/^([0-9a-f]{4}:){3}[0-9a-f]{4}$/),
      error: null,
      ports: [{ port: 1, state: 'ACTIVE', linkLayer: 'Ethernet', mtu: 1_024 }],
      capabilities: { hasRead: true, hasWindows: true, hasSharedReceives: true },
    });
  });

  it.each([
    ['read', { hasRead: false, hasWindows: true, hasSharedReceives: true }],
    ['windows', { hasRead: true, hasWindows: false, hasSharedReceives: true }],
    ['srq', { hasRead: true, hasWindows: true, hasSharedReceives: false }],
  ])('may be without %s', async (feature, capabilities) => {
    expect((await device(`without ${feature}`)).capabilities).toMatchObject(capabilities);
  });

  it.each([
    ['ibv_open_device', 13, 'ibv_open_device: Permission denied'],
    ['ibv_query_device', 5, 'ibv_query_device: Input/output error'],
    ['ibv_query_port', 22, 'ibv_query_port 1: Invalid argument'],
  ] as const)('may not answer: %s, error %d', async (call, errno, error) => {
    // The provider asks first, then the doctor.
    expect(await device(`fail ${call} 1 ${errno}; fail ${call} 2 ${errno}`)).toMatchObject({
      error,
      capabilities: null,
    });
  });

  it('may not be listed', async () => {
    const { rdma, providers } = await report('fail ibv_get_device_list 1 12; fail ibv_get_device_list 2 12');
    expect(rdma).toMatchObject({ devices: [], devicesError: 'ENOMEM' });
    expect(providers.find(({ name }) => name === 'verbs')?.findings).toContainEqual({
      severity: 'error',
      text: "libibverbs can't list devices: ENOMEM",
      remedy: null,
    });
  });
});

describe('verbs', () => {
  const tree = makeTree({
    'class/net/lo/address': '00:00:00:00:00:00',
    ...rdmaDevice('fake0', [{}], { 'device/net/lo/address': '' }),
  });
  afterAll(tree.remove);
  const environment = () => ({ ...fakeVerbsEnvironment(library), SANSWITCH_SYSFS: tree.root });
  const verbsOf = ({ providers }: DoctorReport) => providers.find(({ name }) => name === 'verbs');

  it('is used where it starts and serves addresses, and says that it listens nowhere', async () => {
    const { code, stdout, stderr } = await sanswitch(['doctor', '--providers', 'verbs!'], environment());
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^ {2}verbs +used: for 127\.0\.0\.1\/8, ::1\/128, where the other end has it too$/m);
    expect(stdout).toMatch(
      /^ +note +it connects, but listens nowhere: .*\n +-> \{ name: 'verbs', options: \{ listen: \['lo'\] \} \}$/m,
    );
    expect(stdout).toMatch(
      /^ {2}addresses +127\.0\.0\.1\/8 by fake0 port 1 \(lo\)\n +::1\/128 by fake0 port 1 \(lo\)$/m,
    );
    expect(stdout).toMatch(/^ {2}listening +nowhere/m);
  });

  it('shows what it exposes', async () => {
    const { root, remove } = makeTree({
      'config.json': JSON.stringify({ providers: [{ name: 'verbs', options: { listen: ['127.0.0.1', 'eth9'] } }] }),
    });
    const { stdout } = await sanswitch(['doctor', '--config', `${root}/config.json`], environment());
    remove();
    expect(stdout).toMatch(
      /^ {2}addresses +127\.0\.0\.1\/8 by fake0 port 1 \(lo\), exposed\n +::1\/128 by fake0 port 1 \(lo\)$/m,
    );
    expect(stdout).toMatch(/^ {2}listening +127\.0\.0\.1, eth9; exposed now: 127\.0\.0\.1$/m);
    expect(stdout).toMatch(/^ +warning +listen names what is not served here: eth9$/m);
    expect(stdout).toMatch(/^ +note +listeners on 127\.0\.0\.1 take RDMA connections that no packet filter sees/m);
  });

  it('is not used with options that it does not take, or devices that are not there', async () => {
    const { root, remove } = makeTree({
      'typo.json': JSON.stringify({ providers: [{ name: 'verbs', options: { lissen: 'all' } }] }),
      'device.json': JSON.stringify({ providers: [{ name: 'verbs', options: { devices: ['mlx5_0'] } }] }),
    });
    const typo = await reportOf(['--config', `${root}/typo.json`], environment());
    expect(verbsOf(typo)).toMatchObject({ isUsed: false, why: "verbs: there is no option 'lissen'" });
    const device = await reportOf(['--config', `${root}/device.json`], environment());
    remove();
    expect(verbsOf(device)).toMatchObject({
      isUsed: false,
      findings: expect.arrayContaining([
        {
          severity: 'error',
          text: 'no RDMA device here is among those that the configuration allows (mlx5_0): fake0',
          remedy: "{ name: 'verbs', options: { devices: ['fake0'] } }",
        },
      ]),
    });
  });

  it('shows who listens by RDMA on this host, whoever it is, if the tool for that is there', async () => {
    const listeners = [
      {
        ifindex: 0,
        ifname: 'rxe0',
        'cm-idn': 0,
        state: 'LISTEN',
        ps: 'TCP',
        pid: 162,
        comm: 'rping',
        'src-addr': '0.0.0.0:7002',
      },
      {
        ifname: 'rxe0',
        port: 1,
        state: 'LISTEN',
        pid: 163,
        comm: 'node',
        'src-addr': 'fd77::1:7003',
        'dst-addr': ':::0',
      },
      { ifname: 'rxe0', port: 1, state: 'LISTEN', comm: '[nvmet]', 'src-addr': '10.77.0.1:4420' },
      { ifname: 'rxe0', port: 1, state: 'CONNECT', pid: 163, comm: 'node', 'src-addr': '10.77.0.1:7003' },
    ];
    const { root, remove } = makeTree({ rdma: `#!/bin/sh\necho '${JSON.stringify(listeners)}'` });
    chmodSync(`${root}/rdma`, 0o755);
    const told = await sanswitch(['doctor'], { ...environment(), PATH: `${root}:${process.env.PATH}` });
    expect(told.stdout).toMatch(
      /^ {2}open now +0\.0\.0\.0:7002 on rxe0 by rping \(162\)\n +fd77::1:7003 on rxe0 by node \(163\)\n +10\.77\.0\.1:4420 on rxe0 by \[nvmet\]\n {2}memlock/m,
    );
    writeFileSync(`${root}/rdma`, '#!/bin/sh\nexit 1\n');
    const untold = await sanswitch(['doctor'], { ...environment(), PATH: `${root}:${process.env.PATH}` });
    expect(untold.stdout).toMatch(/^ {2}open now +unknown: /m);
    remove();
  });

  const unshareReason = spawnSync('unshare', ['-r', 'true']).status === 0 ? null : 'needs unshare -r';

  it.skipIf(unshareReason !== null)(`is told how much memory it may lock ${unshareReason ?? ''}`, async () => {
    const limited = ['-r', 'sh', '-c', 'ulimit -l 8192; exec "$@"', 'sh', process.execPath, PROGRAM, 'doctor'];
    const { stdout } = await promisify(execFile)('unshare', limited, { env: { ...process.env, ...environment() } });
    expect(stdout).toMatch(/^ {2}memlock +8 MiB \(at most 8 MiB\); a thread may want 320 MiB: too little$/m);
    expect(stdout).toMatch(/^ +warning +8 MiB of memory may be locked, .*\n +-> .*memlock/m);
  });
});

describe('libraries', () => {
  it('may lack optional functions, which is told and no obstacle', async () => {
    const { rdma } = await reportOf([], { SANSWITCH_SYSFS: '/nowhere', ...fakeVerbsEnvironment(oldLibrary) });
    expect(rdma.libraries?.loaded).toBe(true);
    expect(rdma.libraries?.absent).toContain('ibv_is_fork_initialized');
    expect(rdma.devices).toHaveLength(1);
  });

  it('may be others than the names say: what they lack is told', async () => {
    const names = { SANSWITCH_LIBIBVERBS: 'libc.so.6', SANSWITCH_LIBRDMACM: `libnowhere.so:${library}` };
    const { code, stdout, stderr } = await sanswitch(['doctor', '--providers', 'verbs!'], {
      SANSWITCH_SYSFS: '/nowhere',
      ...names,
    });
    expect([code, stderr]).toEqual([1, '']);
    expect(stdout).toMatch(/error +the RDMA libraries are too old: they have no ibv_get_device_list, /);
    expect(stdout).toMatch(/^ {2}libraries +libc\.so\.6: loaded\n +libnowhere\.so: .*no such file/im);
    expect(stdout).toMatch(/^ {2}verbs +NOT USED, though demanded: /m);
  });
});
