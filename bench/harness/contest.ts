/** A contest: a baseline and its contenders, measured alternately within one run and compared by medians. */
import type { TransportSpec } from './messages.js';
import { type Figures, Pair, type Slot } from './pair.js';
import { median } from './percentiles.js';

/** One way to move the messages. */
export interface Variant {
  readonly name: string;
  readonly spec: TransportSpec;
  /** The provider that must serve the connection; another one is a failure. */
  readonly provider: string;
  /** Whether its ratio decides; the others are there for comparison. */
  readonly judged: boolean;
}

/** What is measured, on whom. */
export interface Contest {
  readonly question: string;
  readonly baseline: Variant;
  readonly contenders: readonly Variant[];
  /** Neither baseline nor contender: measured in the same rounds, put beside each line by `annotate`. */
  readonly references?: readonly Variant[];
  /** Rounds, an odd number; as many as find time where nothing is said. */
  readonly rounds?: number;
  /** What a pair needs before it is measured, for `total_ms` with all others. @returns figures that are taken once */
  prepare?(pair: Pair, variant: Variant, total_ms: number): Promise<Partial<Figures>>;
  measure(pair: Pair, slot: Slot, variant: Variant): Promise<Figures>;
  /** All variants are measured on one pair, the baseline's; `begin` is called when it stands, its result at the end. */
  readonly samePair?: { begin(pair: Pair): Promise<() => void> };
  /** How many times better `ours` is than `baseline`. */
  ratio(ours: Figures, baseline: Figures): number;
  /** Further fields of a line. */
  annotate?(ours: Figures, references: readonly Figures[]): Readonly<Record<string, number>>;
}

/** One line of the answer; what `--json` prints. */
export interface Line extends Figures {
  readonly question: string;
  readonly variant: string;
  readonly judged: boolean;
  readonly rounds: number;
  readonly baseline: Figures & { readonly name: string };
  readonly ratio: number;
}

/** `node:net` on TCP loopback. */
export const NODE_NET: Variant = {
  name: 'node:net',
  spec: { transport: 'net', lend: false },
  provider: 'node:net',
  judged: false,
};

/** The same program, unmodified, with `sanswitch/register` at both ends. */
export const NET_SHM: Variant = {
  name: 'register, shm',
  spec: { ...NODE_NET.spec, register: 'both' },
  provider: 'shm',
  judged: true,
};

/** The same program with `sanswitch/register` at one end: the other knows nothing but TCP/IP. */
export const NET_REGISTERED: Variant = {
  name: 'register, TCP/IP',
  spec: { ...NODE_NET.spec, register: 'client' },
  provider: 'node:net',
  judged: true,
};

/** The shared-memory provider, as users get it. */
export const SHM_COPIED: Variant = {
  name: 'shm copied',
  spec: { transport: 'shm', lend: false },
  provider: 'shm',
  judged: true,
};

/** The shared-memory provider with `lend: true`. */
export const SHM_LENT: Variant = {
  name: 'shm lent',
  spec: { transport: 'shm', lend: true },
  provider: 'shm',
  judged: false,
};

/** The shared-memory provider with a `receiveBuffer` of the application's. */
export const SHM_OWN_BUFFER: Variant = {
  name: 'shm own buffer',
  spec: { transport: 'shm', lend: false, ownBuffer: true },
  provider: 'shm',
  judged: true,
};

/** The RDMA provider, as users get it. */
export const VERBS_COPIED: Variant = {
  name: 'verbs copied',
  spec: { transport: 'verbs', lend: false },
  provider: 'verbs',
  judged: true,
};

/** How long pollers spin that are to be hot on a machine as slow as an emulated one, µs. */
export const LONG_SPIN_US = 1_000;

/** The RDMA provider with `lend: true`. */
export const VERBS_LENT: Variant = {
  name: 'verbs lent',
  spec: { transport: 'verbs', lend: true },
  provider: 'verbs',
  judged: false,
};

/** The switch with TCP/IP alone. */
export const SWITCH_TCP: Variant = {
  name: 'switch over TCP/IP',
  spec: { transport: 'tcp', lend: false },
  provider: 'tcp',
  judged: true,
};

const WARMUP_SHARE = 0.25;
/** Short slots and many rounds: whatever else the machine does then hits all variants alike. */
const SLOT_MS = 400;
const ROUNDS = { least: 3, most: 9 };

/** Rounds (an odd number, so that each median is a measured one) and slots for a run of `total_ms` with `variants` takers. */
export function plan(
  total_ms: number,
  variants: number,
  fixedRounds?: number,
): { readonly rounds: number; readonly slot: Slot } {
  const wanted = Math.floor((total_ms / variants / SLOT_MS - 1) / 2) * 2 + 1;
  const rounds = fixedRounds ?? Math.min(ROUNDS.most, Math.max(ROUNDS.least, wanted));
  const slot_ms = total_ms / variants / rounds;
  const warmup_ms = slot_ms * WARMUP_SHARE;
  return { rounds, slot: { warmup_ms, duration_ms: slot_ms - warmup_ms } };
}

