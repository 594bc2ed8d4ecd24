/** What a coordinator and an agent tell each other, and the check of it: neither trusts the other. */
import type { FleetNote } from '../fleet.js';
import type { RunPlan } from '../plan.js';
import type { SecondNote } from '../recorder.js';
import type { HostFingerprint } from '../report.js';
import type { SizeRange } from '../sizes.js';

/** Both sides must have the same. */
export const AGENT_PROTOCOL = 2;

/** Of a coordinator. */
export type AgentOrder =
  | { readonly order: 'hello'; readonly protocol: number; readonly workers: number }
  | { readonly order: 'connect'; readonly plan: RunPlan }
  | { readonly order: 'run' }
  | { readonly order: 'stop' }
  | { readonly order: 'disconnect' };

/** Of an agent. */
export type AgentWord =
  | { readonly word: 'hello'; readonly host: HostFingerprint }
  | { readonly word: 'connected' }
  | { readonly word: 'second'; readonly worker: number; readonly note: SecondNote }
  | ({ readonly word: 'done' } & FleetNote)
  | { readonly word: 'disconnected' }
  | { readonly word: 'failed'; readonly code: string; readonly message: string };

/** A message that can't be meant. */
export class MessageError extends Error {
  readonly code = 'EPROTO';
}

const WORKERS_MAX = 128;
const LIST_MAX = 200_000;
const NAMES_MAX = 1_000;
const TEXT_MAX = 4_096;

type Shape = Readonly<Record<string, Check>>;
type Check = (value: unknown) => boolean;

const isBoolean: Check = (value) => typeof value === 'boolean';
const isNumber: Check = (value) => typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isText: Check = (value) => typeof value === 'string' && value.length <= TEXT_MAX;
const orNull =
  (check: Check): Check =>
  (value) =>
    value === null || check(value);
const listOf =
  (check: Check, most = NAMES_MAX, least = 0): Check =>
  (value) =>
    Array.isArray(value) && value.length >= least && value.length <= most && value.every(check);
const both =
  (...checks: readonly Check[]): Check =>
  (value) =>
    checks.every((check) => check(value));
/** Of fields that have been checked each by itself. */
const agree =
  <T>(check: (value: T) => boolean): Check =>
  (value) =>
    check(value as T);
const oneOf =
  (...words: readonly unknown[]): Check =>
  (value) =>
    words.includes(value);
const whole =
  (least: number, most: number): Check =>
  (value) =>
    Number.isInteger(value) && within(least, most)(value);
const within =
  (least: number, most: number): Check =>
  (value) =>
    typeof value === 'number' && value >= least && value <= most;
const shape =
  (fields: Shape): Check =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]));
const isTally: Check = (value) =>
  typeof value === 'object' &&
  value !== null &&
  !Array.isArray(value) &&
  Object.keys(value).length <= NAMES_MAX &&
  Object.values(value).every(isNumber);

const SIZE = whole(1, 64 * 1024 * 1024);
const isMix = listOf(
  both(
    shape({ least: SIZE, most: SIZE, weight: within(Number.MIN_VALUE, Number.MAX_VALUE) }),
    agree<SizeRange>(({ least, most }) => least <= most),
  ),
  NAMES_MAX,
  1,
);
/** What can stand in the first line of a request, and end neither it nor its part. */
const isPath: Check = (value) => isText(value) && /^\/[!-~]*$/.test(value as string);

const PLAN: Shape = {
  name: isText,
  target: shape({ url: isText, host: isText, port: whole(1, 65_535), path: isPath, providers: listOf(isText) }),
  protocol: oneOf('echo', 'stream', 'request', 'http', 'ws'),
  connections: whole(1, 100_000),
  inFlight: whole(1, 65_536),
  sizes: isMix,
  answers: isMix,
  rate_per_s: orNull(within(1e-6, 1e8)),
  arrivals: oneOf('constant', 'poisson'),
  warmup_ms: within(0, 3_600_000),
  duration_ms: within(1, 86_400_000),
  requests: orNull(whole(1, 1e12)),
  tick_ms: within(0, 1_000),
  lateTolerance_ms: isNumber,
  patience_ms: within(1, 3_600_000),
  isWatched: isBoolean,
  seed: isNumber,
};
const isPlan = both(
  shape(PLAN),
  agree<RunPlan>(({ requests, connections }) => requests === null || requests >= connections),
);

const isCounts = shape({ places: listOf(isNumber, LIST_MAX), min: orNull(isNumber), max: isNumber });
const isSecond = shape({
  second: whole(0, 100_000),
  started: isNumber,
  completed: isNumber,
  failed: isNumber,
  latencies: isCounts,
});
const isNote = shape({
  started: isNumber,
  completed: isNumber,
  failed: isNumber,
  neverBegun: isNumber,
  late: isNumber,
  errors: isTally,
  corrected: isCounts,
  raw: isCounts,
  bytesSent: isNumber,
  bytesReceived: isNumber,
  reconnects: isNumber,
  served: listOf(shape({ provider: isText, why: isText, connections: isNumber })),
  longestStall_ms: isNumber,
  measured_ms: isNumber,
  lost: orNull(isText),
});
const isHost = shape({
  hostname: isText,
  cpu: isText,
  cores: isNumber,
  memory_bytes: isNumber,
  kernel: isText,
  node: isText,
  sanswitch: isText,
  governor: orNull(isText),
  providers: listOf(shape({ name: isText, state: isText })),
});

const ORDERS: Readonly<Record<AgentOrder['order'], Check>> = {
  hello: shape({ protocol: isNumber, workers: whole(1, WORKERS_MAX) }),
  connect: shape({ plan: isPlan }),
  run: () => true,
  stop: () => true,
  disconnect: () => true,
};

const WORDS: Readonly<Record<AgentWord['word'], Check>> = {
  hello: shape({ host: isHost }),
  connected: () => true,
  second: shape({ worker: whole(0, WORKERS_MAX - 1), note: isSecond }),
  done: both(
    shape({ notes: listOf(orNull(isNote), WORKERS_MAX, 1), lost: orNull(isText), cpu_us: isNumber }),
    agree<FleetNote>(
      ({ notes, lost }) => notes.some((note) => note !== null) && notes.includes(null) === (lost !== null),
    ),
  ),
  disconnected: () => true,
  failed: shape({ code: isText, message: isText }),
};

function checked<T>(value: unknown, key: string, checks: Readonly<Record<string, Check>>): T {
  const name = (value as Record<string, unknown> | null)?.[key];
  if (typeof name === 'string' && Object.hasOwn(checks, name) && checks[name]?.(value)) return value as T;
  throw new MessageError(`a message '${String(name).slice(0, 40)}' that can't be meant`);
}

/** @throws MessageError */
export function readOrderMessage(value: unknown): AgentOrder {
  return checked<AgentOrder>(value, 'order', ORDERS);
}

/** @throws MessageError */
export function readWordMessage(value: unknown): AgentWord {
  return checked<AgentWord>(value, 'word', WORDS);
}
