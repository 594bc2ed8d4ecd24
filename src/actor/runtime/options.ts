/** What `createRuntime` takes: its defaults, and its check. */
import { availableParallelism } from 'node:os';
import type { ResourceLimits } from 'node:worker_threads';
import { InvalidOptionError, showValue } from '../../errors.js';
import { IDLE_STRATEGIES, type IdleStrategy, POLLERS, type PollerKind } from '../../reactor/poller-kind.js';

/** How often a worker may die before it is given up. */
export interface WorkerRestartOptions {
  /** Restarts within `withinMs` after which a worker is not started again; 0: never. Default 10. */
  readonly max?: number;
  /** Default 60,000. */
  readonly withinMs?: number;
}

/** What `createRuntime` takes. Every entry is optional. */
export interface RuntimeOptions {
  /** Worker threads, 1 to 128. Default: one for each processor. */
  readonly workers?: number;
  /** Messages that an actor handles before its neighbours get a turn. Default 64. */
  readonly turnMessages?: number;
  /** Microseconds after which its neighbours get a turn, whichever comes first. Default 200. */
  readonly turnUs?: number;
  /** Bytes of the mail ring between two threads, in each direction; a power of two. Default 1 MiB. */
  readonly mailRingBytes?: number;
  /** How long `close()` lets what was accepted be handled and actors stop before it ends the threads. Default 10,000. */
  readonly closeTimeoutMs?: number;
  /** How long a worker may take to start. Default 10,000. */
  readonly startTimeoutMs?: number;
  /** How often a dead worker comes back. */
  readonly workerRestarts?: WorkerRestartOptions;
  /** Limits of each worker's JavaScript engine: beyond them that worker dies, and nobody else. */
  readonly resourceLimits?: ResourceLimits;
  /** As in `SwitchOptions`, for the calling thread and all workers. */
  readonly spinBudgetUs?: number;
  readonly poller?: PollerKind;
  readonly idleStrategy?: IdleStrategy;
}

/** What every thread of a runtime needs to know of them. Can be posted. */
export interface ThreadConfig {
  readonly turnMessages: number;
  readonly turnUs: number;
  /** Undefined: as the reactor has it. */
  readonly spinBudgetUs: number | undefined;
  readonly poller: PollerKind | undefined;
  readonly idleStrategy: IdleStrategy | undefined;
}

/** The checked options, defaults filled in. */
export interface RuntimeConfig {
  readonly workers: number;
  readonly mailRingBytes: number;
  readonly closeTimeoutMs: number;
  readonly startTimeoutMs: number;
  readonly workerRestarts: Required<WorkerRestartOptions>;
  readonly resourceLimits: ResourceLimits | undefined;
  readonly thread: ThreadConfig;
}

const TIMER_MAX_MS = 2 ** 31 - 1;
const WORKERS_MAX = 128;

type Range = readonly [least: number, most: number, usual: number];

/** Least, greatest and default value of each whole number. */
const NUMBERS = {
  workers: [1, WORKERS_MAX, Math.min(availableParallelism(), WORKERS_MAX)],
  turnMessages: [1, 1_048_576, 64],
  turnUs: [1, 1_000_000, 200],
  mailRingBytes: [65_536, 2 ** 28, 1_048_576],
  closeTimeoutMs: [1, TIMER_MAX_MS, 10_000],
  startTimeoutMs: [1, TIMER_MAX_MS, 10_000],
} as const satisfies Readonly<Record<string, Range>>;

const RESTARTS = { max: [0, 1_048_576, 10], withinMs: [1, TIMER_MAX_MS, 60_000] } as const;
const SPIN_BUDGET_LIMIT_US = 1_000;
const LIMIT_NAMES = ['maxYoungGenerationSizeMb', 'maxOldGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb'];

const OPTION_NAMES: readonly string[] = [
  ...Object.keys(NUMBERS),
  'workerRestarts',
  'resourceLimits',
  'spinBudgetUs',
  'poller',
  'idleStrategy',
];

/** A plain object of options, none of them unknown. @throws InvalidOptionError */
export function optionsObject(
  what: string,
  value: unknown,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw new InvalidOptionError(`${what} must be an object, not ${showValue(value)}`);
  }
  for (const name of Object.keys(value)) {
    if (!names.includes(name)) throw new InvalidOptionError(`${what} has no \`${name}\``);
  }
  return value as Readonly<Record<string, unknown>>;
}

function integer(name: string, value: unknown, [least, most, usual]: Range): number {
  if (value === undefined) return usual;
  if (!Number.isInteger(value) || (value as number) < least || (value as number) > most) {
    throw new InvalidOptionError(`${name} must be an integer from ${least} to ${most}, not ${showValue(value)}`);
  }
  return value as number;
}

function word<T extends string>(name: string, value: unknown, words: readonly T[]): T | undefined {
  if (value === undefined || words.includes(value as T)) return value as T | undefined;
  throw new InvalidOptionError(`${name} must be one of ${words.join(', ')}, not ${showValue(value)}`);
}

function powerOfTwo(name: string, value: number): number {
  if ((value & (value - 1)) !== 0) throw new InvalidOptionError(`${name} must be a power of two, not ${value}`);
  return value;
}

function spinBudget(value: unknown): number | undefined {
  if (value === undefined || (typeof value === 'number' && value >= 0 && value <= SPIN_BUDGET_LIMIT_US)) return value;
  throw new InvalidOptionError(
    `spinBudgetUs must be a number from 0 to ${SPIN_BUDGET_LIMIT_US}, not ${showValue(value)}`,
  );
}

function resourceLimits(value: unknown): ResourceLimits | undefined {
  if (value === undefined) return undefined;
  const limits = optionsObject('resourceLimits', value, LIMIT_NAMES);
  for (const [name, limit] of Object.entries(limits)) {
    if (limit === undefined || (typeof limit === 'number' && limit > 0 && Number.isFinite(limit))) continue;
    throw new InvalidOptionError(`resourceLimits.${name} must be a positive number, not ${showValue(limit)}`);
  }
  return { ...limits };
}

/** @throws InvalidOptionError naming the first entry that is wrong */
export function checkRuntimeOptions(given: RuntimeOptions = {}): RuntimeConfig {
  const options = optionsObject('the options', given, OPTION_NAMES);
  const number = (name: keyof typeof NUMBERS) => integer(name, options[name], NUMBERS[name]);
  const restarts = optionsObject('workerRestarts', options.workerRestarts ?? {}, Object.keys(RESTARTS));
  return {
    workers: number('workers'),
    mailRingBytes: powerOfTwo('mailRingBytes', number('mailRingBytes')),
    closeTimeoutMs: number('closeTimeoutMs'),
    startTimeoutMs: number('startTimeoutMs'),
    workerRestarts: {
      max: integer('workerRestarts.max', restarts.max, RESTARTS.max),
      withinMs: integer('workerRestarts.withinMs', restarts.withinMs, RESTARTS.withinMs),
    },
    resourceLimits: resourceLimits(options.resourceLimits),
    thread: {
      turnMessages: number('turnMessages'),
      turnUs: number('turnUs'),
      spinBudgetUs: spinBudget(options.spinBudgetUs),
      poller: word('poller', options.poller, POLLERS),
      idleStrategy: word('idleStrategy', options.idleStrategy, IDLE_STRATEGIES),
    },
  };
}
