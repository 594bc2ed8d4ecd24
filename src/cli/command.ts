/** What a command of `npx sanswitch` is. */
import { type ParseArgsConfig, parseArgs } from 'node:util';

/** One command. */
export interface Command {
  /** One line for the list of commands. */
  readonly summary: string;
  /** The whole of `--help`, its last line ended. */
  readonly help: string;
  /**
   * Does the work.
   * @param args what stands behind the command's name
   * @returns the exit code
   * @throws UsageError
   */
  run(args: readonly string[]): Promise<number>;
}

/** A command line that can't be meant: one line on standard error, and exit code 2. */
export class UsageError extends Error {}

/** `parseArgs`, with mistakes as `UsageError`. */
export function parseCommandLine<T extends ParseArgsConfig>(config: T): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError((error as Error).message.replace(/\s+/g, ' '));
  }
}
