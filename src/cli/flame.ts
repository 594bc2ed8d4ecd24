/** `npx sanswitch flame`. */
import { spawn } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { CommandError, recordCommand } from '../flame/command.js';
import { changesOf, diffTree } from '../flame/diff.js';
import { diffPage } from '../flame/diff-page.js';
import { filesBeside, type OutputFiles, writeProfile } from '../flame/output.js';
import { findPerf, isPerf, type Perf } from '../flame/perf.js';
import type { Recorded } from '../flame/recorded.js';
import { type By, startRecording } from '../flame/running.js';
import { type Missing, parseFolded, type ThreadStacks } from '../flame/stacks.js';
import { summaryText } from '../flame/summary.js';
import { columns } from '../terminal-text.js';
import { type Command, parseCommandLine, UsageError } from './command.js';

const HELP = `Usage: npx sanswitch flame [OPTION...] -- COMMAND [ARGUMENT...]
       npx sanswitch flame [OPTION...] --on PID
       npx sanswitch flame --diff BEFORE.folded AFTER.folded [--out FILE]

Where the time of a program goes: a flame graph with a tower for each thread, by its name (main, worker-0, poller), of a command until
it ends, or of a process that runs. Besides the page it writes the stacks as text, and as JSON for speedscope. Drawn by 0x
(npm install --save-dev 0x); without it there is no page, but the other two are written. --diff draws what has changed.

Options:
  --on PID           a running process, for --duration seconds (default 10) or until Ctrl-C
  --duration S       seconds, after which a command is ended
  --by MEANS         perf: JavaScript, native code and the kernel; cpu-prof: JavaScript, by V8; auto (default): perf where it works
  --out FILE         the page (default flame.html)
  --folded FILE      the stacks (default: beside the page)
  --speedscope FILE  the JSON for speedscope (default: beside the page)
  --open yes|no      show the page in a browser (default no)
  --diff A B         two files of stacks: the page of their difference, and the largest changes
  --help             this text

Exit codes: the command's; 126, it can't be run; 127, it is not there; 0 where --duration or Ctrl-C ended the profile; 1, there is no
profile; 2, the command line can't be meant.
`;

const OPTIONS = {
  on: { type: 'string' },
  duration: { type: 'string' },
  by: { type: 'string', default: 'auto' },
  out: { type: 'string', default: 'flame.html' },
  folded: { type: 'string' },
  speedscope: { type: 'string' },
  open: { type: 'string', default: 'no' },
  diff: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

const MEANS: readonly string[] = ['auto', 'perf', 'cpu-prof'];
const DURATION_MOST_S = 86_400;
const DEFAULT_ON_S = 10;
const CHANGES_SHOWN = 15;
/** A line of a terminal is not endless; the page has all of it. */
const NAME_CHARACTERS_MAX = 90;
const LOOK_EVERY_MS = 200;

interface Settings {
  readonly by: By;
  readonly files: OutputFiles;
  readonly duration_ms: number | null;
  readonly isOpened: boolean;
}

function tell(text: string): void {
  process.stderr.write(`sanswitch: ${text}\n`);
}

function durationOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const seconds = Number(text);
  if (text.trim() !== '' && seconds > 0 && seconds <= DURATION_MOST_S) return seconds * 1_000;
  throw new UsageError(`--duration wants seconds, more than 0 and at most ${DURATION_MOST_S}, not '${text}'`);
}

function pidOf(text: string): number {
  const pid = Number(text);
  if (Number.isInteger(pid) && pid > 0) return pid;
  throw new UsageError(`--on wants the number of a process, not '${text}'`);
}

/** What can't be written shall not be found out at the end of a long run. */
function assertWritable(files: OutputFiles): void {
  for (const file of Object.values(files)) {
    try {
      if (!statSync(dirname(file)).isDirectory()) throw new Error(`${dirname(file)} is no folder`);
      accessSync(existsSync(file) ? file : dirname(file), constants.W_OK);
      if (existsSync(file) && statSync(file).isDirectory()) throw new Error('it is a folder');
    } catch (error) {
      throw new UsageError(`${file} can't be written: ${(error as Error).message}`);
    }
  }
}

function choiceOf(name: string, text: string, choices: readonly string[]): string {
  if (choices.includes(text)) return text;
  throw new UsageError(`--${name} is one of ${choices.join(', ')}, not '${text}'`);
}

/** The last part of every profile: files and summary. */
async function finish(recorded: Recorded, title: string, { files, isOpened }: Settings): Promise<void> {
  tell('drawing');
  const written = await writeProfile(recorded, title, files);
  process.stdout.write(summaryText(recorded, written));
  if (!isOpened || written.html === null) return;
  const viewer = spawn('xdg-open', [written.html], { stdio: 'ignore', detached: true });
  viewer.once('error', ({ message }) => tell(`the page can't be shown: ${message}`));
  viewer.unref();
}

/** What a command is recorded by. @throws Error: perf is wanted, and does not work */
function perfFor(by: By): { perf: Perf | null; missing: Missing[] } {
  if (by === 'cpu-prof') return { perf: null, missing: [] };
  const found = findPerf();
  if (isPerf(found)) return { perf: found, missing: [] };
  if (by === 'perf') throw new Error(`${found.what}; mended by: ${found.remedy}`);
  return { perf: null, missing: [found] };
}

