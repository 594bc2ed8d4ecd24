/** Options of hosts, mailboxes and supervision: their defaults, and what is wrong with bad ones. */

import { InvalidOptionError, showValue } from '../errors.js';
import * as layout from '../layout/layout.gen.js';
import { type ActorClock, createRealClock, TIMER_MAX_MS } from './clock.js';
import { DepthTable, POLICIES, packMark } from './depth-table.js';
import type { SharedNames } from './shared-names.js';
import type { BackOffOptions, MailboxOptions, MailboxPolicy, SupervisionOptions } from './types.js';

/** How a host is made. */
export interface HostOptions {
  /** Its part of every address: thread index in the low 8 bits, incarnation above. Default 0. */
  readonly id?: number;
  /** Default: the event loop of this thread. */
  readonly clock?: ActorClock;
  /** Default: a fresh one, which other threads are given. */
  readonly depths?: DepthTable;
  /** Names that it shares with the other hosts of its runtime. Default: none but its own. */
  readonly names?: SharedNames;
  /** Messages that an actor handles before its neighbours get a turn. Default 64. */
  readonly turnMessages?: number;
  /** Microseconds after which its neighbours get a turn, whichever comes first. Default 200. */
  readonly turnUs?: number;
  /** Microseconds for which the dispatcher keeps the event loop. Default 1,000. */
  readonly dispatchUs?: number;
  /** Milliseconds that a handler or hook may take to return when its actor is to end or restart. Default 5,000. */
  readonly stopTimeoutMs?: number;
  /** Messages that one actor may have set aside. Default 65,536. */
  readonly stashCapacity?: number;
  /** 0 to 1, for routers and the jitter of restarts. Default Math.random. */
  readonly random?: () => number;
}

/** A mailbox's options with nothing left open. */
export interface MailboxLimits {
  readonly capacity: number;
  readonly highWaterMark: number;
  readonly policy: MailboxPolicy;
  /** Mark and policy as the depth table holds them. */
  readonly packedMark: number;
}

/** Supervision with nothing left open. */
export type Supervision = Required<Omit<SupervisionOptions, 'backOff'>> & {
  readonly backOff: Required<BackOffOptions>;
};

const MAILBOX_NAMES = ['capacity', 'highWaterMark', 'policy'] as const satisfies readonly (keyof MailboxOptions)[];
const STRATEGIES = ['one-for-one', 'one-for-all', 'rest-for-one'] as const;
const U32_MAX = 2 ** 32 - 1;
const DEFAULT_CAPACITY = 65_536;
const DEFAULT_MAILBOX = mailboxLimits(DEFAULT_CAPACITY, DEFAULT_CAPACITY / 2, 'refuse');
const DEFAULT_SUPERVISION: Supervision = {
  strategy: 'one-for-one',
  decide: () => 'restart',
  maxRestarts: 10,
  withinMs: 10_000,
  backOff: { minMs: 0, maxMs: 0, factor: 2, jitter: 0.2 },
};

function mailboxLimits(capacity: number, highWaterMark: number, policy: MailboxPolicy): MailboxLimits {
  return { capacity, highWaterMark, policy, packedMark: packMark(highWaterMark, policy) };
}

/** @throws InvalidOptionError unless `value` is a number from `least` to `most` */
function checkNumber(name: string, value: number, least: number, most: number, isWhole = true): number {
  const isGood = typeof value === 'number' && value >= least && value <= most && (!isWhole || Number.isInteger(value));
  if (isGood) return value;
  const kind = isWhole ? 'a whole number' : 'a number';
  throw new InvalidOptionError(`${name} must be ${kind} from ${least} to ${most}, not ${showValue(value)}`);
}

/** @throws InvalidOptionError unless `value` is one of `choices` */
function checkChoice<T extends string>(name: string, value: T, choices: readonly T[]): T {
  if (choices.includes(value)) return value;
  throw new InvalidOptionError(`${name} must be one of ${choices.join(', ')}, not ${showValue(value)}`);
}

