/**
 * What the kernel says about RDMA devices in sysfs: ports, GIDs, and the network devices that belong to them. Needs neither
 * libraries nor permissions. A file that is missing or can't be read is a fact that the kernel does not know: null, or no entry.
 *
 * The files are hundreds where a host has several cards, and an event loop must not wait for all of them: what is asked while a
 * program runs is read in slices. What that needs comes out of the kernel's own memory; state and rate, which a card's firmware
 * may have to be asked for, are for `doctor` alone.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

/** One entry of a port's GID table. */
export interface RdmaGid {
  readonly index: number;
  /** Eight groups of four digits, as the kernel writes it. */
  readonly gid: string;
  /** `IB/RoCE v1`, `RoCE v2`, ...; null: not told. */
  readonly type: string | null;
  /** The network device that it stands for; null: none, or not told. */
  readonly networkDevice: string | null;
}

/** One port of a device, and whose addresses are its. */
interface RdmaPortPlace {
  /** From 1. */
  readonly port: number;
  /** Those in use. */
  readonly gids: readonly RdmaGid[];
  /** Names of the network devices of this network namespace that belong to the port. */
  readonly networkDevices: readonly string[];
}

/** An RDMA device, and whose addresses are its. */
export interface RdmaPlace {
  readonly name: string;
  readonly ports: readonly RdmaPortPlace[];
}

/** One port of a device, with all that is told about it. */
export interface RdmaPort extends RdmaPortPlace {
  /** `ACTIVE`, `DOWN`, ... */
  readonly state: string | null;
  /** `InfiniBand` or `Ethernet`. */
  readonly linkLayer: string | null;
  /** For people: `100 Gb/sec (4X EDR)`. */
  readonly rate: string | null;
}

/** One RDMA device, with all that is told about it. */
export interface RdmaDevice extends RdmaPlace {
  /** `CA` (InfiniBand, RoCE), `RNIC` (iWARP), ... */
  readonly nodeType: string | null;
  readonly nodeGuid: string | null;
  readonly firmware: string | null;
  readonly ports: readonly RdmaPort[];
}

/** Reads a file or two between its yields. */
type Reading<T> = Generator<undefined, T>;

/** For how long the event loop waits at a time, milliseconds, and for the one file more. */
const SLICE_MS = 1;

/** Where sysfs stands; tests have trees of their own. */
export function sysfsRoot(): string {
  return process.env.SANSWITCH_SYSFS || '/sys';
}

