/** What a runtime's process holds, and whether that grows. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActorRef, Runtime } from 'sanswitch';
import { heapBytes } from '../fixtures/actors/gauge.js';

/** At a quiet moment. */
export interface Holdings {
  /** What must be the same at every quiet moment. */
  readonly counts: Readonly<Record<string, number>>;
  /** What goes up and down a little: bytes, descriptors and mappings, which links between threads have that come and go. */
  readonly levels: Readonly<Record<string, number>>;
}

/** Until what was closed is gone. */
const QUIET_LIMIT_MS = 5_000;
const LOOK_MS = 20;
const SETTLE_MS = 500;
/** By how much something must grow to count as a leak; heaps where nothing else is said. */
const ALLOWANCE: Readonly<Record<string, number>> = { private: 24 * 1024 * 1024, descriptors: 8, mappings: 8 };
const HEAP_ALLOWANCE_BYTES = 1024 * 1024;
const COUNTED = new Set(['descriptors', 'mappings']);

async function countsOf(runtime: Runtime, more: () => Record<string, number>): Promise<Record<string, number>> {
  const { main, workers } = await runtime.stats();
  const threads = [main, ...workers.flatMap(({ host }) => (host === null ? [] : [host]))];
  const counts: Record<string, number> = {
    threads: readdirSync('/proc/self/task').length,
    answering: threads.length,
    ...more(),
  };
  for (const { name, actors, pendingAsks, mail, switch: sw } of threads) {
    counts[`${name}: actors`] = actors;
    counts[`${name}: asks`] = pendingAsks;
    counts[`${name}: open connections`] = Object.values(sw?.providers ?? {}).reduce((sum, { open }) => sum + open, 0);
    counts[`${name}: mail links`] = mail.length;
    counts[`${name}: mail that waits`] = mail.reduce((sum, { waiting }) => sum + waiting, 0);
  }
  return counts;
}

/** The counts that stay for a while. @throws Error if there are none */
async function settled(runtime: Runtime, more: () => Record<string, number>): Promise<Record<string, number>> {
  let counts = await countsOf(runtime, more);
  for (const end_ms = performance.now() + QUIET_LIMIT_MS; performance.now() < end_ms; ) {
    await sleep(SETTLE_MS);
    const later = await countsOf(runtime, more);
    if (differences(later, counts).length === 0) return later;
    counts = later;
  }
  throw new Error(`what is held does not come to rest within ${QUIET_LIMIT_MS} ms`);
}

/**
 * Pages of shared memory are not counted: a link touches more and more of its segments, up to their size, and gives none back
 * before it ends; its mappings are.
 */
function ofProcess(): Record<string, number> {
  const kib = Number(/^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  const mappings = readFileSync('/proc/self/maps', 'utf8').split('/memfd:sanswitch').length - 1;
  return { private: kib * 1024, descriptors: readdirSync('/proc/self/fd').length, mappings };
}

function differences(counts: Holdings['counts'], expected: Holdings['counts']): string[] {
  const names = new Set([...Object.keys(counts), ...Object.keys(expected)]);
  return [...names]
    .filter((name) => counts[name] !== expected[name])
    .map((name) => `${name}: ${counts[name]} instead of ${expected[name]}`);
}

/**
 * What is held as soon as that is `expected`, where that is said.
 * @param gauges by the thread's name
 * @param more counts
 * @throws Error saying what is left behind
 */
export async function holdingsOf(
  runtime: Runtime,
  gauges: ReadonlyMap<string, ActorRef<ActorRef<number>>>,
  more: () => Record<string, number>,
  expected?: Holdings['counts'],
): Promise<Holdings> {
  const end_ms = performance.now() + QUIET_LIMIT_MS;
  let counts = expected === undefined ? await settled(runtime, more) : await countsOf(runtime, more);
  while (expected !== undefined && differences(counts, expected).length > 0) {
    if (performance.now() > end_ms) throw new Error(`left behind: ${differences(counts, expected).join(', ')}`);
    await sleep(LOOK_MS);
    counts = await countsOf(runtime, more);
  }
  const levels: Record<string, number> = { main: heapBytes() };
  for (const [name, gauge] of gauges) levels[name] = await gauge.ask<number>((replyTo) => replyTo);
  // Whoever collects what is held must not hold more and more.
  return { counts: expected ?? counts, levels: { ...levels, ...ofProcess() } };
}

/** Fewer than these say nothing about the levels. */
const LOOKS_MIN = 16;

/** What has grown: its least value of the last quarter is above its greatest one of the first by more than is allowed. */
export function leaks(looks: readonly Holdings[]): string[] {
  if (looks.length < LOOKS_MIN) return [];
  const quarter = Math.max(1, Math.floor(looks.length / 4));
  const [first, last] = [looks.slice(0, quarter), looks.slice(-quarter)];
  const found: string[] = [];
  for (const name of Object.keys(first[0]?.levels ?? {})) {
    const before = Math.max(...first.map(({ levels }) => levels[name] ?? 0));
    const after = Math.min(...last.map(({ levels }) => levels[name] ?? 0));
    if (after <= before + (ALLOWANCE[name] ?? HEAP_ALLOWANCE_BYTES)) continue;
    found.push(`${name}: ${levelText(name, before)} have become ${levelText(name, after)}`);
  }
  return found;
}

/** For people. */
export function levelText(name: string, level: number): string {
  return COUNTED.has(name) ? String(level) : `${(level / 2 ** 20).toFixed(1)} MiB`;
}
