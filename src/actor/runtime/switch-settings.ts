/** What a runtime is told about the switches of its threads, in a form that every thread can be posted. */
import { InvalidOptionError, showValue } from '../../errors.js';
import { checkConfig, type SwitchOptions } from '../../switch/config.js';
import { assertBuiltIn } from '../../switch/registry.js';

/** A provider with its own settings, or a stranger's provider, for every thread of a runtime. */
export interface RuntimeProviderEntry {
  /** Stands in decision records, counters and `socket.provider`. */
  readonly name: string;
  /**
   * Absolute URL of a module whose default export is a function that makes a provider (`sanswitch/spi`): called once on each
   * thread that has a switch. Without it `name` is one of the built-in ones.
   */
  readonly module?: URL | string;
  /** Handed to the provider's `WSPStartupEx`; structured-cloneable. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Demanded, as the `!` in `'shm!'`. */
  readonly required?: boolean;
}

/** The options of a switch that a runtime takes for the switches of all its threads; each means what it means there. */
export interface RuntimeSwitchOptions
  extends Pick<
    SwitchOptions,
    | 'highWaterMarkBytes'
    | 'sanBacklog'
    | 'sanConnectTimeoutMs'
    | 'negotiationTimeoutMs'
    | 'resumeTimeoutMs'
    | 'startupTimeoutMs'
    | 'decisionHistory'
  > {
  /** SAN providers in the order of preference, as in `SwitchOptions`. Default `['shm']`. */
  readonly providers?: readonly (string | RuntimeProviderEntry)[];
}

/** The names of those options. */
export const SWITCH_OPTION_NAMES = [
  'providers',
  'highWaterMarkBytes',
  'sanBacklog',
  'sanConnectTimeoutMs',
  'negotiationTimeoutMs',
  'resumeTimeoutMs',
  'startupTimeoutMs',
  'decisionHistory',
] as const satisfies readonly (keyof RuntimeSwitchOptions)[];

/** A provider as a thread is told of it. */
export interface ProviderSettings {
  readonly name: string;
  /** Absolute; undefined: a built-in one. */
  readonly module: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
  readonly required: boolean;
}

/** What a thread makes its switch from. Can be posted. */
export interface SwitchSettings extends Omit<SwitchOptions, 'providers' | 'spinBudgetUs' | 'poller' | 'idleStrategy'> {
  readonly providers: readonly ProviderSettings[];
}

/**
 * @param closeTimeoutMs how long a socket that is closed waits for its peer
 * @throws InvalidOptionError, UnknownProviderError
 */
export function checkSwitchSettings(options: RuntimeSwitchOptions, closeTimeoutMs: number): SwitchSettings {
  const { providers = ['shm'], ...numbers } = options;
  if (!Array.isArray(providers)) throw new InvalidOptionError('providers must be an array');
  const entries = providers.map(checkEntry);
  // What a switch would say of the rest.
  checkConfig({ ...numbers, closeTimeoutMs, providers: entries.map(({ module: _, ...entry }) => entry) });
  for (const { name, module } of entries) if (module === undefined && name !== 'tcp') assertBuiltIn(name);
  return { ...numbers, closeTimeoutMs, providers: entries };
}

function checkEntry(entry: unknown): ProviderSettings {
  if (typeof entry === 'string') {
    const required = entry.endsWith('!');
    return { name: required ? entry.slice(0, -1) : entry, module: undefined, options: {}, required };
  }
  if (entry === null || typeof entry !== 'object') {
    throw new InvalidOptionError('an entry of providers must be a name or an object');
  }
  const { name, module, options = {}, required = false, ...rest } = entry as Record<string, unknown>;
  const [unknown] = Object.keys(rest);
  if (unknown === 'provider') {
    throw new InvalidOptionError('a provider object does not cross threads: name a `module` that makes one');
  }
  if (unknown !== undefined) throw new InvalidOptionError(`a provider's entry has no \`${unknown}\``);
  if (name === 'tcp' && module !== undefined) {
    throw new InvalidOptionError('tcp is the platform and cannot be replaced');
  }
  return {
    name: name as string,
    module: module === undefined ? undefined : checkModule(module),
    options: checkCloneable(options) as ProviderSettings['options'],
    required: required as boolean,
  };
}

function checkModule(module: unknown): string {
  try {
    return new URL(module as string).href;
  } catch {
    throw new InvalidOptionError(`a provider's module is named by an absolute URL, not ${showValue(module)}`);
  }
}

function checkCloneable(options: unknown): unknown {
  try {
    return structuredClone(options);
  } catch (error) {
    throw new InvalidOptionError(`a provider's options can't be sent to other threads: ${(error as Error).message}`);
  }
}