function list(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

/** `mlx5_2` before `mlx5_10`. */
function sorted(names: string[]): string[] {
  return names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

function read(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim() || null;
  } catch {
    // An unused entry of the GID table, for one, fails with EINVAL.
    return null;
  }
}

/** The word of an attribute like `4: ACTIVE`. */
function word(path: string): string | null {
  return read(path)?.replace(/^\d+:\s*/, '') ?? null;
}

/** 32 hexadecimal digits. */
function digitsOf(gid: string): string {
  return gid.replaceAll(':', '').toLowerCase();
}

/** The kernel takes the first free entry, so that behind so many unused ones there is nothing; a table may have thousands. */
const UNUSED_IN_A_ROW = 64;

function* readGids(port: string): Reading<RdmaGid[]> {
  const found: RdmaGid[] = [];
  const entries = list(join(port, 'gids')).length;
  for (let index = 0, unused = 0; index < entries && unused < UNUSED_IN_A_ROW; index += 1) {
    yield;
    const name = String(index);
    const gid = read(join(port, 'gids', name));
    if (gid === null || /^[0:]*$/.test(gid)) {
      unused += 1;
      continue;
    }
    unused = 0;
    const type = read(join(port, 'gid_attrs', 'types', name));
    const networkDevice = read(join(port, 'gid_attrs', 'ndevs', name));
    found.push({ index, gid, type, networkDevice });
  }
  return found;
}

/**
 * Whether a port has a GID that was made from a network device's hardware address: the interface identifier behind fe80::
 * (InfiniBand, RoCE), or the address itself in front (iWARP).
 */
function hasHardwareAddress(gids: readonly RdmaGid[], hardwareAddress: string | null): boolean {
  const mac = digitsOf(hardwareAddress ?? '');
  if (mac.length !== 12 || /^0*$/.test(mac)) return false;
  const first = (Number.parseInt(mac.slice(0, 2), 16) ^ 2).toString(16).padStart(2, '0');
  const identifier = `${first}${mac.slice(2, 6)}fffe${mac.slice(6)}`;
  return gids.some(({ gid }) => {
    const digits = digitsOf(gid);
    return digits === `fe80000000000000${identifier}` || digits.startsWith(mac);
  });
}

/** The port of its device that a network device of the same hardware belongs to. */
function portOf(root: string, networkDevice: string, ports: number): number {
  const port = Number(read(join(root, 'class', 'net', networkDevice, 'dev_port')) ?? 0) + 1;
  return port <= ports ? port : 1;
}

/**
 * The network devices of a port. The kernel names those of *all* network namespaces in the GID table, where a container's
 * `eth0` is easily taken for the host's; so a name counts only with the right hardware address.
 */
function* networkDevicesOf(
  root: string,
  device: string,
  port: number,
  ports: number,
  gids: readonly RdmaGid[],
): Reading<string[]> {
  const folder = join(root, 'class', 'infiniband', device);
  const sameHardware = list(join(folder, 'device', 'net'));
  const named = new Set([read(join(folder, 'parent')), ...gids.map(({ networkDevice }) => networkDevice)]);
  // Before Linux 6.5 the GIDs of iWARP devices named nobody.
  const namesNobody = read(join(folder, 'node_type'))?.includes('RNIC') === true;
  const found: string[] = [];
  for (const name of sorted(list(join(root, 'class', 'net')))) {
    yield;
    const isSame = sameHardware.includes(name) && portOf(root, name, ports) === port;
    const canBe = named.has(name) || namesNobody;
    if (isSame || (canBe && hasHardwareAddress(gids, read(join(root, 'class', 'net', name, 'address'))))) {
      found.push(name);
    }
  }
  return found;
}

function* readPlaces(root: string): Reading<RdmaPlace[]> {
  const places: RdmaPlace[] = [];
  for (const name of sorted(list(join(root, 'class', 'infiniband')))) {
    const folder = join(root, 'class', 'infiniband', name, 'ports');
    const numbers = sorted(list(folder)).map(Number);
    const ports: RdmaPortPlace[] = [];
    for (const port of numbers) {
      const gids = yield* readGids(join(folder, String(port)));
      ports.push({ port, gids, networkDevices: yield* networkDevicesOf(root, name, port, numbers.length, gids) });
    }
    places.push({ name, ports });
  }
  return places;
}

/**
 * The RDMA devices that sysfs shows, and whose addresses are theirs; none where the kernel has none. Read in slices of a
 * millisecond, between which the event loop goes on. @param root the folder that is sysfs
 */
export async function readRdmaPlaces(root = sysfsRoot()): Promise<RdmaPlace[]> {
  const reading = readPlaces(root);
  for (;;) {
    const endMs = performance.now() + SLICE_MS;
    do {
      const step = reading.next();
      if (step.done === true) return step.value;
    } while (performance.now() < endMs);
    await nextTurn();
  }
}

/** All that sysfs tells of RDMA devices, read in one go. @param root the folder that is sysfs */
export function readRdmaDevices(root = sysfsRoot()): RdmaDevice[] {
  const reading = readPlaces(root);
  let step = reading.next();
  while (step.done !== true) step = reading.next();
  return step.value.map(({ name, ports }) => {
    const folder = join(root, 'class', 'infiniband', name);
    return {
      name,
      nodeType: word(join(folder, 'node_type')),
      nodeGuid: read(join(folder, 'node_guid')),
      firmware: read(join(folder, 'fw_ver')),
      ports: ports.map((place) => {
        const path = join(folder, 'ports', String(place.port));
        return {
          ...place,
          state: word(join(path, 'state')),
          linkLayer: read(join(path, 'link_layer')),
          rate: read(join(path, 'rate')),
        };
      }),
    };
  });
}
