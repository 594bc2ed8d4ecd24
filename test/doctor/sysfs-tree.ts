/** Trees of files like the kernel's sysfs, for hosts that have no RDMA device. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** Text by path below the root, written with the newline that the kernel adds; `-> PATH` is a symbolic link. */
export type Files = Readonly<Record<string, string>>;

/** Makes the tree. @returns its root, and what removes it again */
export function makeTree(files: Files): { root: string; remove: () => void } {
  const root = mkdtempSync(join(tmpdir(), 'sanswitch-sysfs-'));
  for (const [path, text] of Object.entries(files)) {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    if (text.startsWith('-> ')) symlinkSync(text.slice(3), file);
    else writeFileSync(file, `${text}\n`);
  }
  return { root, remove: () => rmSync(root, { recursive: true }) };
}

/** A network device of this network namespace. */
export function networkDevice(name: string, address: string, devPort = 0): Files {
  return { [`class/net/${name}/address`]: address, [`class/net/${name}/dev_port`]: String(devPort) };
}

/** What a port is; GIDs by index: address, type, network device. */
export interface PortFacts {
  readonly state?: string;
  readonly linkLayer?: string;
  readonly gids?: Readonly<Record<number, readonly [gid: string, type?: string, networkDevice?: string]>>;
}

/** A device with its ports, the first of which is number 1. */
export function rdmaDevice(name: string, ports: readonly PortFacts[], more: Files = {}): Files {
  const files: Record<string, string> = {
    node_type: '1: CA',
    node_guid: '5054:00ff:fe12:3456',
    fw_ver: '1.2.3',
    ...more,
  };
  for (const [at, { state = '4: ACTIVE', linkLayer = 'Ethernet', gids = {} }] of ports.entries()) {
    const port = `ports/${at + 1}`;
    Object.assign(files, {
      [`${port}/state`]: state,
      [`${port}/link_layer`]: linkLayer,
      [`${port}/rate`]: '2.5 Gb/sec (1X SDR)',
    });
    // The kernel's table has no gaps.
    const last = Math.max(...Object.keys(gids).map(Number), -1);
    for (let index = 0; index < last; index++) files[`${port}/gids/${index}`] = UNUSED_GID;
    for (const [index, [gid, type, owner]] of Object.entries(gids)) {
      files[`${port}/gids/${index}`] = gid;
      if (type !== undefined) files[`${port}/gid_attrs/types/${index}`] = type;
      if (owner !== undefined) files[`${port}/gid_attrs/ndevs/${index}`] = owner;
    }
  }
  return Object.fromEntries(Object.entries(files).map(([path, text]) => [`class/infiniband/${name}/${path}`, text]));
}

/** An entry of a GID table that is not in use. */
export const UNUSED_GID = '0000:0000:0000:0000:0000:0000:0000:0000';
/** A GID that was made of the hardware address 52:54:00:12:34:56. */
export const DEFAULT_GID = 'fe80:0000:0000:0000:5054:00ff:fe12:3456';
export const HARDWARE_ADDRESS = '52:54:00:12:34:56';

/** Soft-RoCE over the network device `net`, with an IPv4 address in its GID table. */
export function softRoce(name = 'rxe0', net = 'san0'): Files {
  return {
    ...networkDevice(net, HARDWARE_ADDRESS),
    ...rdmaDevice(
      name,
      [
        {
          gids: {
            0: [DEFAULT_GID, 'RoCE v2', net],
            1: ['0000:0000:0000:0000:0000:ffff:0a4d:0001', 'RoCE v2', net],
            2: [UNUSED_GID],
          },
        },
      ],
      { parent: net },
    ),
  };
}
