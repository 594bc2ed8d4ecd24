/** The machine that figures are of. */
import { readFileSync } from 'node:fs';
import { cpus, hostname, release, totalmem } from 'node:os';
import { createSwitch } from '../switch/switch.js';
import type { HostFingerprint } from './report.js';

const GOVERNOR = '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor';

function governor(): string | null {
  try {
    return readFileSync(GOVERNOR, 'utf8').trim();
  } catch {
    return null;
  }
}

/** This package's version. */
export function ownVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

/** This host's. Starts the usual providers, and stops them again. */
export async function fingerprint(): Promise<HostFingerprint> {
  const sw = await createSwitch();
  try {
    const providers = sw.providers().map(({ name, state, reason }) => ({
      name,
      state: reason === undefined ? state : `${state}: ${reason}`,
    }));
    const all = cpus();
    return {
      hostname: hostname(),
      cpu: all[0]?.model.trim() ?? 'unknown',
      cores: all.length,
      memory_bytes: totalmem(),
      kernel: release(),
      node: process.version,
      sanswitch: ownVersion(),
      governor: governor(),
      providers,
    };
  } finally {
    await sw.close();
  }
}
