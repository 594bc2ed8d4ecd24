/** The doctor's report for people. */
import type {
  DoctorReport,
  Finding,
  LockedMemoryReport,
  ProviderReport,
  RdmaDeviceReport,
  RdmaReport,
  SelfTestReport,
} from './report.js';

function findingLines({ severity, text, remedy }: Finding, indent: string): string[] {
  const mend = remedy === null ? [] : [`${indent}${''.padEnd(9)}-> ${remedy}`];
  return [`${indent}${severity.padEnd(8)} ${text}`, ...mend];
}

function providerLines(providers: readonly ProviderReport[]): string[] {
  const width = Math.max(...providers.map(({ name }) => name.length));
  return providers.flatMap(({ name, isUsed, isRequired, why, findings }) => {
    const state = isUsed ? 'used' : isRequired ? 'NOT USED, though demanded' : 'not used';
    // What is said as the reason is not said again, but for its remedy.
    const reason = findings.find(({ text }) => text === why);
    const mend = reason?.remedy ? [`    ${''.padEnd(width)}-> ${reason.remedy}`] : [];
    const others = findings.filter((finding) => finding !== reason);
    const rest = others.flatMap((finding) => findingLines(finding, `    ${''.padEnd(width)}`));
    return [`  ${name.padEnd(width)}  ${state}: ${why}`, ...mend, ...rest];
  });
}

function deviceLines({ name, transport, guid, firmware, ports, error, capabilities }: RdmaDeviceReport): string[] {
  const facts = [transport, guid && `GUID ${guid}`, firmware && `firmware ${firmware}`];
  if (error !== null) facts.push(error);
  if (capabilities !== null) {
    const { hasRead, hasWindows, hasSharedReceives } = capabilities;
    const offers = [hasRead && 'RDMA read', hasWindows && 'memory windows', hasSharedReceives && 'shared receives'];
    facts.push(offers.filter(Boolean).join(', '));
  }
  return [
    `  device      ${name}: ${facts.filter(Boolean).join('; ')}`,
    ...ports.flatMap(({ port, state, linkLayer, mtu, rate, gids, networkDevices }) => [
      `    port ${port}    ${[state, linkLayer, mtu && `MTU ${mtu}`, rate, ...networkDevices].filter(Boolean).join(', ')}`,
      ...gids.map(
        ({ index, gid, type, networkDevice }) =>
          `      GID ${String(index).padEnd(4)}${[gid, type, networkDevice].filter(Boolean).join('  ')}`,
      ),
    ]),
  ];
}

function memoryText(memory: LockedMemoryReport | null): string {
  if (memory === null) return 'unknown: this system has no /proc/self/limits';
  const mebibytes = (bytes: number | null) => (bytes === null ? 'any amount' : `${Math.round(bytes / 1_048_576)} MiB`);
  const { softBytes, hardBytes, isExempt, isEnough, wantedBytes } = memory;
  if (isExempt) return 'any amount (CAP_IPC_LOCK): enough';
  const verdict = isEnough ? 'enough' : 'too little';
  return `${mebibytes(softBytes)} (at most ${mebibytes(hardBytes)}); a thread may want ${mebibytes(wantedBytes)}: ${verdict}`;
}

const FORKS: Readonly<Record<string, string>> = {
  unneeded: 'safe: the kernel copies registered memory when a process forks',
  enabled: 'safe: registered memory is kept out of forked children',
  disabled: 'unsafe: forked children can take registered pages from under the device',
  unknown: 'unknown',
};

function listeningText({ listen, addresses }: RdmaReport): string {
  const exposed = addresses.filter(({ isExposed }) => isExposed).map(({ subnet }) => subnet.split('/')[0]);
  if (listen !== 'all' && listen.length === 0) return 'nowhere: the configuration names nothing to listen on';
  return `${listen === 'all' ? 'everywhere' : listen.join(', ')}; exposed now: ${exposed.join(', ') || 'nothing'}`;
}

function listenersText({ listeners }: RdmaReport): string {
  if (listeners === null) return 'unknown: `rdma resource show cm_id` (iproute2) does not say';
  const lines = listeners.map(({ address, port, device, pid, program }) => {
    const owner = program === null ? '' : ` by ${program}${pid === null ? '' : ` (${pid})`}`;
    return `${address}:${port} on ${device}${owner}`;
  });
  return lines.join(`\n${''.padEnd(14)}`) || 'none';
}

function libraryLines({ libraries }: RdmaReport): string[] {
  if (libraries === null) return ['  libraries   not tried: there is no addon'];
  const tried = libraries.tried.map(({ name, error }, i) => {
    const label = i === 0 ? 'libraries' : '';
    // The system's own text begins with the name.
    const outcome = error === null ? `${name}: loaded` : error.startsWith(name) ? error : `${name}: ${error}`;
    return `  ${label.padEnd(12)}${outcome}`;
  });
  const lost = (what: string, names: readonly string[]) =>
    names.length > 0 ? [`  ${''.padEnd(12)}${what}: ${names.join(', ')}`] : [];
  return [...tried, ...lost('missing', libraries.missing), ...lost('absent, not needed', libraries.absent)];
}

function rdmaLines(rdma: RdmaReport): string[] {
  const modules = rdma.modules.map(({ name, isLoaded }) => `${name} ${isLoaded ? 'loaded' : 'not loaded'}`);
  const addresses = rdma.addresses.map(
    ({ subnet, device, port, networkDevice, isExposed }) =>
      `${subnet} by ${device} port ${port} (${networkDevice})${isExposed ? ', exposed' : ''}`,
  );
  return [
    ...libraryLines(rdma),
    `  modules     ${modules.join(', ')}`,
    ...(rdma.devices.length === 0 ? ['  devices     none'] : rdma.devices.flatMap(deviceLines)),
    `  addresses   ${addresses.join(`\n${''.padEnd(14)}`) || 'none'}`,
    `  listening   ${listeningText(rdma)}`,
    `  open now    ${listenersText(rdma)}`,
    `  memlock     ${memoryText(rdma.lockedMemory)}`,
    `  fork        ${FORKS[rdma.libraries?.forkSafety ?? 'unknown']}`,
  ];
}

function selfTestLine({ name, outcome, why, address, figures }: SelfTestReport, width: number): string {
  const label = `  ${name.padEnd(width)}  ${outcome}`;
  if (figures === null) return `${label}: ${why}`;
  const { roundTrips, p50Us, p99Us, bytes, mbPerS } = figures;
  const times = `${roundTrips} round trips of 64 bytes, p50 ${p50Us.toFixed(1)} µs, p99 ${p99Us.toFixed(1)} µs`;
  return `${label}: ${times}; ${bytes / 1_048_576} MiB there and back at ${Math.round(mbPerS)} MB/s each way (${address})`;
}

/** The lines of the self test, the last one ended. */
export function selfTestText(reports: readonly SelfTestReport[]): string {
  const width = Math.max(...reports.map(({ name }) => name.length));
  return ['', 'Self test', ...reports.map((report) => selfTestLine(report, width)), ''].join('\n');
}

/** Lines of text, the last one ended. */
export function reportText(report: DoctorReport): string {
  const { version, node, platform, kernel, system, container, addonMissing, providers, rdma } = report;
  const where = [`Node.js ${node}`, `${platform} ${kernel}`, system, container && `in a container (${container})`];
  return [
    `sanswitch ${version}: ${where.filter(Boolean).join(', ')}`,
    `addon: ${addonMissing ?? 'loaded'}`,
    '',
    'Providers',
    ...providerLines(providers),
    '',
    'RDMA',
    ...rdmaLines(rdma),
    '',
  ].join('\n');
}
