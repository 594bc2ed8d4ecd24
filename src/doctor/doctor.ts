/** `doctor()`: which providers will serve connections of this process on this host, and what stands in the way of the others. */
import type { SwitchOptions } from '../switch/config.js';
import type { DoctorReport } from './report.js';

/**
 * Examines this host as a switch with these options would find it. Providers are started and ended again; nothing is
 * changed, and nothing is left behind.
 * @param options as for `createSwitch`
 * @throws InvalidOptionError, UnknownProviderError
 */
export async function doctor(options: SwitchOptions = {}): Promise<DoctorReport> {
  // Loaded on demand: a program that is well does not pay for it.
  const { diagnose } = await import('./diagnose.js');
  return diagnose(options);
}
