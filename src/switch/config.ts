/** The switch's configuration: what it may say, its defaults, and its check. */
import { InvalidOptionError, showValue } from '../errors.js';
import { IDLE_STRATEGIES, type IdleStrategy, POLLERS, type PollerKind } from '../reactor/poller-kind.js';
import type { SanProvider } from '../spi/provider.js';

/** A provider with its own settings, or a stranger's provider. */
export interface ProviderEntry {
  /** Stands in decision records, counters and `socket.provider`. */
  readonly name: string;
  /** A provider from elsewhere (`sanswitch/spi`); without it `name` is one of the built-in ones. */
  readonly provider?: SanProvider;
  /** Handed to the provider's `WSPStartupEx`. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** Demanded, as the `!` in `'shm!'`: a connection that it does not serve is an error. */
  readonly required?: boolean;
}

/** What `createSwitch` takes. Every entry is optional. */
export interface SwitchOptions {
  /**
   * SAN providers in the order of preference: a name, `'name!'` for a demanded one, or an entry. Default `['shm']`. `'tcp'` may
   * be listed and is there in any case; `'tcp!'` allows nothing but TCP/IP.
   */
  readonly providers?: readonly (string | ProviderEntry)[];
  /**
   * How long a reactor polls after the last progress before its thread sleeps, microseconds, at most 1000; 0: never. Default 50
   * (0 on a single processor). The reactor is the thread's: the last switch that says something has its way.
   */
  readonly spinBudgetUs?: number;
  /**
   * Who polls while this thread sleeps. `inline`, the default: nobody; the thread spins for `spinBudgetUs` first, and peers wake
   * it. `dedicated`: it sleeps at once, and one native thread of the process polls for all threads that want it. The reactor is
   * the thread's: the last switch that says something has its way.
   */
  readonly poller?: PollerKind;
  /**
   * What the dedicated poller does when it finds nothing: `blocking` (the default: spins for `spinBudgetUs`, then sleeps),
   * `back-off` (sleeps ever longer, at most 1 ms), `yield` or `spin` (which take a processor for good). There is one dedicated
   * poller in a process: the last switch that says something has its way.
   */
  readonly idleStrategy?: IdleStrategy;
  /** Bytes queued at which `send` returns false; a connect or listen may say otherwise. Default 1 MiB. */
  readonly highWaterMarkBytes?: number;
  /** Connections that may wait at a SAN listener before further ones are refused (rule 4.4). Default 4096. */
  readonly sanBacklog?: number;
  /** How long a SAN provider may take to connect before TCP/IP tries (rule 3.5). Default 1000. */
  readonly sanConnectTimeoutMs?: number;
  /** How long the two switches may take to agree on a session (rule 3.6). Default 2000. */
  readonly negotiationTimeoutMs?: number;
  /** How long a connection's peer may be between two owners before the connection is given up (rule 8.2). Default 10000. */
  readonly resumeTimeoutMs?: number;
  /** How long a provider may take to start (rule 1.1). Default 5000. */
  readonly startupTimeoutMs?: number;
  /** How long `socket.close()` waits for the peer's end before it resets the connection. Default 10000. */
  readonly closeTimeoutMs?: number;
  /** Decision records kept for `sw.decisions()`. Default 256. */
  readonly decisionHistory?: number;
}

type Limits = Required<Omit<SwitchOptions, 'providers' | 'spinBudgetUs' | 'poller' | 'idleStrategy'>>;

/** A provider as configured, defaults filled in. */
export interface CheckedProvider {
  readonly name: string;
  /** Undefined: a built-in one. */
  readonly provider: SanProvider | undefined;
  readonly options: Readonly<Record<string, unknown>>;
  readonly required: boolean;
}

/** The checked configuration, defaults filled in. */
export interface SwitchConfig extends Limits {
  /** Undefined: the reactor's own. */
  readonly spinBudgetUs: number | undefined;
  /** Undefined: as it is on this thread. */
  readonly poller: PollerKind | undefined;
  readonly idleStrategy: IdleStrategy | undefined;
  /** Without `tcp`. */
  readonly providers: readonly CheckedProvider[];
  /** A demanded provider other than those listed in `demanded` must not serve; empty: nothing is demanded. */
  readonly demanded: ReadonlySet<string>;
}

const TIMER_MAX_MS = 2 ** 31 - 1;
const SIZE_MAX_BYTES = 2 ** 40;

/** Least, greatest and default value of each number. */
const NUMBERS: {
  readonly [K in keyof Limits | 'spinBudgetUs']: readonly [least: number, most: number, usual: number];
} = {
  highWaterMarkBytes: [1, SIZE_MAX_BYTES, 1_048_576],
  sanBacklog: [1, 1_048_576, 4_096],
  sanConnectTimeoutMs: [1, TIMER_MAX_MS, 1_000],
  negotiationTimeoutMs: [1, TIMER_MAX_MS, 2_000],
  resumeTimeoutMs: [1, TIMER_MAX_MS, 10_000],
  startupTimeoutMs: [1, TIMER_MAX_MS, 5_000],
  closeTimeoutMs: [1, TIMER_MAX_MS, 10_000],
  decisionHistory: [0, 1_048_576, 256],
  spinBudgetUs: [0, 1_000, 50],
};

