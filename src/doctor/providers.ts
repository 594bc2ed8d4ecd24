/** Which providers will be used, and why: found out by starting them, as a switch does. */
import type { SwitchConfig } from '../switch/config.js';
import { builtInNames } from '../switch/registry.js';
import type { ProviderStatus } from '../switch/running-provider.js';
import { createSwitch } from '../switch/switch.js';
import { addonFinding, byGravity } from './findings.js';
import type { Finding, ProviderReport } from './report.js';

/**
 * Starts all providers of a configuration, and the built-in ones that it does not name, and ends them again.
 * @throws UnknownProviderError, InvalidOptionError
 */
export async function startProviders(config: SwitchConfig): Promise<ProviderStatus[]> {
  const configured = config.providers.map(({ name }) => name);
  const others = builtInNames().filter((name) => !configured.includes(name));
  const providers = config.providers.map(({ provider, ...entry }) =>
    provider === undefined ? entry : { ...entry, provider },
  );
  // Not with the rest of the options: some would change this thread's reactor.
  const { startupTimeoutMs } = config;
  const sw = await createSwitch({ providers: [...providers, ...others], startupTimeoutMs });
  try {
    return sw.providers();
  } finally {
    await sw.close();
  }
}

function tcpReport({ demanded }: SwitchConfig): ProviderReport {
  const isUsed = demanded.size === 0 || demanded.has('tcp');
  const others = [...demanded].join(', ');
  return {
    name: 'tcp',
    isConfigured: true,
    isRequired: demanded.has('tcp'),
    isUsed,
    why: isUsed
      ? 'for all that no other provider serves'
      : `the configuration demands ${others}: what that does not serve is an error`,
    subnets: [],
    findings: [],
  };
}

/** What stands in a provider's way, as far as it is known without the provider. */
export interface Known {
  readonly findings: readonly Finding[];
  /** Its errors are the whole truth: the provider can only say the same in other words. */
  readonly isWhole: boolean;
}

const NOTHING: Known = { findings: [], isWhole: false };

/** What a provider says itself, beyond what is known already. */
function startFindings({ reason, detail, lastFault }: ProviderStatus, { findings, isWhole }: Known): Finding[] {
  const faults: Finding[] = lastFault ? [{ severity: 'warning', text: lastFault, remedy: null }] : [];
  if (reason === undefined || detail === undefined) return faults;
  if (findings.some(({ severity }) => severity === 'error')) {
    return isWhole ? [] : [{ severity: 'note', text: `it did not start: ${detail}`, remedy: null }];
  }
  if (reason === 'native-unavailable') return [addonFinding(detail)];
  // Address space is what `shm` takes a lot of, and all that commonly keeps it from starting.
  const remedy = /window|address space/.test(detail) ? 'ulimit -v unlimited' : null;
  return [{ severity: 'error', text: detail, remedy }];
}

const UNNAMED = 'the configuration does not name it';

function namingOf({ providers }: SwitchConfig, name: string): string {
  const names = [...providers.map((provider) => provider.name), name].map((entry) => `'${entry}'`);
  return `createSwitch({ providers: [${names.join(', ')}] })`;
}

function isOutvoted({ demanded }: SwitchConfig, name: string): boolean {
  return demanded.size > 0 && !demanded.has(name);
}

function whyNot(status: ProviderStatus, config: SwitchConfig, findings: readonly Finding[]): string {
  const { name, state, detail } = status;
  const first = findings.find(({ severity }) => severity === 'error');
  if (first !== undefined) return first.text;
  if (state === 'left-out') return detail ?? 'it does not start';
  if (isOutvoted(config, name)) return `the configuration demands ${[...config.demanded].join(', ')}`;
  if (!config.providers.some((provider) => provider.name === name)) return UNNAMED;
  return 'it serves no address of this host';
}

/** What is to be said of one provider. */
export function providerReport(status: ProviderStatus, config: SwitchConfig, known: Known = NOTHING): ProviderReport {
  const { name, state, required } = status;
  const subnets = [...new Set(status.subnets)];
  if (name === 'tcp') return tcpReport(config);
  const isConfigured = config.providers.some((provider) => provider.name === name);
  const isStarted = state === 'started' && subnets.length > 0;
  const isUsed = isStarted && isConfigured && !isOutvoted(config, name);
  const all = byGravity([...known.findings, ...startFindings(status, known)]);
  // A provider that works tells by that what no obstacle is.
  const findings = isStarted
    ? all.map((finding) => (finding.severity === 'error' ? { ...finding, severity: 'warning' as const } : finding))
    : all;
  if (!isConfigured) findings.push({ severity: 'note', text: UNNAMED, remedy: namingOf(config, name) });
  const why = isUsed ? `for ${subnets.join(', ')}, where the other end has it too` : whyNot(status, config, findings);
  return { name, isConfigured, isRequired: required, isUsed, why, subnets, findings };
}
