/** What else differs between two reports, so that their figures may differ for it. */
import { bytesText, durationText, rateText } from '../output/units.js';
import type { HostFingerprint, LoadReport, LoadRun } from '../report.js';

/** The firmware and the kernel keep a little of the memory for themselves, not always the same. */
const MEMORY_TOLERANCE = 0.05;
/** A measurement takes a little longer or shorter than it was to. */
const DURATION_TOLERANCE = 0.05;

type Values = readonly (readonly [what: string, a: string, b: string])[];

/** `what`, `a` and `b` of those that are not the same. */
function differing(values: Values): string[] {
  return values.filter(([, a, b]) => a !== b).map(([what, a, b]) => `${what} (${a} / ${b})`);
}

function isNear(a: number, b: number, tolerance: number): boolean {
  return Math.abs(a - b) <= tolerance * Math.max(a, b);
}

/** Generators, in an order that does not depend on who answered first. */
function sortedHosts({ hosts }: LoadReport): HostFingerprint[] {
  return [...hosts].sort((a, b) => (a.hostname < b.hostname ? -1 : a.hostname > b.hostname ? 1 : 0));
}

function hostPairs(a: LoadReport, b: LoadReport): (readonly [HostFingerprint, HostFingerprint])[] {
  const others = sortedHosts(b);
  return sortedHosts(a).flatMap((host, i) => {
    const other = others[i];
    return other === undefined ? [] : [[host, other] as const];
  });
}

/** In what the machines differ; empty: they are the same ones. */
export function hostDifferences(a: LoadReport, b: LoadReport): string[] {
  const pairs = hostPairs(a, b).flatMap(([x, y]) => {
    const isSameMemory = isNear(x.memory_bytes, y.memory_bytes, MEMORY_TOLERANCE);
    return differing([
      ['hostname', x.hostname, y.hostname],
      ['CPU', x.cpu, y.cpu],
      ['cores', `${x.cores}`, `${y.cores}`],
      ...(isSameMemory ? [] : [['memory', bytesText(x.memory_bytes), bytesText(y.memory_bytes)] as const]),
    ]);
  });
  return [...differing([['number of generators', `${a.hosts.length}`, `${b.hosts.length}`]]), ...pairs];
}

function providersOf({ providers }: HostFingerprint): string {
  return providers.map(({ name, state }) => (state === 'started' ? name : `${name}: ${state}`)).join(', ') || 'none';
}

/** In what the same machine was not the same. */
function systemDifferences(a: LoadReport, b: LoadReport): string[] {
  const all = hostPairs(a, b).flatMap(([x, y]) =>
    differing([
      ['kernel', x.kernel, y.kernel],
      ['Node.js', x.node, y.node],
      ['sanswitch', x.sanswitch, y.sanswitch],
      ['governor', x.governor ?? 'none', y.governor ?? 'none'],
      ['providers', providersOf(x), providersOf(y)],
    ]),
  );
  return [...new Set(all)];
}

function settingsDifferences({ settings: a }: LoadReport, { settings: b }: LoadReport): string[] {
  return differing([
    ['target', a.target, b.target],
    ['protocol', a.protocol, b.protocol],
    ['loop', a.loop, b.loop],
    ['arrivals', a.arrivals ?? 'none', b.arrivals ?? 'none'],
    ['connections', `${a.connections}`, `${b.connections}`],
    ['workers', `${a.workers}`, `${b.workers}`],
    ['warm-up', durationText(a.warmup_s), durationText(b.warmup_s)],
  ]);
}

/** What differs between two reports as a whole, a sentence each. */
export function reportWarnings(a: LoadReport, b: LoadReport): string[] {
  const settings = settingsDifferences(a, b);
  const systems = systemDifferences(a, b);
  const hosts = hostDifferences(a, b);
  return [
    ...(hosts.length > 0 ? [`the hosts differ: ${hosts.join(', ')}`] : []),
    ...(systems.length > 0 ? [`the systems differ: ${systems.join(', ')}`] : []),
    ...(settings.length > 0 ? [`the settings differ: ${settings.join(', ')}`] : []),
    ...(a.is_partial ? ['A was ended before its time'] : []),
    ...(b.is_partial ? ['B was ended before its time'] : []),
  ];
}

function providersServing({ served }: LoadRun): string {
  return [...new Set(served.map(({ provider }) => provider))].sort().join(' and ') || 'nobody';
}

/** What differs between two runs, a sentence each. */
export function runWarnings(a: LoadRun, b: LoadRun): string[] {
  const wanted = (run: LoadRun): string => (run.rate_per_s === null ? 'none' : rateText(run.rate_per_s));
  const kind = (run: LoadRun): string => (run.corrected !== null ? 'corrected' : run.raw !== null ? 'raw' : 'none');
  const isAsLong = isNear(a.duration_s, b.duration_s, DURATION_TOLERANCE);
  const differences = differing([
    ['size', bytesText(a.size_bytes), bytesText(b.size_bytes)],
    ['wanted rate', wanted(a), wanted(b)],
    ['in flight', `${a.in_flight}`, `${b.in_flight}`],
    ...(isAsLong ? [] : [['measured time', durationText(a.duration_s), durationText(b.duration_s)] as const]),
    ['served by', providersServing(a), providersServing(b)],
    ['latency', kind(a), kind(b)],
    ['CPU of the server', a.server === null ? 'not told' : 'told', b.server === null ? 'not told' : 'told'],
  ]);
  return [
    ...(differences.length > 0 ? [`the runs differ: ${differences.join(', ')}`] : []),
    ...(a.is_valid ? [] : [`A is not valid: ${a.complaints.join('; ') || 'no reason told'}`]),
    ...(b.is_valid ? [] : [`B is not valid: ${b.complaints.join('; ') || 'no reason told'}`]),
  ];
}
