/** Gathers what there is to know about RDMA: from sysfs, from the libraries, and from the configuration of `verbs`. */
import { getSystemErrorName } from 'node:util';
import { VERBS_SEGMENT_BYTES } from '../layout/layout.gen.js';
import type { NativeAddon } from '../native/addon.js';
import type { VerbsDevice, VerbsPort } from '../native/verbs.js';
import { listenedAddresses, rdmaAddresses } from '../providers/verbs/addresses.js';
import type { VerbsOptions } from '../providers/verbs/options.js';
import { type RdmaDevice, type RdmaPort, readRdmaDevices } from '../providers/verbs/sysfs.js';
import { readListeners } from './listeners.js';
import type { LockedMemoryReport, RdmaAddressReport, RdmaDeviceReport, RdmaPortReport, RdmaReport } from './report.js';
import { type Roots, readLockLimits, readModules } from './system.js';

/** IBV_PORT_*, by number. */
const PORT_STATES: readonly string[] = ['NOP', 'DOWN', 'INIT', 'ARMED', 'ACTIVE', 'ACTIVE_DEFER'];

/** A port by both accounts; either may be missing. */
function portReport(number: number, seen: RdmaPort | undefined, asked: VerbsPort | undefined): RdmaPortReport {
  return {
    port: number,
    state: seen?.state ?? PORT_STATES[asked?.state ?? -1] ?? null,
    linkLayer: seen?.linkLayer ?? asked?.linkLayer ?? null,
    mtu: asked?.activeMtu || null,
    rate: seen?.rate ?? null,
    gids: seen?.gids ?? [],
    networkDevices: seen?.networkDevices ?? [],
  };
}

function transportOf(seen: RdmaDevice | undefined, asked: VerbsDevice | undefined): string | null {
  if (asked !== undefined && asked.transport !== 'unknown') return asked.transport;
  if (seen?.nodeType === 'RNIC') return 'iWARP';
  return seen?.nodeType === 'CA' ? 'InfiniBand' : null;
}

function deviceReport(name: string, seen: RdmaDevice | undefined, asked: VerbsDevice | undefined): RdmaDeviceReport {
  const numbers = [...(seen?.ports ?? []), ...(asked?.ports ?? [])].map(({ port }) => port);
  const isOpen = asked !== undefined && asked.error === null;
  return {
    name,
    transport: transportOf(seen, asked),
    guid: seen?.nodeGuid ?? asked?.guid.replace(/(.{4})(?!$)/g, '$1:') ?? null,
    firmware: seen?.firmware ?? (asked?.firmware || null),
    error: asked?.error ?? null,
    ports: [...new Set(numbers)].map((number) =>
      portReport(
        number,
        seen?.ports.find(({ port }) => port === number),
        asked?.ports.find(({ port }) => port === number),
      ),
    ),
    capabilities: isOpen
      ? {
          hasRead: asked.maxReadDepth > 0,
          hasWindows: asked.hasWindows,
          hasSharedReceives: asked.maxSharedReceives > 0,
          maxQueuePairs: asked.maxQueuePairs,
        }
      : null,
  };
}

function devicesOf(seen: readonly RdmaDevice[], asked: readonly VerbsDevice[]): RdmaDeviceReport[] {
  const names = new Set([...seen, ...asked].map(({ name }) => name));
  return [...names].map((name) =>
    deviceReport(
      name,
      seen.find((device) => device.name === name),
      asked.find((device) => device.name === name),
    ),
  );
}

function addressesOf(seen: readonly RdmaDevice[], { devices, listen }: VerbsOptions): RdmaAddressReport[] {
  const addresses = rdmaAddresses(seen, undefined, devices);
  const exposed = new Set(listenedAddresses(addresses, listen));
  return addresses.map((address) => ({
    subnet: `${address.address}/${address.prefixLength}`,
    device: address.device,
    port: address.port,
    networkDevice: address.networkDevice,
    isExposed: exposed.has(address),
  }));
}

function lockedMemoryOf(roots: Roots, { registrationCacheBytes }: VerbsOptions): LockedMemoryReport | null {
  const limits = readLockLimits(roots);
  if (limits === null) return null;
  const wantedBytes = VERBS_SEGMENT_BYTES + registrationCacheBytes;
  const { softBytes, isExempt } = limits;
  return { ...limits, wantedBytes, isEnough: isExempt || softBytes === null || softBytes >= wantedBytes };
}

/** Everything about RDMA on this host. @param addon null: not in use */
export function examineRdma(addon: NativeAddon | null, options: VerbsOptions, roots: Roots): RdmaReport {
  const libraries = addon?.verbsLibraries() ?? null;
  const answer = libraries?.loaded ? addon?.verbsDevices() : undefined;
  const seen = readRdmaDevices(roots.sys);
  const devices = devicesOf(seen, Array.isArray(answer) ? answer : []);
  const served = new Set(seen.flatMap(({ ports }) => ports.flatMap(({ networkDevices }) => networkDevices)));
  return {
    libraries,
    modules: readModules(roots, served),
    devices,
    devicesError: typeof answer === 'number' ? getSystemErrorName(answer) : null,
    addresses: addressesOf(seen, options),
    // Without a device there are none, and no need to ask.
    listeners: devices.length === 0 ? [] : readListeners(),
    listen: options.listen,
    lockedMemory: lockedMemoryOf(roots, options),
  };
}
