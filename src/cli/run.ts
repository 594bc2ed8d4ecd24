/** `npx sanswitch run`: a command whose Node.js processes all have `sanswitch/register`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { resolve as resolvePath } from 'node:path';
import { parseArgs } from 'node:util';
import { SanswitchError } from '../errors.js';
import { readSettings } from '../net/settings.js';
import { type Command, parseCommandLine, UsageError } from './command.js';

const HELP = `Usage: npx sanswitch run [--providers LIST] [--rules FILE] [--debug] [--] COMMAND [ARGUMENT...]

Runs a command, unchanged, and lets every stream socket of the Node.js programs in it go through the switch: shared memory to a
peer on this host that does the same, TCP/IP to everybody else. It is what NODE_OPTIONS=--import=sanswitch/register does.

Options:
  --providers LIST  who may serve: names with commas between them, 'shm!' demands shared memory (SANSWITCH_PROVIDERS)
  --rules FILE      who may serve which sockets of which program (SANSWITCH_RULES)
  --debug           every decision in a line on standard error (SANSWITCH_DEBUG)
  --help            this text

Exit codes: the command's; 126, it can't be run; 127, it is not there; 2, the command line or the environment can't be meant.
`;

const OPTIONS = {
  providers: { type: 'string' },
  rules: { type: 'string' },
  debug: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

/** What a terminal sends to all of its foreground processes, and anybody may send to this one. */
const FROM_TERMINAL: readonly NodeJS.Signals[] = ['SIGINT', 'SIGQUIT'];
const FORWARDED: readonly NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR2'];

/** The options end where the command begins, whose own options are not ours. */
function split(args: readonly string[]): { own: string[]; command: string[] } {
  const { tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true });
  const first = tokens.find(({ kind }) => kind !== 'option');
  if (first === undefined) return { own: [...args], command: [] };
  const start = first.kind === 'option-terminator' ? first.index + 1 : first.index;
  return { own: args.slice(0, first.index), command: args.slice(start) };
}

/** `NODE_OPTIONS` with ours, once: commands may be nested. */
function nodeOptions(existing: string | undefined): string {
  const own = `--import=${new URL('../register/index.js', import.meta.url).href}`;
  if (existing === undefined || existing.trim() === '') return own;
  return existing.split(/\s+/).includes(own) ? existing : `${existing} ${own}`;
}

/** Passes on what this process is told, until the child has ended. @returns what ends that */
function forwardSignals(child: ChildProcess): () => void {
  const stops = [...FORWARDED, ...FROM_TERMINAL].map((signal) => {
    // The terminal has told the child already.
    const isTold = process.stdin.isTTY && FROM_TERMINAL.includes(signal);
    const forward = (): void => {
      if (!isTold) child.kill(signal);
    };
    process.on(signal, forward);
    return () => process.off(signal, forward);
  });
  return () => {
    for (const stop of stops) stop();
  };
}

function runCommandLine(program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: 'inherit', env });
    const stop = forwardSignals(child);
    child.once('error', (error: NodeJS.ErrnoException) => {
      stop();
      process.stderr.write(`sanswitch: ${program}: ${error.message}\n`);
      resolve(error.code === 'ENOENT' ? 127 : 126);
    });
    child.once('exit', (code, signal) => {
      stop();
      // Whoever waits for this process sees what it would have seen of the command.
      if (signal !== null) process.kill(process.pid, signal);
      resolve(code ?? 128 + constants.signals[signal as NodeJS.Signals]);
    });
  });
}

async function run(args: readonly string[]): Promise<number> {
  const { own, command } = split(args);
  const { values } = parseCommandLine({ args: own, options: OPTIONS });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const [program, ...rest] = command;
  if (program === undefined) throw new UsageError('run what? a command, as in: run -- node server.js');
  const { env } = process;
  if (values.providers !== undefined) env.SANSWITCH_PROVIDERS = values.providers;
  if (values.rules !== undefined) env.SANSWITCH_RULES = resolvePath(values.rules);
  if (values.debug) env.SANSWITCH_DEBUG = '1';
  try {
    readSettings(null);
  } catch (error) {
    if (error instanceof SanswitchError) throw new UsageError(error.message);
    throw error;
  }
  return runCommandLine(program, rest, { ...env, NODE_OPTIONS: nodeOptions(env.NODE_OPTIONS) });
}

/** The command. */
export const runCommand: Command = {
  summary: 'a command whose stream sockets go through the switch',
  help: HELP,
  run,
};
