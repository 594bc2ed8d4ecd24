/** What `createRuntime` takes: its defaults, and its check. */
import { availableParallelism } from 'node:os';
import type { ResourceLimits } from 'node:worker_threads';
import { InvalidOptionError, showValue } from '../../errors.js';
import { IDLE_STRATEGIES, type IdleStrategy, POLLERS, type PollerKind } from '../../reactor/poller-kind.js';
import { optionsObject } from '../options.js';
import {
  checkSwitchSettings,
  type RuntimeSwitchOptions,
  SWITCH_OPTION_NAMES,
  type SwitchSettings,
} from './switch-settings.js';

/** How often a worker may die before it is given up. */
export interface WorkerRestartOptions {
  /** Restarts within `withinMs` after which a worker is not started again; 0: never. Default 10. */
  readonly max?: number;
  /** Default 60,000. */
  readonly withinMs?: number;
}

/** Whether socket actors are moved from busy workers to idle ones. */
export interface RebalanceOptions {
  /** How often the workers are compared. Default 5,000. */
  readonly everyMs?: number;
  /**
   * The busiest and the idlest worker must differ by more than this share of their time (0 to 1), twice in a row, before actors
   * are moved between them. Default 0.2.
   */
  readonly ratio?: number;
}

/** The same, checked. */
export type RebalanceConfig = Required<RebalanceOptions>;

/** What `createRuntime` takes. Every entry is optional. */
export interface RuntimeOptions extends RuntimeSwitchOptions {
  /** Worker threads, 1 to 128. Default: one for each processor. */
  readonly workers?: number;
  /** Messages that an actor handles before its neighbours get a turn. Default 64. */
  readonly turnMessages?: number;
  /** Microseconds after which its neighbours get a turn, whichever comes first. Default 200. */
  readonly turnUs?: number;
  /** Bytes of the mail ring between two threads, in each direction; a power of two. Default 1 MiB. */
  readonly mailRingBytes?: number;
  /**
   * How long `close()` lets what was accepted be handled, and sockets and actors end, before it ends the threads. Also how long
   * a socket that its actor closes waits for the peer's end before it is reset. Default 10,000.
   */
  readonly closeTimeoutMs?: number;
  /** How long a worker may take to start. Default 10,000. */
  readonly startTimeoutMs?: number;
  /** How often a dead worker comes back. */
  readonly workerRestarts?: WorkerRestartOptions;
  /** Has socket actors of modules move from the busiest worker to the idlest. Default: nobody moves unless it is told to. */
  readonly rebalance?: RebalanceOptions;
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
  readonly switch: SwitchSettings;
}

/** The checked options, defaults filled in. */
export interface RuntimeConfig {
  /** Null: it is off. */
  readonly rebalance: RebalanceConfig | null;
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
const EVERY_MS: Range = [10, TIMER_MAX_MS, 5_000];
const SPIN_BUDGET_LIMIT_US = 1_000;
const LIMIT_NAMES = ['maxYoungGenerationSizeMb', 'maxOldGenerationSizeMb', 'codeRangeSizeMb', 'stackSizeMb'];

const OPTION_NAMES: readonly string[] = [
  ...Object.keys(NUMBERS),
  'workerRestarts',
  'rebalance',
  'resourceLimits',
  'spinBudgetUs',
  'poller',
  'idleStrategy',
  ...SWITCH_OPTION_NAMES,
];

/** Those entries of the options that are there. */
function pick(options: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
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

function rebalance(value: unknown): RebalanceConfig | null {
  if (value === undefined) return null;
  const { everyMs, ratio = 0.2 } = optionsObject('rebalance', value, ['everyMs', 'ratio']);
  if (typeof ratio === 'number' && ratio >= 0 && ratio <= 1) {
    return { everyMs: integer('rebalance.everyMs', everyMs, EVERY_MS), ratio };
  }
  throw new InvalidOptionError(`rebalance.ratio must be a number from 0 to 1, not ${showValue(ratio)}`);
}

/** @throws InvalidOptionError naming the first entry that is wrong; UnknownProviderError */
export function checkRuntimeOptions(given: RuntimeOptions = {}): RuntimeConfig {
  const options = optionsObject('the options', given, OPTION_NAMES);
  const number = (name: keyof typeof NUMBERS) => integer(name, options[name], NUMBERS[name]);
  const closeTimeoutMs = number('closeTimeoutMs');
  const restarts = optionsObject('workerRestarts', options.workerRestarts ?? {}, Object.keys(RESTARTS));
  return {
    workers: number('workers'),
    mailRingBytes: powerOfTwo('mailRingBytes', number('mailRingBytes')),
    rebalance: rebalance(options.rebalance),
    closeTimeoutMs,
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
      switch: checkSwitchSettings(pick(options, SWITCH_OPTION_NAMES), closeTimeoutMs),
    },
  };
}
