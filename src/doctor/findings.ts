/** What stands in the way of RDMA, or is good to know, and what would mend it: drawn from facts alone. */
import { unknownListenNames } from '../providers/verbs/addresses.js';
import type {
  DoctorReport,
  Finding,
  LockedMemoryReport,
  RdmaDeviceReport,
  RdmaPortReport,
  RdmaReport,
} from './report.js';
import type { PackageTool } from './system.js';

/** What the findings are drawn from. */
export interface RdmaFacts {
  readonly rdma: RdmaReport;
  /** What is wrong with the options of `verbs`; null: nothing. */
  readonly optionsError: string | null;
  /** RDMA devices that it may use; null: any. */
  readonly allowed: readonly string[] | null;
  readonly container: DoctorReport['container'];
  readonly tool: PackageTool | null;
  /** Why the addon is not in use; null: it is. */
  readonly addonMissing: string | null;
  /** `verbs` has started: it reaches its devices. */
  readonly hasStarted: boolean;
  /** A network device of this host, for examples; null: it has none but the loopback. */
  readonly networkDevice: string | null;
  /** Device files that the kernel offers and this process can't use. */
  readonly unusableFiles: readonly { readonly path: string; readonly isMissing: boolean }[];
}

const PACKAGES: Readonly<Record<PackageTool, string>> = {
  apt: 'apt-get install -y rdma-core ibverbs-providers librdmacm1',
  dnf: 'dnf install -y rdma-core libibverbs librdmacm',
  zypper: 'zypper install -y rdma-core libibverbs1 librdmacm1',
  pacman: 'pacman -S --noconfirm rdma-core',
  apk: 'apk add rdma-core',
};

/** RoCE has packets of at most 4096 bytes, which need this much of the network device. */
const ROCE_MTU = 4_096;
const ROCE_NETWORK_MTU = 4_200;

function error(text: string, remedy: string | null = null): Finding {
  return { severity: 'error', text, remedy };
}

function warning(text: string, remedy: string | null = null): Finding {
  return { severity: 'warning', text, remedy };
}

function note(text: string, remedy: string | null = null): Finding {
  return { severity: 'note', text, remedy };
}

/** Why the addon is not in use, and what would change that. */
export function addonFinding(reason: string): Finding {
  if (!reason.includes('SANSWITCH_NO_NATIVE')) return error(reason, 'npm rebuild sanswitch');
  return error(reason, 'unset SANSWITCH_NO_NATIVE');
}

function libraryFindings({ rdma: { libraries }, tool }: RdmaFacts): Finding[] {
  if (libraries === null || libraries.loaded) return [];
  const { tried, missing } = libraries;
  const install = tool === null ? 'install libibverbs and librdmacm (rdma-core)' : PACKAGES[tool];
  const lost = [...new Set(tried.map(({ library }) => library))].filter(
    (library) => !tried.some((attempt) => attempt.library === library && attempt.error === null),
  );
  const findings = lost.map((library) => {
    const variable = library === 'libibverbs' ? 'SANSWITCH_LIBIBVERBS' : 'SANSWITCH_LIBRDMACM';
    const attempts = tried.filter((attempt) => attempt.library === library).map((attempt) => attempt.error);
    return error(
      `${library} does not load: ${attempts.join('; ')}`,
      process.env[variable] ? `unset ${variable}` : install,
    );
  });
  if (missing.length > 0)
    findings.push(error(`the RDMA libraries are too old: they have no ${missing.join(', ')}`, install));
  return findings;
}

function moduleFindings({ rdma: { modules, devices }, networkDevice, hasStarted }: RdmaFacts): Finding[] {
  const lost = modules.filter(({ isLoaded }) => !isLoaded).map(({ name }) => name);
  const drivers = lost.filter((name) => name !== 'ib_uverbs' && name !== 'rdma_ucm');
  const interfaces = lost.filter((name) => !drivers.includes(name));
  const findings: Finding[] = [];
  if (drivers.length > 0) {
    const text = `network hardware of this host is RDMA hardware, and its driver is not loaded: ${drivers.join(', ')}`;
    findings.push((devices.length === 0 ? error : warning)(text, `modprobe -a ${drivers.join(' ')}`));
  } else if (devices.length === 0) {
    const soft = `modprobe rdma_rxe && rdma link add rxe0 type rxe netdev ${networkDevice ?? 'NETDEV'}`;
    findings.push(
      error('there is no RDMA device here (for tests, soft-RoCE makes one out of any network device)', soft),
    );
  }
  if (interfaces.length > 0 && devices.length > 0 && !hasStarted) {
    const text = `programs can't reach the RDMA device: kernel modules are not loaded: ${interfaces.join(', ')}`;
    findings.push(error(text, `modprobe -a ${interfaces.join(' ')}`));
  }
  return findings;
}

