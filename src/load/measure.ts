/** One run: connections opened, the load made, and what all workers noted down brought together. */
import { Counts } from './counts.js';
import type { CrewNote } from './crew.js';
import type { Fleet } from './fleet.js';
import { latencyOf } from './latency.js';
import type { RunPlan } from './plan.js';
import type { SecondNote } from './recorder.js';
import type { LoadRun, Processor, Second, ServedBy } from './report.js';
import { meanSize } from './sizes.js';
import { Span } from './span.js';

/** From this share of late requests on the figures are not of what was asked for. */
const LATE_SHARE_MAX = 0.01;
/** So is a run whose event loop stood still for longer. */
const STALL_MAX_MS = 100;
/** So much of the wanted rate must have been begun, or the server is said not to keep up. */
const RATE_SHARE_MIN = 0.99;
const NS_PER_US = 1_000;
const MS_PER_S = 1_000;

/** Who wants to know how a run goes. */
export interface RunObserver {
  /** Whether it wants to be told of seconds while they pass. */
  readonly isWatching: boolean;
  /** Connections are being opened; the load begins. */
  phase(what: 'connecting' | 'running', plan: RunPlan): void;
  /** A second is over, as far as all workers have told. @param soFar all of them as one */
  second(second: Second, soFar: Second, plan: RunPlan): void;
}

/** The processor time of whom a run puts under load. */
export interface ServerClock {
  /** Microseconds so far; null: it can't be told (any more). */
  read(): Promise<number | null>;
}

/**
 * The seconds of a run, over all workers. They are counted up when they are asked for: while a run is measured, a thread that adds
 * up takes a processor from those that are measured.
 */
class Seconds {
  private readonly parts = new Map<number, Map<number, SecondNote>>();
  private readonly soFar = new Counts();
  private before: Second | undefined;

  add(note: SecondNote, worker: number): void {
    const notes = this.parts.get(note.second);
    if (notes === undefined) this.parts.set(note.second, new Map([[worker, note]]));
    else notes.set(worker, note);
  }

  /** What this worker has told is to be left out, for the rest of what it did is not known. */
  drop(worker: number): void {
    for (const [second, notes] of this.parts) {
      notes.delete(worker);
      if (notes.size === 0) this.parts.delete(second);
    }
  }

  private of(second: number): SecondNote[] {
    return [...(this.parts.get(second)?.values() ?? [])];
  }

  /** One of them as far as it is known. @param total_s of the whole measured time */
  at(second: number, total_s: number): Second {
    const counts = new Counts();
    return this.sum(this.of(second), counts, second, Math.min(second + 1, total_s));
  }

  /** One more is over: all that are, as one. @param total_s as of `at` */
  throughTo(second: number, total_s: number): Second {
    this.before = this.sum(this.of(second), this.soFar, 0, Math.min(second + 1, total_s), this.before);
    return this.before;
  }

  private sum(notes: readonly SecondNote[], counts: Counts, from_s: number, to_s: number, before?: Second): Second {
    for (const { latencies } of notes) counts.add(latencies);
    const total = (of: 'started' | 'completed' | 'failed'): number =>
      notes.reduce((sum, note) => sum + note[of], before?.[of] ?? 0);
    return {
      at_s: from_s,
      length_s: Math.max(0, to_s - from_s),
      started: total('started'),
      completed: total('completed'),
      failed: total('failed'),
      p50_us: counts.at(50) / NS_PER_US,
      p99_us: counts.at(99) / NS_PER_US,
      max_us: counts.max / NS_PER_US,
    };
  }

  /** How many workers have told of it. */
  toldBy(second: number): number {
    return this.parts.get(second)?.size ?? 0;
  }

  all(total_s: number): Second[] {
    return [...this.parts.keys()].sort((a, b) => a - b).map((second) => this.at(second, total_s));
  }
}

function mergeServed(notes: readonly CrewNote[]): ServedBy[] {
  const merged = new Map<string, ServedBy>();
  for (const one of notes.flatMap(({ served }) => served)) {
    const key = `${one.provider} ${one.why}`;
    merged.set(key, { ...one, connections: one.connections + (merged.get(key)?.connections ?? 0) });
  }
  return [...merged.values()];
}

function mergeErrors(notes: readonly CrewNote[]): Record<string, number> {
  // A map: codes come from agents, and `constructor` must be one like any other.
  const merged = new Map<string, number>();
  for (const [code, count] of notes.flatMap(({ errors }) => Object.entries(errors))) {
    merged.set(code, (merged.get(code) ?? 0) + count);
  }
  return Object.fromEntries(merged);
}

function processorOf(spent_us: number, measured_ms: number, requests: number): Processor {
  return {
    percent: measured_ms > 0 ? spent_us / (measured_ms * 10) : 0,
    us_per_request: requests > 0 ? spent_us / requests : 0,
  };
}

