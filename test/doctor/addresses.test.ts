import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, it } from 'vitest';
import {
  listenedAddresses,
  type NetworkInterfaces,
  parseSubnet,
  rdmaAddresses,
  unknownListenNames,
} from '#src/providers/verbs/addresses.js';
import { type RdmaDevice, readRdmaDevices } from '#src/providers/verbs/sysfs.js';
import {
  DEFAULT_GID,
  type Files,
  HARDWARE_ADDRESS,
  makeTree,
  networkDevice,
  rdmaDevice,
  softRoce,
  UNUSED_GID,
} from './sysfs-tree.js';

const removals: (() => void)[] = [];
afterEach(() => {
  for (const remove of removals.splice(0)) remove();
});

function devicesOf(files: Files): RdmaDevice[] {
  const { root, remove } = makeTree(files);
  removals.push(remove);
  return readRdmaDevices(root);
}

/** The network devices of each port of each device. */
function networkDevicesOf(files: Files): Record<string, (readonly string[])[]> {
  const devices = devicesOf(files);
  return Object.fromEntries(devices.map(({ name, ports }) => [name, ports.map((port) => port.networkDevices)]));
}

type Entry = NonNullable<NetworkInterfaces[string]>[number];

function ipv4(cidr: string): Entry {
  const [address = ''] = cidr.split('/');
  return { address, cidr, family: 'IPv4', internal: false, mac: HARDWARE_ADDRESS, netmask: '', scopeid: undefined };
}

function ipv6(cidr: string, scopeid = 0): Entry {
  const [address = ''] = cidr.split('/');
  return { address, cidr, family: 'IPv6', internal: false, mac: HARDWARE_ADDRESS, netmask: '', scopeid };
}

