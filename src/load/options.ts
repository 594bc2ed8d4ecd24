/** The command line of `sanswitch load` as what is to be done. */
import type { ArrivalKind } from './arrivals.js';
import { NumberError, type NumberRange, readMix, readNumber, readNumbers } from './numbers.js';
import type { RunPlan, Target } from './plan.js';
import type { ReportedSettings } from './report.js';
import { sizeText } from './sizes.js';
import { readSlo, type Slo, SloError } from './slo.js';
import { protocolFor, readTarget, TargetError } from './target.js';

/** What `parseArgs` makes of the options that this file reads. */
export interface LoadValues {
  readonly protocol?: string | undefined;
  readonly rate?: string | undefined;
  readonly 'in-flight'?: string | undefined;
  readonly connections: string;
  readonly workers: string;
  readonly size: string;
  readonly answer?: string | undefined;
  readonly arrivals: string;
  readonly duration: string;
  readonly warmup: string;
  readonly requests?: string | undefined;
  readonly slo?: string | undefined;
  readonly search: boolean;
  readonly strict: boolean;
  readonly providers?: string | undefined;
  readonly tick: string;
  readonly tolerance: string;
  readonly timeout: string;
  readonly seed: string;
}

/** All that is to be run. */
export interface LoadOrder {
  readonly settings: ReportedSettings;
  /** At least one. Of a search, the one whose rate is looked for. */
  readonly plans: readonly RunPlan[];
  readonly slo: Slo | null;
  readonly isSearch: boolean;
}

/** An option that can't be meant; one line. */
export class LoadOptionError extends Error {}

const MS_PER_S = 1_000;
/** Of an open loop, on each connection: a bound, so that a dead server does not fill memory. */
const OPEN_IN_FLIGHT = 64;

const RANGES = {
  rate: { name: '--rate', least: 0.1, most: 1e8, isWhole: false },
  inFlight: { name: '--in-flight', least: 1, most: 65_536, isWhole: true },
  connections: { name: '--connections', least: 1, most: 100_000, isWhole: true },
  workers: { name: '--workers', least: 1, most: 128, isWhole: true },
  size: { name: '--size', least: 1, most: 64 * 1024 * 1024, isWhole: true },
  answer: { name: '--answer', least: 1, most: 64 * 1024 * 1024, isWhole: true },
  duration: { name: '--duration', least: 0.1, most: 86_400, isWhole: false },
  warmup: { name: '--warmup', least: 0, most: 3_600, isWhole: false },
  requests: { name: '--requests', least: 1, most: 1e12, isWhole: true },
  tick: { name: '--tick', least: 0, most: 1_000, isWhole: false },
  tolerance: { name: '--tolerance', least: 0.01, most: 10_000, isWhole: false },
  timeout: { name: '--timeout', least: 0.1, most: 3_600, isWhole: false },
  seed: { name: '--seed', least: 0, most: 2 ** 32 - 1, isWhole: true },
} as const satisfies Readonly<Record<string, NumberRange>>;

/** @param command the command line again @throws LoadOptionError */
export function readOrder(targetText: string | undefined, values: LoadValues, command: string): LoadOrder {
  try {
    return orderOf(targetText, values, command);
  } catch (error) {
    if (error instanceof NumberError || error instanceof TargetError || error instanceof SloError) {
      throw new LoadOptionError(error.message);
    }
    throw error;
  }
}

function arrivalsOf(text: string): ArrivalKind {
  if (text === 'constant' || text === 'poisson') return text;
  throw new LoadOptionError(`--arrivals is constant or poisson, not '${text}'`);
}

/** Rates of an open loop; [null]: the loop is closed. */
function ratesOf({ rate, search, slo, 'in-flight': inFlight }: LoadValues): readonly (number | null)[] {
  if (search) {
    if (slo === undefined)
      throw new LoadOptionError('--search looks for the highest rate that holds an --slo: say which');
    if (rate !== undefined) throw new LoadOptionError('--search finds the rate itself: leave --rate out');
    return [null];
  }
  if (rate !== undefined) return readNumbers(rate, RANGES.rate);
  if (inFlight !== undefined) return [null];
  throw new LoadOptionError(
    'say --rate (an open loop: so many requests a second), --in-flight (a closed one) or --search',
  );
}

