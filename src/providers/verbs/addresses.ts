/** Which addresses and subnets RDMA serves, and on which of them it listens (rules 1.2, 4.1). */
import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import type { ServedSubnet } from '../../spi/types.js';
import type { RdmaPlace } from './sysfs.js';

/** An address of this host on a network device that belongs to an RDMA device. */
export interface RdmaAddress extends ServedSubnet {
  /** The RDMA device. */
  readonly device: string;
  /** Its port, from 1. */
  readonly port: number;
  readonly networkDevice: string;
}

/** What `os.networkInterfaces()` answers. */
export type NetworkInterfaces = ReturnType<typeof networkInterfaces>;

function prefixLengthOf(cidr: string | null, family: 4 | 6): number {
  // Without a prefix the address is served alone.
  return cidr === null ? (family === 4 ? 32 : 128) : Number(cidr.split('/')[1]);
}

/**
 * The addresses that RDMA devices serve at this moment; an interface that is down has none.
 * @param devices as sysfs shows them
 * @param only names of RDMA devices; null: all
 */
export function rdmaAddresses(
  devices: readonly RdmaPlace[],
  interfaces: NetworkInterfaces = networkInterfaces(),
  only: readonly string[] | null = null,
): RdmaAddress[] {
  const found: RdmaAddress[] = [];
  for (const { name: device, ports } of devices) {
    if (only !== null && !only.includes(device)) continue;
    for (const { port, networkDevices } of ports) {
      for (const networkDevice of networkDevices) {
        for (const { address, family: familyName, cidr, scopeid } of interfaces[networkDevice] ?? []) {
          // A link-local address means nothing without its interface, and the routing table has no interfaces.
          if (scopeid) continue;
          const family = familyName === 'IPv4' ? 4 : 6;
          found.push({ device, port, networkDevice, family, address, prefixLength: prefixLengthOf(cidr, family) });
        }
      }
    }
  }
  return found;
}

/** Reads `address/length`, or an address alone; null: it is neither. */
export function parseSubnet(text: string): ServedSubnet | null {
  const [address = '', length, ...rest] = text.split('/');
  const family = isIP(address);
  if ((family !== 4 && family !== 6) || address.includes('%') || rest.length > 0) return null;
  const most = family === 4 ? 32 : 128;
  if (length === undefined) return { family, address, prefixLength: most };
  if (!/^\d{1,3}$/.test(length) || Number(length) > most) return null;
  return { family, address, prefixLength: Number(length) };
}

/** Where RDMA listens: everywhere, or on these RDMA devices, network devices and addresses. */
export type ListenChoice = 'all' | readonly string[];

/**
 * The addresses on which the configuration lets RDMA listen. RDMA passes by the host's packet filter, so nothing is
 * listened on that nobody has named.
 */
export function listenedAddresses(addresses: readonly RdmaAddress[], listen: ListenChoice): RdmaAddress[] {
  if (listen === 'all') return [...addresses];
  return addresses.filter(
    ({ device, networkDevice, address }) =>
      listen.includes(device) || listen.includes(networkDevice) || listen.includes(address),
  );
}

/** Entries of `listen` that name nothing that is served at this moment: a mistake, or a device that is down. */
export function unknownListenNames(
  addresses: readonly Pick<RdmaAddress, 'device' | 'networkDevice' | 'address'>[],
  listen: ListenChoice,
): string[] {
  if (listen === 'all') return [];
  const known = new Set(addresses.flatMap(({ device, networkDevice, address }) => [device, networkDevice, address]));
  return listen.filter((name) => !known.has(name));
}
