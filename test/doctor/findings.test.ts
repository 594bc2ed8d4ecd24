import { describe, expect, it } from 'vitest';
import { type RdmaFacts, rdmaFindings } from '#src/doctor/findings.js';
import type { Finding, LockedMemoryReport, RdmaDeviceReport, RdmaPortReport, RdmaReport } from '#src/doctor/report.js';

const PORT: RdmaPortReport = {
  port: 1,
  state: 'ACTIVE',
  linkLayer: 'Ethernet',
  mtu: 4_096,
  rate: null,
  gids: [],
  networkDevices: ['san0'],
};

const DEVICE: RdmaDeviceReport = {
  name: 'rxe0',
  transport: 'InfiniBand',
  guid: null,
  firmware: null,
  ports: [PORT],
  error: null,
  capabilities: { hasRead: true, hasWindows: true, hasSharedReceives: true, maxQueuePairs: 64 },
};

const MEMORY: LockedMemoryReport = {
  softBytes: null,
  hardBytes: null,
  isExempt: false,
  wantedBytes: 320 * 1_048_576,
  isEnough: true,
};

const SOUND: RdmaReport = {
  libraries: {
    loaded: true,
    tried: [
      { library: 'libibverbs', name: 'libibverbs.so.1', error: null },
      { library: 'librdmacm', name: 'librdmacm.so.1', error: null },
    ],
    missing: [],
    absent: [],
    forkSafety: 'unneeded',
  },
  modules: [
    { name: 'ib_uverbs', isLoaded: true },
    { name: 'rdma_ucm', isLoaded: true },
  ],
  devices: [DEVICE],
  devicesError: null,
  addresses: [{ subnet: '10.77.0.1/24', device: 'rxe0', port: 1, networkDevice: 'san0', isExposed: true }],
  listeners: [],
  listen: ['san0'],
  lockedMemory: MEMORY,
};

function findingsOf(rdma: Partial<RdmaReport>, more: Partial<Omit<RdmaFacts, 'rdma'>> = {}): Finding[] {
  return rdmaFindings({
    rdma: { ...SOUND, ...rdma },
    optionsError: null,
    allowed: null,
    container: null,
    tool: 'apt',
    addonMissing: null,
    hasStarted: false,
    networkDevice: 'eth0',
    unusableFiles: [],
    ...more,
  });
}

/** The errors and warnings, as `severity: text -> remedy`. */
function troubles(rdma: Partial<RdmaReport>, more: Partial<Omit<RdmaFacts, 'rdma'>> = {}): string[] {
  return findingsOf(rdma, more)
    .filter(({ severity }) => severity !== 'note')
    .map(({ severity, text, remedy }) => `${severity}: ${text} -> ${remedy}`);
}

const NO_DEVICE = { devices: [], addresses: [] };

