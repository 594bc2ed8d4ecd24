/** What a run is to do, checked. Plain data: it is told to workers, and to generators on other hosts. */
import type { ArrivalKind } from './arrivals.js';
import { Random } from './random.js';
import type { SizeMix } from './sizes.js';

/**
 * `echo`: what is sent comes back. `stream`: one way. `request`: each request says how long its answer is to be. `http`: GET by
 * HTTP/1.1. `ws`: echo by WebSocket messages.
 */
export type Protocol = 'echo' | 'stream' | 'request' | 'http' | 'ws';

/** Where the load goes. */
export interface Target {
  /** As it was given. */
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** Of `http` and `ws`. */
  readonly path: string;
  /** What `createSwitch` takes; `verbs!` demands. */
  readonly providers: readonly string[];
}

/** One run, or a worker's share of it. */
export interface RunPlan {
  /** What tells it from others of the same report. */
  readonly name: string;
  readonly target: Target;
  readonly protocol: Protocol;
  readonly connections: number;
  /** Of each connection, at most. */
  readonly inFlight: number;
  readonly sizes: SizeMix;
  /** Of `request`: bytes of an answer. */
  readonly answers: SizeMix;
  /** Null: a closed loop. */
  readonly rate_per_s: number | null;
  readonly arrivals: ArrivalKind;
  readonly warmup_ms: number;
  readonly duration_ms: number;
  /** Ends after so many requests, at least one for each connection, if `duration_ms` is not over before; null: no such end. */
  readonly requests: number | null;
  /** It wakes no more often than this, and begins what is due together; 0: at each arrival. */
  readonly tick_ms: number;
  /** A request that begins later than this after it could have is late by the generator's own fault. */
  readonly lateTolerance_ms: number;
  /** How long a connect may take, and how long answers are waited for at the end. */
  readonly patience_ms: number;
  readonly seed: number;
  /** Somebody looks on: each second is told as soon as it is over. */
  readonly isWatched: boolean;
}

/** Parts of a whole, as equal as can be; those that would have nothing are left out. */
function portions(total: number, parts: number): number[] {
  const least = Math.floor(total / parts);
  const more = total % parts;
  return Array.from({ length: parts }, (_, i) => least + (i < more ? 1 : 0)).filter((part) => part > 0);
}

/** A seed of its own for each part of each part. */
function seedOf(seed: number, part: number): number {
  return Math.floor(new Random(seed + part * 7_919).next() * 2 ** 32);
}

/**
 * A run's shares for so many workers, or hosts: connections, rate and requests are divided, nothing is lost. At most one for each
 * connection; shares may be shared again. @param plan of no fewer requests than connections
 */
export function share(plan: RunPlan, parts: number): RunPlan[] {
  const { requests } = plan;
  let before = 0;
  return portions(plan.connections, parts).map((own, index, all) => {
    const upTo = (connections: number): number => Math.floor(((requests ?? 0) * connections) / plan.connections);
    const first = upTo(before);
    before += own;
    return {
      ...plan,
      connections: own,
      rate_per_s: plan.rate_per_s === null ? null : (plan.rate_per_s * own) / plan.connections,
      requests: requests === null ? null : upTo(before) - first,
      seed: all.length > 1 ? seedOf(plan.seed, index) : plan.seed,
    };
  });
}