/** Who wants to know how a run goes. */
export interface Observer {
  /** What happens now, for a progress line. */
  tell(what: string): void;
  /** A pair has been measured since `start_us`, by the clock that `process.hrtime` reads. */
  measured?(variant: Variant, start_us: number): void;
}

/**
 * Runs a contest for `total_ms` of measuring (set-up not counted).
 * @throws BenchFailure
 */
export async function run(contest: Contest, total_ms: number, observer: Observer): Promise<Line[]> {
  const references = contest.references ?? [];
  const variants = [contest.baseline, ...contest.contenders, ...references];
  const { rounds, slot } = plan(total_ms, variants.length, contest.rounds);
  const pairs: Pair[] = [];
  let cleanUp = (): void => {};
  const measured = variants.map((): Figures[] => []);
  const prepared: Partial<Figures>[] = [];
  try {
    observer.tell('starting');
    for (const variant of variants) {
      const shared = contest.samePair === undefined ? undefined : pairs[0];
      const pair = shared ?? (await Pair.start(variant.name, variant.spec, variant.provider));
      pairs.push(pair);
      prepared.push((await contest.prepare?.(pair, variant, total_ms)) ?? {});
    }
    if (contest.samePair !== undefined) cleanUp = await contest.samePair.begin(pairs[0] as Pair);
    for (let round = 1; round <= rounds; round++) {
      for (const [index, pair] of pairs.entries()) {
        const variant = variants[index] as Variant;
        observer.tell(`round ${round} of ${rounds}: ${variant.name}`);
        const start_us = now_us();
        measured[index]?.push(await contest.measure(pair, slot, variant));
        observer.measured?.(variant, start_us);
      }
    }
  } finally {
    cleanUp();
    for (const pair of new Set(pairs)) await pair.close();
  }
  const medians = measured.map((figures, index) => ({ ...medianFigures(figures), ...prepared[index] }));
  const beside = medians.slice(1 + contest.contenders.length);
  const baseline = { name: contest.baseline.name, ...(medians[0] as Figures) };
  const lines = contest.contenders.map((variant, index): Line => {
    const ours = medians[index + 1] as Figures;
    const { question } = contest;
    const ratio = significant(contest.ratio(ours, baseline));
    const more = contest.annotate?.(ours, beside) ?? {};
    return { question, variant: variant.name, judged: variant.judged, ...ours, ...more, rounds, baseline, ratio };
  });
  return worstLast(lines);
}

/** The clock that `process.hrtime` reads, in µs. */
export function now_us(): number {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1e6 + nanoseconds / 1e3;
}

/** Lines that don't decide first, then from the best to the worst ratio. */
export function worstLast<L extends Pick<Line, 'judged' | 'ratio'>>(lines: readonly L[]): L[] {
  return [...lines].sort((a, b) => Number(a.judged) - Number(b.judged) || b.ratio - a.ratio);
}

/** The median of each figure over the rounds, rounded to four significant digits. @param rounds at least one */
export function medianFigures(rounds: readonly Figures[]): Figures {
  const first = rounds[0] as Figures;
  const of = (pick: (figures: Figures) => number | undefined): number =>
    significant(median(rounds.map((round) => pick(round) ?? 0)));
  const times =
    first.p50_us === undefined
      ? {}
      : { p50_us: of((f) => f.p50_us), p99_us: of((f) => f.p99_us), p999_us: of((f) => f.p999_us) };
  return {
    provider: first.provider,
    size: first.size,
    ...times,
    ...(first.blocked_us === undefined ? {} : { blocked_us: of((f) => f.blocked_us) }),
    ...(first.copies_sent === undefined
      ? {}
      : { copies_sent: of((f) => f.copies_sent), copies_received: of((f) => f.copies_received) }),
    ...(first.bulk_gb_per_s === undefined ? {} : { bulk_gb_per_s: of((f) => f.bulk_gb_per_s) }),
    msgs_per_s: of((f) => f.msgs_per_s),
    gb_per_s: of((f) => f.gb_per_s),
    cpu_percent: of((f) => f.cpu_percent),
    cpu_percent_by_process: {
      server: of((f) => f.cpu_percent_by_process?.server),
      client: of((f) => f.cpu_percent_by_process?.client),
    },
  };
}

/** Four significant digits: more would pretend to a precision that no benchmark has. */
export function significant(value: number): number {
  return Number(value.toPrecision(4));
}
