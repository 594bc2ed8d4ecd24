/** The doctor's work: facts first, then what they mean. */
import { readFileSync } from 'node:fs';
import { networkInterfaces, release } from 'node:os';
import { InvalidOptionError } from '../errors.js';
import { loadNative } from '../native/load.js';
import { readOptions, VERBS_DEFAULTS, type VerbsOptions } from '../providers/verbs/options.js';
import { checkConfig, type SwitchConfig, type SwitchOptions } from '../switch/config.js';
import { rdmaFindings } from './findings.js';
import { providerReport, startProviders } from './providers.js';
import { examineRdma } from './rdma.js';
import type { DoctorReport } from './report.js';
import { readContainer, readDistribution, systemRoots, unusableDeviceFiles } from './system.js';

function packageVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function firstNetworkDevice(): string | null {
  const found = Object.entries(networkInterfaces()).find(([, addresses]) =>
    addresses?.some(({ internal }) => !internal),
  );
  return found?.[0] ?? null;
}

/** What the configuration says of `verbs`, and what is wrong with that. */
function verbsOptionsOf({ providers }: SwitchConfig): { options: VerbsOptions; optionsError: string | null } {
  const entry = providers.find(({ name, provider }) => name === 'verbs' && provider === undefined);
  try {
    return { options: readOptions(entry?.options ?? {}), optionsError: null };
  } catch (error) {
    if (!(error instanceof InvalidOptionError)) throw error;
    return { options: VERBS_DEFAULTS, optionsError: error.message };
  }
}

/** See `doctor`. */
export async function diagnose(options: SwitchOptions): Promise<DoctorReport> {
  const config = checkConfig(options);
  const statuses = await startProviders(config);
  const roots = systemRoots();
  const { addon, reason: addonMissing } = loadNative();
  const { name: system, tool } = readDistribution(roots);
  const container = readContainer();
  const { options: verbs, optionsError } = verbsOptionsOf(config);
  const rdma = examineRdma(addon, verbs, roots);
  const hasStarted = statuses.some(({ name, state }) => name === 'verbs' && state === 'started');
  const findings = rdmaFindings({
    rdma,
    optionsError,
    allowed: verbs.devices,
    container,
    tool,
    addonMissing,
    hasStarted,
    networkDevice: firstNetworkDevice(),
    unusableFiles: unusableDeviceFiles(roots),
  });
  const isWhole = optionsError !== null || !rdma.libraries?.loaded || rdma.devices.length === 0;
  const providers = statuses.map((status) =>
    providerReport(status, config, status.name === 'verbs' ? { findings, isWhole } : undefined),
  );
  return {
    version: packageVersion(),
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    kernel: release(),
    system,
    container,
    addonMissing,
    providers,
    rdma,
    isSound: providers.every(({ isRequired, isUsed }) => isUsed || !isRequired),
  };
}
