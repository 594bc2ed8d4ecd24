/** Runs a command with a profile of every thread of every Node.js process in it. */

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import type { CpuProfile } from './cpu-profile.js';
import { MAP_OPTIONS } from './map-options.js';
import { NOTES_VARIABLE, readNotes, type ThreadNote } from './notes.js';
import { findProgram, type Perf, recordArguments } from './perf.js';
import { mapFile, mapReader } from './perf-map.js';
import { readRecording } from './perf-script.js';
import { type ProfiledScript, type Recorded, recordedSamples, recordedScripts, type Surroundings } from './recorded.js';
import { SCRIPT_INTERVAL_US } from './script-threads.js';
import type { Missing } from './stacks.js';
import { ThreadWatch } from './threads.js';

/** What to run, and how. */
export interface CommandOptions {
  readonly program: string;
  readonly args: readonly string[];
  /** Null: by `--cpu-prof`. */
  readonly perf: Perf | null;
  /** After which the command is ended; null: it ends by itself. */
  readonly duration_ms: number | null;
  /** An empty folder, which the caller removes. */
  readonly folder: string;
}

/** How it ended. */
export interface CommandOutcome {
  /** The command's; 128 and the signal's number if one ended it; null: we ended it when its time was over. */
  readonly exitCode: number | null;
  readonly recorded: Recorded;
}

/** A command that can't be run. */
export class CommandError extends Error {
  /** 127: it is not there; 126: it is no program. */
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.exitCode = exitCode;
  }
}

const SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];
/** From the signal that asks a process to end to the one that it can't refuse. */
const GRACE_MS = 5_000;