/** What all runs of an order have. */
type Common = Omit<RunPlan, 'name' | 'sizes' | 'answers' | 'rate_per_s'>;

interface Variation {
  readonly size: string;
  readonly rate_per_s: number | null;
}

function nameOf({ size, rate_per_s }: Variation, hasSizes: boolean, inFlight: number): string {
  const rate = rate_per_s === null ? `closed loop, ${inFlight} in flight` : `${Number(rate_per_s.toPrecision(6))}/s`;
  return hasSizes ? `${size} B, ${rate}` : rate;
}

/** What each may be, and both together can't. */
function checkTogether({ search, slo }: LoadValues, common: Common, sizes: number): void {
  const { protocol, connections, requests } = common;
  if (search && sizes > 1) throw new LoadOptionError(`--search looks for the rate of one --size, not of ${sizes}`);
  if (slo !== undefined && protocol === 'stream') {
    throw new LoadOptionError('--slo is about answers: --protocol stream has none');
  }
  if (requests !== null && requests < connections) {
    throw new LoadOptionError(`--requests: at least one for each of the ${connections} connections`);
  }
}

function orderOf(targetText: string | undefined, values: LoadValues, command: string): LoadOrder {
  if (targetText === undefined)
    throw new LoadOptionError('load what? a target, as in: load tcp://127.0.0.1:7000 --rate 1000');
  const target = readTarget(targetText, values.strict, values.providers?.split(',') ?? null);
  const protocol = protocolFor(target, values.protocol);
  if (protocol === null) throw new LoadOptionError(`--protocol '${values.protocol}' is not spoken at ${target.url}`);
  const rates = ratesOf(values);
  const isClosed = rates[0] === null;
  const inFlight = inFlightOf(values, isClosed && !values.search, protocol === 'http');
  const sizes = values.size
    .split(',')
    .flatMap((text) => (text.includes('..') ? readNumbers(text, RANGES.size).map(String) : [text]));
  const common = commonOf(values, target, protocol, inFlight);
  checkTogether(values, common, sizes.length);
  const variations = sizes.flatMap((size) => rates.map((rate_per_s) => ({ size, rate_per_s })));
  const plans = variations.map((variation): RunPlan => {
    const mix = readMix(variation.size, RANGES.size);
    return {
      ...common,
      name: nameOf({ ...variation, size: sizeText(mix) }, protocol !== 'http', inFlight),
      sizes: mix,
      answers: readMix(values.answer ?? variation.size, RANGES.answer),
      rate_per_s: variation.rate_per_s,
    };
  });
  return {
    settings: {
      target: target.url,
      protocol,
      loop: isClosed && !values.search ? 'closed' : 'open',
      arrivals: isClosed && !values.search ? null : common.arrivals,
      connections: common.connections,
      workers: readNumber(values.workers, RANGES.workers),
      warmup_s: common.warmup_ms / MS_PER_S,
      command,
    },
    plans,
    slo: values.slo === undefined ? null : readSlo(values.slo),
    isSearch: values.search,
  };
}

/** An open loop has room for more; HTTP does without pipelining unless it is asked for. */
function inFlightOf(values: LoadValues, isClosed: boolean, isHttp: boolean): number {
  if (values['in-flight'] !== undefined) return readNumber(values['in-flight'], RANGES.inFlight);
  return isClosed || isHttp ? 1 : OPEN_IN_FLIGHT;
}

function commonOf(values: LoadValues, target: Target, protocol: RunPlan['protocol'], inFlight: number): Common {
  const ms = (text: string, range: NumberRange): number => readNumber(text, range) * MS_PER_S;
  return {
    target,
    protocol,
    inFlight,
    connections: readNumber(values.connections, RANGES.connections),
    arrivals: arrivalsOf(values.arrivals),
    warmup_ms: ms(values.warmup, RANGES.warmup),
    duration_ms: ms(values.duration, RANGES.duration),
    requests: values.requests === undefined ? null : readNumber(values.requests, RANGES.requests),
    tick_ms: readNumber(values.tick, RANGES.tick),
    lateTolerance_ms: readNumber(values.tolerance, RANGES.tolerance),
    patience_ms: ms(values.timeout, RANGES.timeout),
    seed: readNumber(values.seed, RANGES.seed),
    // By whoever measures.
    isWatched: false,
  };
}
