import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type Roots,
  readContainer,
  readDistribution,
  readLockLimits,
  readModules,
  unusableDeviceFiles,
} from '#src/doctor/system.js';
import { type Files, makeTree } from './sysfs-tree.js';

const removals: (() => void)[] = [];
afterEach(() => {
  for (const remove of removals.splice(0)) remove();
});

function rootOf(files: Files): string {
  const { root, remove } = makeTree(files);
  removals.push(remove);
  return root;
}

function rootsOf(files: Files): Roots {
  const root = rootOf(files);
  return { sys: join(root, 'sys'), proc: join(root, 'proc'), etc: join(root, 'etc'), dev: join(root, 'dev') };
}

describe('the distribution', () => {
  it.each([
    ['ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"', 'Debian GNU/Linux 12 (bookworm)', 'apt'],
    ["ID=linuxmint\nID_LIKE='ubuntu debian'\nPRETTY_NAME=Mint", 'Mint', 'apt'],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"', null, 'dnf'],
    ['ID="opensuse-leap"\nID_LIKE="suse opensuse"', null, 'zypper'],
    ['ID=arch', null, 'pacman'],
    ['ID=alpine', null, 'apk'],
    ['ID=plan9', null, null],
  ])('of %j', (text, name, tool) => {
    expect(readDistribution(rootsOf({ 'etc/os-release': text }))).toEqual({ name, tool });
  });

  it('may be unknown', () => expect(readDistribution(rootsOf({}))).toEqual({ name: null, tool: null }));
});

describe('the container', () => {
  it('is known by what it leaves behind', () => {
    expect(readContainer({}, rootOf({}))).toBeNull();
    expect(readContainer({}, rootOf({ '.dockerenv': '' }))).toBe('docker');
    expect(readContainer({}, rootOf({ 'run/.containerenv': '' }))).toBe('podman');
    expect(readContainer({ KUBERNETES_SERVICE_HOST: '10.0.0.1' }, rootOf({ '.dockerenv': '' }))).toBe('kubernetes');
  });
});

describe('memory that may be locked', () => {
  const MAP = '         0          0 4294967295';
  const NONE = 'CapEff:\t0000000000000000';
  const limitsOf = (memory: string, capabilities = NONE, map = MAP) =>
    readLockLimits(
      rootsOf({
        'proc/self/limits': `Limit                     Soft Limit           Hard Limit           Units\nMax locked memory         ${memory}  bytes\nMax file locks            unlimited            unlimited            locks`,
        'proc/self/status': `Name:\tnode\n${capabilities}\nCapBnd:\t000001ffffffffff`,
        'proc/self/uid_map': map,
      }),
    );

  it('is limited, or not', () => {
    expect(limitsOf('8388608              16777216')).toEqual({
      softBytes: 8_388_608,
      hardBytes: 16_777_216,
      isExempt: false,
    });
    expect(limitsOf('65536                unlimited')).toEqual({ softBytes: 65_536, hardBytes: null, isExempt: false });
    expect(limitsOf('unlimited            unlimited')).toEqual({ softBytes: null, hardBytes: null, isExempt: false });
  });

  it('is not limited for whoever has CAP_IPC_LOCK, in the first user namespace alone', () => {
    const held = 'CapEff:\t0000000000004000';
    expect(limitsOf('0                    0', held)?.isExempt).toBe(true);
    expect(limitsOf('0                    0', held, '         0       1000          1')?.isExempt).toBe(false);
    expect(limitsOf('0                    0', 'CapEff:\t0000000000008000')?.isExempt).toBe(false);
  });

  it('is unknown where the system says nothing', () => expect(readLockLimits(rootsOf({}))).toBeNull());
});

describe('kernel modules', () => {
  it('are known by what they make in sysfs', () => {
    expect(readModules(rootsOf({}), new Set())).toEqual([
      { name: 'ib_uverbs', isLoaded: false },
      { name: 'rdma_ucm', isLoaded: false },
    ]);
    const roots = rootsOf({ 'sys/class/infiniband_verbs/abi_version': '6', 'sys/class/misc/rdma_cm/dev': '10:58' });
    expect(readModules(roots, new Set()).every(({ isLoaded }) => isLoaded)).toBe(true);
  });

  it('that the hardware here wants are among them, each once', () => {
    const roots = rootsOf({
      'sys/class/net/eth0/device/driver': '-> ../../../../bus/pci/drivers/mlx5_core',
      'sys/class/net/eth1/device/driver': '-> ../../../../bus/pci/drivers/mlx5_core',
      'sys/class/net/eth2/device/driver': '-> ../../../../bus/pci/drivers/bnxt_en',
      'sys/class/net/eth3/device/driver': '-> ../../../../bus/pci/drivers/virtio_net',
      'sys/class/net/lo/address': '00:00:00:00:00:00',
      'sys/module/bnxt_re/version': '1',
    });
    expect(readModules(roots, new Set()).slice(2)).toEqual([
      { name: 'mlx5_ib', isLoaded: false },
      { name: 'bnxt_re', isLoaded: true },
    ]);
    expect(readModules(roots, new Set(['eth0'])).slice(2)[0]).toEqual({ name: 'mlx5_ib', isLoaded: true });
  });
});

describe('device files', () => {
  const sys = {
    'sys/class/infiniband_verbs/abi_version': '6',
    'sys/class/infiniband_verbs/uverbs0/ibdev': 'rxe0',
    'sys/class/misc/rdma_cm/dev': '10:58',
  };

  it('that this process can use are no matter', () => {
    expect(
      unusableDeviceFiles(rootsOf({ ...sys, 'dev/infiniband/uverbs0': '', 'dev/infiniband/rdma_cm': '' })),
    ).toEqual([]);
    expect(unusableDeviceFiles(rootsOf({}))).toEqual([]);
  });

  it('may be missing, as in a container', () => {
    const roots = rootsOf(sys);
    expect(unusableDeviceFiles(roots)).toEqual([
      { path: join(roots.dev, 'infiniband/rdma_cm'), isMissing: true },
      { path: join(roots.dev, 'infiniband/uverbs0'), isMissing: true },
    ]);
  });

  it('may be forbidden', () => {
    const roots = rootsOf({ ...sys, 'dev/infiniband/uverbs0': '', 'dev/infiniband/rdma_cm': '' });
    // Root may do everything, and the tests may be root's.
    const isUsable = (path: string): boolean => !path.endsWith('uverbs0');
    expect(unusableDeviceFiles(roots, isUsable)).toEqual([
      { path: join(roots.dev, 'infiniband/uverbs0'), isMissing: false },
    ]);
  });
});