/** A program `node`, for the front of the PATH, that writes CPU profiles: the options may not stand in NODE_OPTIONS. */
function profilingNode(folder: string, options: readonly string[]): void {
  const node = findProgram('node') ?? process.execPath;
  const quoted = [node, ...options].map((text) => `'${text.replaceAll("'", `'\\''`)}'`).join(' ');
  mkdirSync(folder);
  writeFileSync(join(folder, 'node'), `#!/bin/sh\nexec ${quoted} "$@"\n`);
  chmodSync(join(folder, 'node'), 0o755);
}

/** The command line that records, and its environment. */
function plan({ program, args, perf, folder }: CommandOptions): { line: string[]; env: NodeJS.ProcessEnv } {
  const hook = `--import=${new URL('./hook.js', import.meta.url).href}`;
  const nodeOptions = [process.env.NODE_OPTIONS, hook, perf === null ? undefined : MAP_OPTIONS]
    .filter(Boolean)
    .join(' ');
  const env = { ...process.env, NODE_OPTIONS: nodeOptions, [NOTES_VARIABLE]: join(folder, 'notes') };
  if (perf !== null) {
    return { line: [perf.program, ...recordArguments(perf, join(folder, 'perf.data'), ['--', program, ...args])], env };
  }
  const options = [
    '--cpu-prof',
    `--cpu-prof-interval=${SCRIPT_INTERVAL_US}`,
    `--cpu-prof-dir=${join(folder, 'profiles')}`,
  ];
  profilingNode(join(folder, 'bin'), options);
  const line = basename(program) === 'node' ? [program, ...options, ...args] : [program, ...args];
  return { line, env: { ...env, PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH ?? ''}` } };
}

function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Ends the Node.js processes of a command, or the command itself if there are none. */
function endAll(child: ChildProcess, notes: () => ThreadNote[], signal: NodeJS.Signals): void {
  const pids = new Set(notes().map(({ pid }) => pid));
  if (pids.size === 0 && child.pid !== undefined) pids.add(child.pid);
  for (const pid of pids) sendTo(pid, signal);
}

/** @returns the exit code; null: its time was over @throws CommandError */
function runToEnd(line: readonly string[], env: NodeJS.ProcessEnv, options: CommandOptions, notes: () => ThreadNote[]) {
  return new Promise<number | null>((resolve, reject) => {
    const [program = '', ...args] = line;
    const child = spawn(program, args, { stdio: 'inherit', env });
    const timers: NodeJS.Timeout[] = [];
    let isOver = false;
    const end = (signal: NodeJS.Signals): void => {
      endAll(child, notes, signal);
      timers.push(setTimeout(() => endAll(child, notes, 'SIGKILL'), GRACE_MS));
    };
    const forwards = SIGNALS.map((signal) => {
      // What the terminal sends, it sends to the command too.
      const forward = (): void => {
        if (!(process.stdin.isTTY && signal === 'SIGINT')) end(signal);
      };
      process.on(signal, forward);
      return () => process.off(signal, forward);
    });
    if (options.duration_ms !== null) {
      timers.push(
        setTimeout(() => {
          isOver = true;
          end('SIGINT');
        }, options.duration_ms),
      );
    }
    const tidy = (): void => {
      for (const timer of timers) clearTimeout(timer);
      for (const stop of forwards) stop();
    };
    child.once('error', (error: NodeJS.ErrnoException) => {
      tidy();
      reject(new CommandError(`${program}: ${error.message}`, error.code === 'ENOENT' ? 127 : 126));
    });
    child.once('exit', (code, signal) => {
      tidy();
      resolve(isOver ? null : (code ?? 128 + constants.signals[signal as NodeJS.Signals]));
    });
  });
}

/** The CPU profiles of a folder. Node calls them CPU.DATE.TIME.PID.THREAD.SEQUENCE.cpuprofile. */
function readProfiles(folder: string, notes: readonly ThreadNote[]): ProfiledScript[] {
  const scripts: ProfiledScript[] = [];
  for (const file of readdirSync(folder).sort()) {
    const [, , , pid, threadId] = file.split('.').map(Number);
    const note = notes.find((one) => one.pid === pid && one.threadId === threadId);
    const profile = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
    const tid = threadId === 0 ? pid : (note?.tid ?? null);
    scripts.push({ pid, tid, title: `worker ${threadId}`, profile });
  }
  return scripts;
}

/** Threads that were there, and have no profile. */
function unprofiled(scripts: readonly ProfiledScript[], notes: readonly ThreadNote[]): Missing[] {
  const known = new Set(scripts.map(({ tid }) => tid));
  return notes
    .filter(({ tid }) => !known.has(tid))
    .map(({ pid, threadId, title }) => ({
      what: `${threadId === 0 ? 'the main thread' : `worker ${threadId}`} of ${title} (process ${pid}): it was killed, or started without the options of its parent`,
      remedy: null,
    }));
}

/** The programs of a command can't be told apart by notes alone: those of no JavaScript have none. */
function surroundingsOf(notes: readonly ThreadNote[], watch: ThreadWatch): Surroundings {
  const titles = new Map(notes.map(({ pid, title }) => [pid, title]));
  const reactors = notes.flatMap(({ tid, reactor }) => (reactor === null ? [] : [[tid, reactor] as const]));
  return { times: watch.stop(), reactors: new Map(reactors), titleOf: (pid) => titles.get(pid) ?? 'process' };
}

/**
 * Runs the command to its end. SIGINT, SIGTERM and SIGHUP go on to it, and the profile is of what there was.
 * @throws CommandError: it can't be run; Error: there is no profile
 */
export async function recordCommand(options: CommandOptions): Promise<CommandOutcome> {
  const { folder, perf } = options;
  mkdirSync(join(folder, 'notes'));
  mkdirSync(join(folder, 'profiles'));
  if (findProgram(options.program) === null && !options.program.includes('/'))
    throw new CommandError(`${options.program}: there is no such command`, 127);
  const { line, env } = plan(options);
  const notesNow = (): ThreadNote[] => readNotes(join(folder, 'notes'));
  const watch = new ThreadWatch(() => new Set(notesNow().map(({ pid }) => pid)));
  let exitCode: number | null;
  let surroundings: Surroundings;
  try {
    exitCode = await runToEnd(line, env, options, notesNow);
  } finally {
    surroundings = surroundingsOf(notesNow(), watch);
  }
  const notes = notesNow();
  try {
    if (perf === null) {
      const scripts = readProfiles(join(folder, 'profiles'), notes);
      if (scripts.length === 0) throw new Error('no Node.js process of the command has written a profile');
      return {
        exitCode,
        recorded: recordedScripts(scripts, SCRIPT_INTERVAL_US, unprofiled(scripts, notes), surroundings),
      };
    }
    const sampled = await readRecording(perf, join(folder, 'perf.data'), mapReader());
    if (sampled.length === 0) throw new Error('perf has seen nothing of the command');
    return { exitCode, recorded: recordedSamples(sampled, perf.missing, surroundings) };
  } finally {
    if (perf !== null) for (const { pid } of notes) rmSync(mapFile(pid), { force: true });
  }
}