/** What makes the figures other than what was asked for, and what else ought to be known of them. */
function judge(plan: RunPlan, sums: Sums): { complaints: string[]; isValid: boolean } {
  const faults: string[] = [];
  const remarks: string[] = [];
  const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
  if (sums.lost !== null) faults.push(sums.lost);
  if (sums.lateShare > LATE_SHARE_MAX) {
    faults.push(
      `the generator began ${percent(sums.lateShare)} of the requests more than ${plan.lateTolerance_ms} ms late: give it more --workers, or a lower rate`,
    );
  }
  if (sums.longestStall_ms > STALL_MAX_MS) {
    faults.push(`the generator stood still for ${sums.longestStall_ms.toFixed(0)} ms`);
  }
  if (sums.completed === 0) faults.push('nothing was answered');
  const due = sums.started + sums.neverBegun;
  if (sums.neverBegun > 0 && sums.started < due * RATE_SHARE_MIN) {
    remarks.push(
      `the server did not keep up: ${sums.neverBegun} of ${due} requests found no free connection before the end; their wait so far counts in the corrected percentiles`,
    );
  }
  return { complaints: [...faults, ...remarks], isValid: faults.length === 0 };
}

interface Sums {
  readonly started: number;
  readonly completed: number;
  readonly neverBegun: number;
  readonly lateShare: number;
  readonly longestStall_ms: number;
  readonly lost: string | null;
}

function latencies(plan: RunPlan, notes: readonly CrewNote[]): Pick<LoadRun, 'corrected' | 'raw'> {
  if (plan.protocol === 'stream') return { corrected: null, raw: null };
  const corrected = new Counts();
  const raw = new Counts();
  for (const note of notes) {
    corrected.add(note.corrected);
    raw.add(note.raw);
  }
  return { corrected: plan.rate_per_s === null ? null : latencyOf(corrected), raw: latencyOf(raw) };
}

/** Why a worker could not go on for want of a connection; null: all could. */
function disconnected(notes: readonly CrewNote[]): string | null {
  const lost = notes.find((note) => note.lost !== null)?.lost;
  return lost == null ? null : `no connection could be had any more: ${lost}`;
}

function runOf(
  plan: RunPlan,
  notes: readonly CrewNote[],
  lost: string | null,
  seconds: Seconds,
  spent: { client_us: number; server_us: number | null },
): LoadRun {
  const sum = (pick: (note: CrewNote) => number): number => notes.reduce((total, note) => total + pick(note), 0);
  const measured_ms = Math.max(...notes.map((note) => note.measured_ms));
  const started = sum((note) => note.started);
  const completed = sum((note) => note.completed);
  const longestStall_ms = Math.max(...notes.map((note) => note.longestStall_ms));
  const lateShare = started === 0 ? 0 : sum((note) => note.late) / started;
  const neverBegun = sum((note) => note.neverBegun);
  const { complaints, isValid } = judge(plan, { started, completed, neverBegun, lateShare, longestStall_ms, lost });
  return {
    name: plan.name,
    size_bytes: meanSize(plan.sizes),
    rate_per_s: plan.rate_per_s,
    in_flight: plan.inFlight,
    duration_s: measured_ms / MS_PER_S,
    is_valid: isValid,
    complaints,
    started,
    completed,
    failed: sum((note) => note.failed),
    completed_per_s: measured_ms > 0 ? completed / (measured_ms / MS_PER_S) : 0,
    bytes_sent: sum((note) => note.bytesSent),
    bytes_received: sum((note) => note.bytesReceived),
    reconnects: sum((note) => note.reconnects),
    errors: mergeErrors(notes),
    ...latencies(plan, notes),
    series: seconds.all(measured_ms / MS_PER_S),
    served: mergeServed(notes),
    client: processorOf(spent.client_us, measured_ms, completed),
    server: spent.server_us === null ? null : processorOf(spent.server_us, measured_ms, completed),
    longest_stall_ms: longestStall_ms,
    late_share: plan.rate_per_s === null ? null : lateShare,
  };
}

/** A run was not begun, for it was stopped while it connected. */
export class StoppedError extends Error {}

/** What came of a plan. */
export interface Measured {
  readonly run: LoadRun;
  /** Why it could not go on to its end; null: it could. */
  readonly lost: string | null;
}

/**
 * Runs a plan.
 * @param isStopped it is not to be begun any more
 * @throws ConnectFailure, StoppedError; Error: all workers have ended
 */
export async function measure(
  fleet: Fleet,
  wanted: RunPlan,
  observer: RunObserver,
  server: ServerClock | null,
  isStopped: () => boolean,
): Promise<Measured> {
  const plan = { ...wanted, isWatched: observer.isWatching };
  observer.phase('connecting', plan);
  await fleet.connect(plan);
  const seconds = new Seconds();
  try {
    if (isStopped()) throw new StoppedError();
    observer.phase('running', plan);
    const { warmup_ms, duration_ms } = plan;
    const clock = server === null ? null : new Span(() => server.read(), warmup_ms, warmup_ms + duration_ms);
    const { notes, lost, cpu_us } = await fleet.run((note, worker) => {
      seconds.add(note, worker);
      if (!observer.isWatching || seconds.toldBy(note.second) !== fleet.parts(plan)) return;
      const total_s = duration_ms / MS_PER_S;
      observer.second(seconds.at(note.second, total_s), seconds.throughTo(note.second, total_s), plan);
    });
    const spent = { client_us: cpu_us, server_us: (await clock?.end()) ?? null };
    for (const [worker, note] of notes.entries()) if (note === null) seconds.drop(worker);
    const known = notes.filter((note) => note !== null);
    const why = lost === null ? disconnected(known) : `${lost}; the figures are of the others, until then`;
    return { run: runOf(plan, known, why, seconds, spent), lost: lost ?? why };
  } finally {
    await fleet.disconnect();
  }
}