describe('what stands in the way of RDMA', () => {
  it('is nothing on a sound host, which is told what it exposes', () => {
    expect(findingsOf({})).toEqual([
      {
        severity: 'note',
        text: 'listeners on 10.77.0.1 take RDMA connections that no packet filter sees, nor ss, nor tcpdump',
        remedy: null,
      },
    ]);
  });

  it('are its options', () => {
    expect(troubles({}, { optionsError: 'verbs: there is no option x' })).toEqual([
      'error: verbs: there is no option x -> null',
    ]);
  });

  it('are devices that the configuration does not allow, whatever their state is', () => {
    const down = { ...DEVICE, ports: [{ ...PORT, state: 'DOWN' }] };
    expect(troubles({ devices: [down], addresses: [] }, { allowed: ['mlx5_0'] })).toEqual([
      "error: no RDMA device here is among those that the configuration allows (mlx5_0): rxe0 -> { name: 'verbs', options: { devices: ['rxe0'] } }",
    ]);
    expect(troubles({ devices: [{ ...down, name: 'mlx5_1' }, DEVICE] }, { allowed: ['rxe0'] })).toEqual([]);
  });

  it('is the addon', () => {
    const none = { ...NO_DEVICE, libraries: null };
    expect(troubles(none, { addonMissing: 'there is no binary' })).toContain(
      'error: there is no binary -> npm rebuild sanswitch',
    );
    expect(troubles(none, { addonMissing: 'SANSWITCH_NO_NATIVE is set' })).toContain(
      'error: SANSWITCH_NO_NATIVE is set -> unset SANSWITCH_NO_NATIVE',
    );
  });

  it.each([
    ['apt', /^apt-get install -y /],
    ['dnf', /^dnf install -y /],
    ['zypper', /^zypper install -y /],
    ['pacman', /^pacman -S /],
    ['apk', /^apk add /],
    [null, /^install libibverbs and librdmacm/],
  ] as const)('are libraries, installed by %s', (tool, remedy) => {
    const tried = [
      { library: 'libibverbs' as const, name: 'libibverbs.so.1', error: 'libibverbs.so.1: no such file' },
      { library: 'librdmacm' as const, name: 'librdmacm.so.1', error: null },
    ];
    const libraries = { ...(SOUND.libraries as NonNullable<RdmaReport['libraries']>), loaded: false, tried };
    const [first] = findingsOf({ libraries }, { tool });
    expect(first?.text).toBe('libibverbs does not load: libibverbs.so.1: no such file');
    expect(first?.remedy).toMatch(remedy);
  });

  it('are libraries that the environment names', () => {
    const tried = [{ library: 'libibverbs' as const, name: '/x', error: '/x: no such file' }];
    const libraries = { ...(SOUND.libraries as NonNullable<RdmaReport['libraries']>), loaded: false, tried };
    process.env.SANSWITCH_LIBIBVERBS = '/x';
    try {
      expect(troubles({ libraries })[0]).toMatch(/-> unset SANSWITCH_LIBIBVERBS$/);
    } finally {
      delete process.env.SANSWITCH_LIBIBVERBS;
    }
  });

  it('are libraries that are too old', () => {
    const libraries = {
      ...(SOUND.libraries as NonNullable<RdmaReport['libraries']>),
      loaded: false,
      missing: ['rdma_x'],
    };
    expect(troubles({ libraries })[0]).toMatch(
      /^error: the RDMA libraries are too old: they have no rdma_x -> apt-get/,
    );
  });

  it('is a device that there is not', () => {
    expect(troubles(NO_DEVICE)).toEqual([
      'error: there is no RDMA device here (for tests, soft-RoCE makes one out of any network device) -> modprobe rdma_rxe && rdma link add rxe0 type rxe netdev eth0',
    ]);
  });

  it('is a driver that is not loaded', () => {
    const modules = [...SOUND.modules, { name: 'mlx5_ib', isLoaded: false }];
    expect(troubles({ ...NO_DEVICE, modules })).toEqual([
      'error: network hardware of this host is RDMA hardware, and its driver is not loaded: mlx5_ib -> modprobe -a mlx5_ib',
    ]);
    // Another device serves meanwhile.
    expect(troubles({ modules })[0]).toMatch(/^warning: /);
  });

  it('are modules that programs talk to', () => {
    const modules = SOUND.modules.map((module) => ({ ...module, isLoaded: false }));
    expect(troubles({ modules })).toEqual([
      "error: programs can't reach the RDMA device: kernel modules are not loaded: ib_uverbs, rdma_ucm -> modprobe -a ib_uverbs rdma_ucm",
    ]);
    // The provider is there, and so is what it needs.
    expect(troubles({ modules }, { hasStarted: true })).toEqual([]);
  });

  it.each([
    [null, 'udevadm trigger --subsystem-match=infiniband_verbs --subsystem-match=misc'],
    ['docker', 'docker run --device=/dev/infiniband --cap-add=IPC_LOCK ...'],
    ['podman', 'podman run --device=/dev/infiniband --cap-add=IPC_LOCK ...'],
    ['kubernetes', 'resources: { limits: { rdma/hca: 1 } }   # of a device plug-in'],
  ] as const)('are device files that are missing, in the container %s', (container, remedy) => {
    const unusableFiles = [
      { path: '/dev/infiniband/rdma_cm', isMissing: true },
      { path: '/dev/infiniband/uverbs0', isMissing: true },
    ];
    expect(troubles({}, { unusableFiles, container })).toEqual([
      `error: /dev/infiniband/rdma_cm is missing, which the kernel offers -> ${remedy}`,
      `warning: /dev/infiniband/uverbs0 is missing, which the kernel offers -> ${remedy}`,
    ]);
  });

  it('are device files that are forbidden', () => {
    const unusableFiles = [{ path: '/dev/infiniband/rdma_cm', isMissing: false }];
    expect(troubles({}, { unusableFiles })).toEqual([
      'error: this process may not use /dev/infiniband/rdma_cm -> chmod a+rw /dev/infiniband/rdma_cm',
    ]);
    expect(troubles({}, { unusableFiles, hasStarted: true })).toEqual([]);
  });

  it('are devices that do not open or can not be listed, an error when none is left', () => {
    const broken = {
      ...DEVICE,
      name: 'mlx5_1',
      error: 'ibv_open_device: Permission denied',
      ports: [],
      capabilities: null,
    };
    expect(troubles({ devices: [DEVICE, broken] })).toEqual([
      'warning: mlx5_1 does not open: ibv_open_device: Permission denied -> null',
    ]);
    expect(troubles({ devices: [broken] })[0]).toMatch(/^error: mlx5_1 does not open/);
    expect(troubles({ ...NO_DEVICE, devicesError: 'EPERM' })).toContain(
      "error: libibverbs can't list devices: EPERM -> null",
    );
  });

  it('are ports that are down or wait for a subnet manager', () => {
    const withPort = (port: Partial<RdmaPortReport>) => ({ ...DEVICE, ports: [{ ...PORT, ...port }] });
    expect(troubles({ devices: [withPort({ state: 'DOWN' })] })).toEqual([
      'error: port 1 of rxe0 is DOWN -> ip link set dev san0 up',
    ]);
    expect(troubles({ devices: [{ ...DEVICE, ports: [PORT, { ...PORT, port: 2, state: 'DOWN' }] }] })).toEqual([
      'warning: port 2 of rxe0 is DOWN -> ip link set dev san0 up',
    ]);
    expect(troubles({ devices: [withPort({ state: 'INIT', networkDevices: [] })] })[0]).toMatch(
      /^error: port 1 of rxe0 is INIT: no subnet manager has configured it -> systemctl enable --now opensm/,
    );
    // Who says nothing is not down.
    expect(troubles({ devices: [withPort({ state: null })] })).toEqual([]);
  });

  it('is an address that there is not', () => {
    expect(troubles({ addresses: [] })).toEqual([
      'error: san0, the network device of rxe0, has no address, so there is nothing to serve -> ip address add ADDRESS/PREFIX dev san0',
    ]);
  });

  it.each([
    [null, 'rdma link show'],
    ['docker', 'docker run --network=host ...'],
    ['kubernetes', 'hostNetwork: true   # or a second network by Multus'],
  ] as const)('is a network device of another network namespace, in the container %s', (container, remedy) => {
    const devices = [{ ...DEVICE, ports: [{ ...PORT, networkDevices: [] }] }];
    expect(troubles({ devices, addresses: [] }, { container })).toEqual([
      `error: no network device of this network namespace belongs to rxe0 -> ${remedy}`,
    ]);
  });
});

