/** Command lines: strict, and every mistake is answered with one line and exit code 2. */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { BenchFailure } from './failure.js';

/** Measured seconds that a caller may ask for. */
export interface DurationRange {
  readonly least_s: number;
  readonly most_s: number;
}

/** `parseArgs`, with mistakes as `BenchFailure`. */
export function parseCommandLine<T extends ParseArgsConfig>(config: T) {
  try {
    return parseArgs(config);
  } catch (error) {
    throw usage((error as Error).message);
  }
}

/** The failure for a command line that can't be meant. */
export function usage(message: string): BenchFailure {
  return new BenchFailure(`${message.replace(/\s+/g, ' ').replace(/\.$/, '')} (--help shows what there is)`, 2);
}

/** Reads a number of seconds. @throws BenchFailure */
export function durationOf(text: string, range: DurationRange): number {
  const seconds = Number(text);
  if (text.trim() !== '' && seconds >= range.least_s && seconds <= range.most_s) return seconds;
  throw usage(`--duration wants seconds from ${range.least_s} to ${range.most_s}, not '${text}'`);
}