describe('RDMA devices in sysfs', () => {
  it('are none where the kernel has none', () => {
    expect(devicesOf(networkDevice('eth0', HARDWARE_ADDRESS))).toEqual([]);
    expect(readRdmaDevices('/nowhere')).toEqual([]);
  });

  it('are told with their ports and GIDs, unused entries of the table left out', () => {
    expect(devicesOf(softRoce())).toEqual([
      {
        name: 'rxe0',
        nodeType: 'CA',
        nodeGuid: '5054:00ff:fe12:3456',
        firmware: '1.2.3',
        ports: [
          {
            port: 1,
            state: 'ACTIVE',
            linkLayer: 'Ethernet',
            rate: '2.5 Gb/sec (1X SDR)',
            gids: [
              { index: 0, gid: DEFAULT_GID, type: 'RoCE v2', networkDevice: 'san0' },
              { index: 1, gid: '0000:0000:0000:0000:0000:ffff:0a4d:0001', type: 'RoCE v2', networkDevice: 'san0' },
            ],
            networkDevices: ['san0'],
          },
        ],
      },
    ]);
  });

  it('have GIDs behind a gap in the table, but none behind a long one', () => {
    const gids: Record<number, [string]> = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [i, [UNUSED_GID]]));
    Object.assign(gids, { 0: [DEFAULT_GID], 63: ['fd00::1'], 140: ['fd00::2'] });
    const [device] = devicesOf(rdmaDevice('mlx5_0', [{ gids }]));
    expect(device?.ports[0]?.gids.map(({ index }) => index)).toEqual([0, 63]);
  });

  it('tell what they do not know as null', () => {
    const [device] = devicesOf({ 'class/infiniband/odd0/ports/1/cap_mask': '0' });
    expect(device).toEqual({
      name: 'odd0',
      nodeType: null,
      nodeGuid: null,
      firmware: null,
      ports: [{ port: 1, state: null, linkLayer: null, rate: null, gids: [], networkDevices: [] }],
    });
  });

  it('own the network devices of the same hardware, each by its port', () => {
    const files = {
      ...networkDevice('ib0', '80:00:02:08:fe:80', 0),
      ...networkDevice('ib1', '80:00:02:09:fe:80', 1),
      ...rdmaDevice('mlx4_0', [{ linkLayer: 'InfiniBand' }, { linkLayer: 'InfiniBand' }], {
        'device/net/ib0/address': '',
        'device/net/ib1/address': '',
      }),
    };
    expect(networkDevicesOf(files)).toEqual({ mlx4_0: [['ib0'], ['ib1']] });
  });

  it('own a network device of the second function of a card, whose number says nothing', () => {
    const files = {
      ...networkDevice('ens1f1', '52:54:00:00:00:01', 1),
      ...rdmaDevice('mlx5_1', [{}], { 'device/net/ens1f1/address': '' }),
    };
    expect(networkDevicesOf(files)).toEqual({ mlx5_1: [['ens1f1']] });
  });

  it('own VLANs and bonds that the GID table names', () => {
    const files = {
      ...networkDevice('eth1', HARDWARE_ADDRESS),
      ...networkDevice('eth1.7', HARDWARE_ADDRESS),
      ...rdmaDevice('mlx5_0', [
        {
          gids: {
            0: [DEFAULT_GID, 'RoCE v2', 'eth1'],
            4: ['0000:0000:0000:0000:0000:ffff:0a07:0001', 'RoCE v2', 'eth1.7'],
          },
        },
      ]),
    };
    expect(networkDevicesOf(files)).toEqual({ mlx5_0: [['eth1', 'eth1.7']] });
  });

  it("take no device of another network namespace for this one's of the same name", () => {
    const { 'class/net/san0/address': _, ...rest } = softRoce();
    expect(networkDevicesOf({ ...rest, ...networkDevice('san0', '02:42:ac:11:00:02') })).toEqual({ rxe0: [[]] });
    expect(networkDevicesOf({ ...rest, ...networkDevice('san0', '00:00:00:00:00:00') })).toEqual({ rxe0: [[]] });
  });

  it('of iWARP own the device whose hardware address they begin with, named or not', () => {
    const gids = { 0: ['5254:0012:3456:0000:0000:0000:0000:0000', 'IB/RoCE v1'] as const };
    const files = {
      ...networkDevice('eth2', HARDWARE_ADDRESS),
      ...networkDevice('eth3', '52:54:00:12:34:57'),
      ...rdmaDevice('siw0', [{ gids }], { node_type: '4: RNIC' }),
    };
    expect(networkDevicesOf(files)).toEqual({ siw0: [['eth2']] });
  });
});

describe('[WSD-1.2] addresses that RDMA serves', () => {
  const interfaces: NetworkInterfaces = {
    lo: [ipv4('127.0.0.1/8')],
    eth0: [ipv4('192.0.2.7/24')],
    san0: [ipv4('10.77.0.1/24'), ipv4('10.78.0.1/16'), ipv6('fd00:77::1/64'), ipv6('fe80::5054:ff:fe12:3456/64', 3)],
  };

  it('are those on network devices of RDMA devices, with their subnets; link-local ones are not', () => {
    const where = { device: 'rxe0', port: 1, networkDevice: 'san0' };
    expect(rdmaAddresses(devicesOf(softRoce()), interfaces)).toEqual([
      { ...where, family: 4, address: '10.77.0.1', prefixLength: 24 },
      { ...where, family: 4, address: '10.78.0.1', prefixLength: 16 },
      { ...where, family: 6, address: 'fd00:77::1', prefixLength: 64 },
    ]);
  });

  it('are none on a host without RDMA, and none while the network device has no address', () => {
    expect(rdmaAddresses([], interfaces)).toEqual([]);
    expect(rdmaAddresses(devicesOf(softRoce()), { eth0: interfaces.eth0 })).toEqual([]);
  });

  it('are restricted to the devices that the configuration names', () => {
    const devices = devicesOf({ ...softRoce(), ...softRoce('rxe1', 'san1') });
    const both = { ...interfaces, san1: [ipv4('10.79.0.1/24')] };
    expect(rdmaAddresses(devices, both, ['rxe1']).map(({ address }) => address)).toEqual(['10.79.0.1']);
    expect(rdmaAddresses(devices, both, [])).toEqual([]);
  });

  it('are served alone where the system tells no prefix', () => {
    const [entry] = rdmaAddresses(devicesOf(softRoce()), { san0: [{ ...ipv4('10.77.0.1/24'), cidr: null }] });
    expect(entry?.prefixLength).toBe(32);
  });

  it("of this host are read when nothing else is given, its sysfs' root from the environment", () => {
    const own = Object.entries(networkInterfaces()).find(([, list]) => list?.some(({ scopeid }) => !scopeid));
    const [name, list] = own as [string, Entry[]];
    const { root, remove } = makeTree({
      ...networkDevice(name, HARDWARE_ADDRESS),
      ...rdmaDevice('mlx5_0', [{}], { [`device/net/${name}/address`]: '' }),
    });
    removals.push(remove);
    process.env.SANSWITCH_SYSFS = root;
    try {
      const expected = list.filter(({ scopeid }) => !scopeid).map(({ address }) => address);
      expect(rdmaAddresses(readRdmaDevices()).map(({ address }) => address)).toEqual(expected);
    } finally {
      delete process.env.SANSWITCH_SYSFS;
    }
  });
});