/** In a container the kernel shows all devices of the host, of which this one may use those that it was given. */
function fileFindings({ unusableFiles, container, hasStarted, rdma: { modules } }: RdmaFacts): Finding[] {
  if (hasStarted) return [];
  const isConnecting = (path: string) => path.endsWith('rdma_cm');
  const lost = unusableFiles.filter(({ path }) => isConnecting(path));
  const verbs = unusableFiles.filter(({ path }) => !isConnecting(path));
  if (lost.length === 0 && verbs.length === 0) return [];
  if (modules.some(({ name, isLoaded }) => name === 'ib_uverbs' && !isLoaded)) return [];
  return [...lost, ...verbs].map(({ path, isMissing }) => {
    const tell = isConnecting(path) ? error : warning;
    if (!isMissing) return tell(`this process may not use ${path}`, `chmod a+rw ${path}`);
    const text = `${path} is missing, which the kernel offers`;
    if (container === 'kubernetes') return tell(text, 'resources: { limits: { rdma/hca: 1 } }   # of a device plug-in');
    if (container !== null) return tell(text, `${container} run --device=/dev/infiniband --cap-add=IPC_LOCK ...`);
    return tell(text, 'udevadm trigger --subsystem-match=infiniband_verbs --subsystem-match=misc');
  });
}

function portFinding(device: RdmaDeviceReport, { port, state, networkDevices }: RdmaPortReport): Finding | null {
  if (state === null || state.startsWith('ACTIVE')) return null;
  const text = `port ${port} of ${device.name} is ${state}`;
  if (state === 'INIT' || state === 'ARMED') {
    return warning(
      `${text}: no subnet manager has configured it`,
      'systemctl enable --now opensm   # on one host of the fabric',
    );
  }
  const networkDevice = networkDevices[0];
  return warning(text, networkDevice === undefined ? null : `ip link set dev ${networkDevice} up`);
}

function deviceFindings({ rdma: { devices, devicesError } }: RdmaFacts): Finding[] {
  const findings: Finding[] = devices.flatMap((device) => {
    if (device.error !== null) return [warning(`${device.name} does not open: ${device.error}`)];
    return device.ports.flatMap((port) => portFinding(device, port) ?? []);
  });
  if (devicesError !== null) findings.push(error(`libibverbs can't list devices: ${devicesError}`));
  const isDead = (device: RdmaDeviceReport): boolean =>
    device.error !== null || device.ports.every((port) => portFinding(device, port) !== null);
  // Nothing is left: what was a warning is the reason.
  if (devices.length > 0 && devices.every(isDead))
    return findings.map((finding) => ({ ...finding, severity: 'error' }));
  return findings;
}