describe('locked memory', () => {
  const of = (memory: Partial<LockedMemoryReport>, container: RdmaFacts['container'] = null) =>
    troubles({ lockedMemory: { ...MEMORY, isEnough: false, ...memory } }, { container });

  it('is an error where none may be locked, a warning where it is little', () => {
    expect(of({ softBytes: 0, hardBytes: 0 })[0]).toMatch(/^error: no memory may be locked/);
    expect(of({ softBytes: 8_388_608, hardBytes: 8_388_608 })[0]).toMatch(/^warning: 8 MiB of memory .* want 320 MiB/);
  });

  it('is mended by the shell where the hard limit lets it, else by the system', () => {
    expect(of({ softBytes: 65_536, hardBytes: null })[0]).toMatch(/-> ulimit -l unlimited$/);
    expect(of({ softBytes: 65_536, hardBytes: 2 ** 30 })[0]).toMatch(/-> ulimit -l 1048576$/);
    expect(of({ softBytes: 65_536, hardBytes: 65_536 })[0]).toMatch(/limits\.d.*LimitMEMLOCK=infinity$/);
    // More than now, and yet too little.
    expect(of({ softBytes: 65_536, hardBytes: 131_072 })[0]).toMatch(/limits\.d/);
    expect(of({ softBytes: 65_536, hardBytes: 65_536 }, 'podman')[0]).toMatch(/-> podman run --ulimit memlock=-1/);
    expect(of({ softBytes: 65_536, hardBytes: 65_536 }, 'kubernetes')[0]).toMatch(/-> securityContext: .*IPC_LOCK/);
  });

  it('is no matter where it is enough, unknown, or no device wants it', () => {
    expect(troubles({ lockedMemory: null })).toEqual([]);
    expect(troubles({ ...NO_DEVICE, lockedMemory: { ...MEMORY, softBytes: 0, isEnough: false } })).toHaveLength(1);
  });
});