/** @throws InvalidOptionError unless `value` is a function */
export function checkFunction<F extends (...args: never[]) => unknown>(name: string, value: F): F {
  if (typeof value === 'function') return value;
  throw new InvalidOptionError(`${name} must be a function, not ${showValue(value)}`);
}

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

/** A delay in milliseconds that a timer can keep. @throws InvalidOptionError */
export function checkDelay(name: string, ms: number, leastMs: number): number {
  return checkNumber(name, ms, leastMs, TIMER_MAX_MS, false);
}

/** @throws InvalidOptionError */
export function resolveMailbox(options: MailboxOptions | undefined): MailboxLimits {
  if (options === undefined) return DEFAULT_MAILBOX;
  optionsObject('mailbox', options, MAILBOX_NAMES);
  const { capacity = DEFAULT_CAPACITY, policy = 'refuse' } = options;
  checkNumber('mailbox.capacity', capacity, 1, layout.ACTOR_CAPACITY_MAX);
  const { highWaterMark = Math.ceil(capacity / 2) } = options;
  checkNumber('mailbox.highWaterMark', highWaterMark, 1, capacity);
  return mailboxLimits(capacity, highWaterMark, checkChoice('mailbox.policy', policy, POLICIES));
}

function resolveBackOff(options: BackOffOptions): Required<BackOffOptions> {
  optionsObject('supervision.backOff', options, Object.keys(DEFAULT_SUPERVISION.backOff));
  const { minMs, maxMs, factor = 2, jitter = 0.2 } = options;
  checkDelay('supervision.backOff.minMs', minMs, 0);
  checkDelay('supervision.backOff.maxMs', maxMs, minMs);
  checkNumber('supervision.backOff.factor', factor, 1, 1_000, false);
  checkNumber('supervision.backOff.jitter', jitter, 0, 1, false);
  return { minMs, maxMs, factor, jitter };
}

/** @throws InvalidOptionError */
export function resolveSupervision(options: SupervisionOptions | undefined): Supervision {
  if (options === undefined) return DEFAULT_SUPERVISION;
  optionsObject('supervision', options, Object.keys(DEFAULT_SUPERVISION));
  const { strategy, decide, maxRestarts, withinMs } = { ...DEFAULT_SUPERVISION, ...options };
  checkChoice('supervision.strategy', strategy, STRATEGIES);
  checkFunction('supervision.decide', decide);
  checkNumber('supervision.maxRestarts', maxRestarts, 0, 1_000_000);
  checkNumber('supervision.withinMs', withinMs, 1, Number.MAX_SAFE_INTEGER, false);
  const backOff = options.backOff === undefined ? DEFAULT_SUPERVISION.backOff : resolveBackOff(options.backOff);
  return { strategy, decide, maxRestarts, withinMs, backOff };
}

/** Supervision of an actor without parent. @throws InvalidOptionError */
export function resolveRootSupervision(options: SupervisionOptions | undefined): Supervision {
  const supervision = resolveSupervision(options);
  if (supervision.strategy === 'one-for-one') return supervision;
  throw new InvalidOptionError(`an actor without parent has no siblings for '${supervision.strategy}'`);
}

/** @throws InvalidOptionError */
export function resolveHost(options: HostOptions): Required<Omit<HostOptions, 'names'>> {
  return {
    id: checkNumber('id', options.id ?? 0, 0, U32_MAX),
    clock: options.clock ?? createRealClock(),
    depths: options.depths ?? new DepthTable(),
    turnMessages: checkNumber('turnMessages', options.turnMessages ?? 64, 1, 1_000_000),
    turnUs: checkNumber('turnUs', options.turnUs ?? 200, 1, 1_000_000, false),
    dispatchUs: checkNumber('dispatchUs', options.dispatchUs ?? 1_000, 1, 1_000_000, false),
    stopTimeoutMs: checkDelay('stopTimeoutMs', options.stopTimeoutMs ?? 5_000, 1),
    stashCapacity: checkNumber('stashCapacity', options.stashCapacity ?? 65_536, 0, layout.ACTOR_CAPACITY_MAX),
    random: checkFunction('random', options.random ?? Math.random),
  };
}
