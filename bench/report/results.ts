/** What `npm start` has found out: the JSON file, and what its table and page are made from. */
import { cpus, release } from 'node:os';
import { significant } from '../harness/contest.js';
import type { Figures } from '../harness/pair.js';

/** Who served a connection, and why. */
export interface ConnectionReport {
  readonly transport: string;
  readonly provider: string;
  readonly connect: string;
  readonly accept: string;
}

/** A transport that could not be measured. */
export interface Unavailable {
  readonly transport: string;
  readonly reason: string;
}

/** The figures of one transport for one message size, and how many times better they are than the baseline's. */
export interface Result {
  readonly transport: string;
  readonly size: number;
  readonly round_trip: Figures;
  readonly one_way: Figures;
  readonly ratio: { readonly round_trip: number; readonly one_way: number };
}

/** The whole JSON file. */
export interface Results {
  readonly measured_at: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly kernel: string;
    readonly node: string;
  };
  readonly rounds: number;
  readonly slot_ms: number;
  readonly baseline: string;
  readonly connections: readonly ConnectionReport[];
  readonly unavailable: readonly Unavailable[];
  readonly results: readonly Result[];
}

/** What the figures depend on. */
export function describeMachine(): Results['machine'] {
  const cores = cpus();
  return {
    cpu: cores[0]?.model.trim() ?? 'unknown',
    cores: cores.length,
    kernel: `${process.platform} ${release()} ${process.arch}`,
    node: process.versions.node,
  };
}

/** How many times better than the baseline: lower p50 of round trips, more bytes per second one way. */
export function ratios(
  ours: Pick<Result, 'round_trip' | 'one_way'>,
  baseline: Pick<Result, 'round_trip' | 'one_way'>,
): Result['ratio'] {
  return {
    round_trip: significant((baseline.round_trip.p50_us ?? 0) / (ours.round_trip.p50_us ?? 0)),
    one_way: significant(ours.one_way.gb_per_s / baseline.one_way.gb_per_s),
  };
}