async function ofCommand([program = '', ...args]: readonly string[], settings: Settings): Promise<number> {
  const { perf, missing } = perfFor(settings.by);
  for (const { what } of missing) tell(`${what}: V8's profiles are taken instead`);
  const folder = mkdtempSync(join(tmpdir(), 'sanswitch-flame-'));
  try {
    const { duration_ms } = settings;
    const { exitCode, recorded } = await recordCommand({ program, args, perf, duration_ms, folder });
    const profile = { ...recorded.profile, missing: [...missing, ...recorded.profile.missing] };
    await finish({ ...recorded, profile }, [program, ...args].join(' '), settings);
    if (exitCode !== null && exitCode !== 0) tell(`the command has ended with exit code ${exitCode}`);
    return exitCode ?? 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Settles after `ms`, when the process has ended, or with the first signal that would end this one. */
function waitFor(pid: number, ms: number): Promise<void> {
  return new Promise((settle) => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
    const over = (): void => {
      clearTimeout(timer);
      clearInterval(looks);
      for (const signal of signals) process.off(signal, over);
      settle();
    };
    const timer = setTimeout(over, ms);
    const looks = setInterval(() => existsSync(`/proc/${pid}`) || over(), LOOK_EVERY_MS);
    for (const signal of signals) process.on(signal, over);
  });
}

async function ofProcess(pid: number, settings: Settings): Promise<number> {
  if (!existsSync(`/proc/${pid}`)) throw new Error(`there is no process ${pid}`);
  if (process.getuid?.() !== 0 && statSync(`/proc/${pid}`).uid !== process.getuid?.())
    throw new Error(`process ${pid} is another user's`);
  const recording = await startRecording(pid, settings.by, null);
  const duration_ms = settings.duration_ms ?? DEFAULT_ON_S * 1_000;
  tell(`recording process ${pid} by ${recording.means} for ${duration_ms / 1_000} s, or until Ctrl-C`);
  await waitFor(pid, duration_ms);
  await finish(await recording.stop(), `process ${pid}`, settings);
  return 0;
}

function readStacks(file: string): ThreadStacks[] {
  try {
    const threads = parseFolded(readFileSync(file, 'utf8'));
    if (threads.length === 0) throw new Error('it has no stacks');
    return threads;
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`);
  }
}

function ofDifference(files: readonly string[], out: string): number {
  const [before, after] = files;
  if (before === undefined || after === undefined || files.length > 2)
    throw new UsageError('--diff wants two files of stacks: before and after');
  const tree = diffTree(readStacks(before), readStacks(after));
  writeFileSync(out, diffPage(`${basename(before)} → ${basename(after)}`, tree));
  const percent = (share: number): string => `${(share * 100).toFixed(2)} %`;
  const rows = changesOf(tree)
    .slice(0, CHANGES_SHOWN)
    .map(({ thread, name, before: was, after: is }) => {
      const points = (is - was) * 100;
      const shown = `${thread}: ${name}`.slice(0, NAME_CHARACTERS_MAX);
      return [shown, percent(was), percent(is), `${points > 0 ? '+' : ''}${points.toFixed(2)}`];
    });
  process.stdout.write(columns([['function, by itself', 'before', 'after', 'points'], ...rows]));
  process.stdout.write(`\nDifference: ${out}\n`);
  return 0;
}

/** The command begins behind `--`. */
function split(args: readonly string[]): { own: string[]; command: string[] } {
  const { tokens } = parseArgs({ args: [...args], options: OPTIONS, strict: false, tokens: true });
  const end = tokens.find(({ kind }) => kind === 'option-terminator')?.index ?? args.length;
  return { own: args.slice(0, end), command: args.slice(end + 1) };
}

async function run(args: readonly string[]): Promise<number> {
  const { own, command } = split(args);
  const { values, positionals } = parseCommandLine({ args: own, options: OPTIONS, allowPositionals: true });
  if (values.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const settings: Settings = {
    by: choiceOf('by', values.by, MEANS) as By,
    files: filesBeside(
      resolve(values.out),
      values.folded && resolve(values.folded),
      values.speedscope && resolve(values.speedscope),
    ),
    duration_ms: durationOf(values.duration),
    isOpened: choiceOf('open', values.open, ['yes', 'no']) === 'yes',
  };
  const wanted = [command.length > 0, values.on !== undefined, values.diff].filter(Boolean).length;
  if (wanted !== 1)
    throw new UsageError('one of these is wanted: --on PID, --diff A B, or a command, as in: flame -- node server.js');
  assertWritable(settings.files);
  if (values.diff) return ofDifference(positionals, settings.files.html);
  if (positionals.length > 0) throw new UsageError(`what is '${positionals[0]}'? A command stands behind --`);
  const pid = values.on === undefined ? null : pidOf(values.on);
  try {
    return await (pid === null ? ofCommand(command, settings) : ofProcess(pid, settings));
  } catch (error) {
    tell((error as Error).message);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}

/** The command. */
export const flameCommand: Command = {
  summary: 'where the time of a program goes, thread by thread',
  help: HELP,
  run,
};