describe('subnets in words', () => {
  it.each([
    ['10.77.0.0/16', { family: 4, address: '10.77.0.0', prefixLength: 16 }],
    ['10.77.0.1', { family: 4, address: '10.77.0.1', prefixLength: 32 }],
    ['fd00:77::/64', { family: 6, address: 'fd00:77::', prefixLength: 64 }],
    ['fd00:77::1', { family: 6, address: 'fd00:77::1', prefixLength: 128 }],
    ['0.0.0.0/0', { family: 4, address: '0.0.0.0', prefixLength: 0 }],
  ])('%s', (text, subnet) => expect(parseSubnet(text)).toEqual(subnet));

  it.each([
    '',
    '10.77.0.0/33',
    'fd00::/129',
    '10.77.0/16',
    '10.77.0.0/',
    '10.77.0.0/1/2',
    '10.0.0.0/-1',
    'fe80::1%eth0',
    'host',
  ])('%j is none', (text) => expect(parseSubnet(text)).toBeNull());
});

describe('[WSD-4.1] addresses that RDMA listens on', () => {
  const where = { port: 1, family: 4 as const, prefixLength: 24 };
  const addresses = [
    { ...where, device: 'mlx5_0', networkDevice: 'eth1', address: '10.77.0.1' },
    { ...where, device: 'mlx5_0', networkDevice: 'eth1.7', address: '10.78.0.1' },
    { ...where, device: 'mlx5_1', networkDevice: 'eth2', address: '10.79.0.1' },
  ];
  const heard = (listen: 'all' | string[]) => listenedAddresses(addresses, listen).map(({ address }) => address);

  it('are none that nobody has named, or all when the configuration says so', () => {
    expect(heard([])).toEqual([]);
    expect(heard('all')).toEqual(['10.77.0.1', '10.78.0.1', '10.79.0.1']);
    // A device of that name is no wildcard.
    expect(heard(['all'])).toEqual([]);
  });

  it('are named by RDMA device, network device or address', () => {
    expect(heard(['mlx5_0'])).toEqual(['10.77.0.1', '10.78.0.1']);
    expect(heard(['eth1.7'])).toEqual(['10.78.0.1']);
    expect(heard(['10.79.0.1', 'eth1'])).toEqual(['10.77.0.1', '10.79.0.1']);
  });

  it('names that are nothing here are told', () => {
    expect(unknownListenNames(addresses, ['mlx5_1', 'eth7', '10.0.0.1'])).toEqual(['eth7', '10.0.0.1']);
    expect(unknownListenNames(addresses, 'all')).toEqual([]);
  });
});