describe('what is good to know', () => {
  const notes = (rdma: Partial<RdmaReport>) =>
    findingsOf(rdma)
      .filter(({ severity, text }) => severity === 'note' && !text.startsWith('listeners on'))
      .map(({ text, remedy }) => `${text} -> ${remedy}`);

  it('it listens nowhere unless the configuration says where', () => {
    const addresses = SOUND.addresses.map((address) => ({ ...address, isExposed: false }));
    expect(notes({ addresses, listen: [] })).toEqual([
      "it connects, but listens nowhere: others reach listeners of this host by TCP/IP -> { name: 'verbs', options: { listen: ['san0'] } }",
    ]);
  });

  it('the configuration names what is not here', () => {
    expect(troubles({ listen: ['san0', 'san1', '10.77.0.1'] })).toEqual([
      'warning: listen names what is not served here: san1 -> null',
    ]);
  });

  it('forks are unsafe', () => {
    const libraries = { ...(SOUND.libraries as NonNullable<RdmaReport['libraries']>), forkSafety: 'disabled' as const };
    expect(troubles({ libraries })[0]).toMatch(/^warning: a process that forks .* -> export RDMAV_FORK_SAFE=1/);
  });

  it('packets could be larger, where that is RoCE', () => {
    const small = { ...DEVICE, ports: [{ ...PORT, mtu: 1_024 }] };
    expect(notes({ devices: [small] })).toEqual([
      'port 1 of rxe0 sends packets of 1024 bytes, and could send 4096 if all switches took them -> ip link set dev san0 mtu 4200',
    ]);
    expect(notes({ devices: [{ ...small, transport: 'iWARP' }] })).toEqual([]);
    expect(notes({ devices: [{ ...small, ports: [{ ...PORT, mtu: 2_048, linkLayer: 'InfiniBand' }] }] })).toEqual([]);
  });

  it('a device has no RDMA read', () => {
    const capabilities = { ...(DEVICE.capabilities as NonNullable<RdmaDeviceReport['capabilities']>), hasRead: false };
    expect(notes({ devices: [{ ...DEVICE, capabilities }] })).toEqual([
      'rxe0 has no RDMA read: large messages are written instead -> null',
    ]);
  });

  it('the gravest comes first', () => {
    const severities = findingsOf({
      modules: SOUND.modules.map((module) => ({ ...module, isLoaded: false })),
      listen: ['san0', 'san9'],
    }).map(({ severity }) => severity);
    expect(severities).toEqual(['error', 'warning', 'note']);
  });
});