function addressFindings({ rdma: { devices, addresses }, container }: RdmaFacts): Finding[] {
  if (devices.length === 0 || addresses.length > 0) return [];
  const networkDevice = devices.flatMap(({ ports }) => ports.flatMap((port) => port.networkDevices))[0];
  if (networkDevice !== undefined) {
    const text = `${networkDevice}, the network device of ${devices[0]?.name}, has no address, so there is nothing to serve`;
    return [error(text, `ip address add ADDRESS/PREFIX dev ${networkDevice}`)];
  }
  const text = `no network device of this network namespace belongs to ${devices.map(({ name }) => name).join(', ')}`;
  if (container === 'kubernetes') return [error(text, 'hostNetwork: true   # or a second network by Multus')];
  return [error(text, container === null ? 'rdma link show' : `${container} run --network=host ...`)];
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MiB`;
}

function lockRemedy(
  { wantedBytes, softBytes, hardBytes }: LockedMemoryReport,
  container: RdmaFacts['container'],
): string {
  if (container === 'kubernetes') return 'securityContext: { capabilities: { add: [IPC_LOCK] } }';
  if (container !== null) return `${container} run --ulimit memlock=-1 ...`;
  if (hardBytes === null || (softBytes !== null && hardBytes > softBytes && hardBytes >= wantedBytes)) {
    return `ulimit -l ${hardBytes === null ? 'unlimited' : Math.floor(hardBytes / 1024)}`;
  }
  return "echo '* - memlock unlimited' > /etc/security/limits.d/rdma.conf   # then log in anew; systemd: LimitMEMLOCK=infinity";
}

function memoryFindings({ rdma: { lockedMemory, devices }, container }: RdmaFacts): Finding[] {
  if (devices.length === 0 || lockedMemory === null || lockedMemory.isEnough) return [];
  const { softBytes, wantedBytes } = lockedMemory;
  const remedy = lockRemedy(lockedMemory, container);
  if (softBytes === 0)
    return [error('no memory may be locked (RLIMIT_MEMLOCK is 0), and RDMA locks all that it uses', remedy)];
  return [
    warning(
      `${mebibytes(softBytes ?? 0)} of memory may be locked, and a thread may want ${mebibytes(wantedBytes)}: with more ` +
        'connections, or larger sends, some are copied and some go by TCP/IP',
      remedy,
    ),
  ];
}

function exposureFindings({ rdma: { addresses, listen } }: RdmaFacts): Finding[] {
  if (addresses.length === 0) return [];
  const findings: Finding[] = [];
  const served = addresses.map(({ subnet, ...rest }) => ({ ...rest, address: subnet.split('/')[0] as string }));
  const unknown = unknownListenNames(served, listen);
  if (unknown.length > 0) findings.push(warning(`listen names what is not served here: ${unknown.join(', ')}`));
  const exposed = served.filter(({ isExposed }) => isExposed).map(({ address }) => address);
  if (exposed.length > 0) {
    const text = `listeners on ${exposed.join(', ')} take RDMA connections that no packet filter sees, nor ss, nor tcpdump`;
    return [...findings, note(text)];
  }
  const example = `{ name: 'verbs', options: { listen: ['${served[0]?.networkDevice}'] } }`;
  return [
    ...findings,
    note('it connects, but listens nowhere: others reach listeners of this host by TCP/IP', example),
  ];
}

function qualityFindings({ rdma: { libraries, devices } }: RdmaFacts): Finding[] {
  const findings: Finding[] = [];
  if (libraries?.forkSafety === 'disabled') {
    const text = 'a process that forks (child_process) may lose data: this kernel does not protect registered memory';
    findings.push(warning(text, 'export RDMAV_FORK_SAFE=1   # or Linux 5.12'));
  }
  for (const { name, ports, capabilities, transport } of devices) {
    if (capabilities?.hasRead === false)
      findings.push(note(`${name} has no RDMA read: large messages are written instead`));
    for (const { port, mtu, linkLayer, networkDevices } of ports) {
      const networkDevice = networkDevices[0];
      if (mtu === null || mtu >= ROCE_MTU || linkLayer !== 'Ethernet' || transport === 'iWARP') continue;
      if (networkDevice === undefined) continue;
      const text = `port ${port} of ${name} sends packets of ${mtu} bytes, and could send ${ROCE_MTU} if all switches took them`;
      findings.push(note(text, `ip link set dev ${networkDevice} mtu ${ROCE_NETWORK_MTU}`));
    }
  }
  return findings;
}

const SEVERITIES: readonly Finding['severity'][] = ['error', 'warning', 'note'];

/** The gravest first. */
export function byGravity(findings: readonly Finding[]): Finding[] {
  return SEVERITIES.flatMap((severity) => findings.filter((finding) => finding.severity === severity));
}

/** Devices that the configuration does not allow are no business of the findings about devices. */
function withAllowedDevices(facts: RdmaFacts): RdmaFacts {
  const { allowed, rdma } = facts;
  if (allowed === null) return facts;
  return { ...facts, rdma: { ...rdma, devices: rdma.devices.filter(({ name }) => allowed.includes(name)) } };
}

function allowanceFindings({ allowed, rdma: { devices } }: RdmaFacts): Finding[] {
  const names = devices.map(({ name }) => name);
  if (allowed === null || names.length === 0 || names.some((name) => allowed.includes(name))) return [];
  const text = `no RDMA device here is among those that the configuration allows (${allowed.join(', ')}): ${names.join(', ')}`;
  return [error(text, `{ name: 'verbs', options: { devices: ['${names[0]}'] } }`)];
}

/** What is to be said of `verbs`, the gravest first. */
export function rdmaFindings(facts: RdmaFacts): Finding[] {
  const { addonMissing, optionsError } = facts;
  const allowed = withAllowedDevices(facts);
  return byGravity([
    ...(optionsError === null ? [] : [error(optionsError)]),
    ...moduleFindings(facts),
    ...fileFindings(facts),
    ...(addonMissing === null ? [] : [addonFinding(addonMissing)]),
    ...libraryFindings(facts),
    ...allowanceFindings(facts),
    ...deviceFindings(allowed),
    ...addressFindings(allowed),
    ...memoryFindings(allowed),
    ...exposureFindings(allowed),
    ...qualityFindings(allowed),
  ]);
}