/** Options that are no numbers, and what a word may be. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  providers: [],
  poller: POLLERS,
  idleStrategy: IDLE_STRATEGIES,
};

function wordOption<T extends string>(name: string, value: T | undefined): T | undefined {
  const words = WORDS[name] as readonly string[];
  if (value === undefined || words.includes(value)) return value;
  throw new InvalidOptionError(`${name} must be one of ${words.join(', ')}, not ${showValue(value)}`);
}

/** An integer option within its limits, or its default. @throws InvalidOptionError */
export function integerOption(name: string, value: unknown, least: number, most: number, usual: number): number {
  if (value === undefined) return usual;
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw new InvalidOptionError(`${name} must be an integer from ${least} to ${most}, not ${showValue(value)}`);
  }
  return value as number;
}

/** The high-water mark of one socket. @throws InvalidOptionError */
export function highWaterMarkOption(value: unknown, usual: number): number {
  return integerOption('highWaterMarkBytes', value, 1, SIZE_MAX_BYTES, usual);
}

/** @throws InvalidOptionError naming the first entry that is wrong */
export function checkConfig(options: SwitchOptions): SwitchConfig {
  if (options === null || typeof options !== 'object') throw new InvalidOptionError('the options must be an object');
  for (const key of Object.keys(options)) {
    if (!Object.hasOwn(WORDS, key) && !Object.hasOwn(NUMBERS, key))
      throw new InvalidOptionError(`there is no option \`${key}\``);
  }
  const number = (name: keyof typeof NUMBERS) => integerOption(name, options[name], ...NUMBERS[name]);
  const configured = options.providers ?? ['shm'];
  if (!Array.isArray(configured)) throw new InvalidOptionError('providers must be an array');
  const entries = configured.map(checkEntry);
  const names = entries.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new InvalidOptionError(`provider ${twice} is configured twice`);
  const instances = entries.flatMap(({ provider }) => (provider === undefined ? [] : [provider]));
  if (new Set(instances).size < instances.length) {
    throw new InvalidOptionError('one provider object is configured under two names');
  }
  return {
    highWaterMarkBytes: number('highWaterMarkBytes'),
    sanBacklog: number('sanBacklog'),
    sanConnectTimeoutMs: number('sanConnectTimeoutMs'),
    negotiationTimeoutMs: number('negotiationTimeoutMs'),
    resumeTimeoutMs: number('resumeTimeoutMs'),
    startupTimeoutMs: number('startupTimeoutMs'),
    closeTimeoutMs: number('closeTimeoutMs'),
    decisionHistory: number('decisionHistory'),
    spinBudgetUs: options.spinBudgetUs === undefined ? undefined : number('spinBudgetUs'),
    poller: wordOption('poller', options.poller),
    idleStrategy: wordOption('idleStrategy', options.idleStrategy),
    providers: entries.filter(({ name }) => name !== 'tcp'),
    demanded: new Set(entries.filter(({ required }) => required).map(({ name }) => name)),
  };
}

function checkEntry(entry: unknown): CheckedProvider {
  if (typeof entry === 'string') {
    const required = entry.endsWith('!');
    const name = required ? entry.slice(0, -1) : entry;
    return { name: checkName(name), options: {}, required, provider: undefined };
  }
  if (entry === null || typeof entry !== 'object') {
    throw new InvalidOptionError('an entry of providers must be a name or an object');
  }
  const { name, provider, options = {}, required = false, ...rest } = entry as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw new InvalidOptionError(`a provider's entry has no \`${unknown}\``);
  if (typeof required !== 'boolean') throw new InvalidOptionError("a provider's `required` must be true or false");
  if (options === null || typeof options !== 'object')
    throw new InvalidOptionError("a provider's options must be an object");
  if (provider !== undefined && (provider === null || typeof provider !== 'object')) {
    throw new InvalidOptionError('`provider` must be an object with the functions of sanswitch/spi');
  }
  const checked = checkName(name);
  if (checked === 'tcp' && provider !== undefined)
    throw new InvalidOptionError('tcp is the platform and cannot be replaced');
  return {
    name: checked,
    options: { ...options },
    required,
    provider: provider as SanProvider | undefined,
  };
}

function checkName(name: unknown): string {
  if (typeof name !== 'string' || !/^[a-z][a-z0-9-]{0,31}$/.test(name)) {
    throw new InvalidOptionError(`a provider's name is lower-case letters, digits and hyphens, not ${showValue(name)}`);
  }
  return name;
}
