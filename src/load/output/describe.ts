/** What the table and the page say of a report in the same words. */
import type { HostFingerprint, LoadReport, LoadRun, Processor, ReportedSettings } from '../report.js';
import { bytesText, durationText, grouped, rateText, shareText, timeText } from './units.js';

/** How many, with the noun's plural made by an s. */
export function many(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** One line: what was asked for. */
export function settingsText(settings: ReportedSettings): string {
  const { target, protocol, loop, arrivals, connections, workers, warmup_s } = settings;
  const pace = arrivals === null ? `${loop} loop` : `${loop} loop (${arrivals})`;
  return `${target}, ${protocol}, ${pace}, ${many(connections, 'connection')}, ${many(workers, 'worker')}, ${durationText(warmup_s)} of warm-up`;
}

/** One line: a machine. */
export function hostText(host: HostFingerprint): string {
  const { hostname, cpu, cores, memory_bytes, kernel, node, sanswitch, governor } = host;
  const pace = governor === null ? '' : `, governor ${governor}`;
  const programs = `kernel ${kernel}, Node.js ${node}, sanswitch ${sanswitch}`;
  return `${hostname}: ${cpu}, ${many(cores, 'core')}, ${bytesText(memory_bytes)}, ${programs}${pace}`;
}

/** One line: who may serve on a machine. */
export function providersText({ providers }: HostFingerprint): string {
  return providers.map(({ name, state }) => `${name} (${state})`).join(', ') || 'none told';
}

/** What is wrong with a run's figures; none: nothing. */
export function validityLines({ is_valid, complaints }: LoadRun): string[] {
  if (is_valid) return complaints.map((complaint) => `note: ${complaint}`);
  return ['NOT VALID: these figures are not of what was asked for', ...complaints.map((line) => `because ${line}`)];
}

/** Requests, as they ended. */
export function requestsText({ started, completed, failed, duration_s }: LoadRun): string {
  return `${grouped(started)} started, ${grouped(completed)} completed, ${grouped(failed)} failed in ${durationText(duration_s)}`;
}

/** What was reached, beside what was wanted. */
export function throughputText(run: LoadRun): string {
  const { completed_per_s, rate_per_s, in_flight } = run;
  const wanted = rate_per_s === null ? `with ${in_flight} in flight` : `of ${rateText(rate_per_s)} wanted`;
  return `${rateText(completed_per_s)} ${wanted}`;
}

/** Bytes both ways. */
export function trafficText({ bytes_sent, bytes_received, duration_s }: LoadRun): string {
  const part = (bytes: number): string =>
    duration_s > 0 ? `${bytesText(bytes)} (${bytesText(bytes / duration_s)}/s)` : bytesText(bytes);
  return `${part(bytes_sent)} sent, ${part(bytes_received)} received`;
}

/** Errors by code, the most frequent first. */
export function errorList({ errors }: LoadRun): { readonly code: string; readonly count: number }[] {
  const list = Object.entries(errors).flatMap(([code, count]) => (count > 0 ? [{ code, count }] : []));
  return list.sort((a, b) => b.count - a.count || (a.code < b.code ? -1 : 1));
}

/** Processor time of one process. */
export function processorText({ percent, us_per_request }: Processor): string {
  return `${Number(percent.toFixed(1))} % of a processor, ${timeText(us_per_request)} per request`;
}

/** What the generator says of itself. */
export function generatorText({ longest_stall_ms, late_share }: LoadRun): string {
  const late = late_share === null ? '' : `; ${shareText(late_share)} of the requests began late`;
  return `longest stall ${timeText(longest_stall_ms * 1_000)}${late}`;
}

/** What came of `--slo`; null: none was given. */
export function sloText({ slo, runs }: LoadReport): string | null {
  if (slo === null) return null;
  const outcome = slo.is_met ? 'held' : 'NOT HELD';
  if (slo.highest_rate_per_s !== null)
    return `${slo.text}: ${outcome}; the highest rate that held it is ${rateText(slo.highest_rate_per_s)}`;
  return runs.length > 1 && !slo.is_met
    ? `${slo.text}: ${outcome} at any rate that was tried`
    : `${slo.text}: ${outcome}`;
}

/** Said of a report that ended early; null: it did not. */
export function partialText({ is_partial }: LoadReport): string | null {
  return is_partial ? 'INCOMPLETE: the run was ended before its time; this is what there was' : null;
}
