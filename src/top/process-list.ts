/** Processes of this user, as /proc shows them; any may be gone the moment after. */
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { COUNTERS_FILE_LINK, UNNAMED_FILE_LINK } from '../stats/counters-file.js';

/** One process. */
export interface ProcessEntry {
  readonly pid: number;
  /** Tells it from a later one of the same number. */
  readonly startTime: string;
  readonly name: string;
  /** Its numbers, from our pid namespace's down to its own. */
  readonly namespacePids: readonly number[];
}

const NAME_LENGTH_MAX = 40;

/** Options of Node after which a value may stand as an argument of its own; of the common ones. */
const EVALUATES: ReadonlySet<string> = new Set(['-e', '--eval', '-p', '--print', '-pe']);
const TAKE_VALUES: ReadonlySet<string> = new Set([
  ...[
    '-r',
    '--require',
    '--import',
    '--loader',
    '--experimental-loader',
    '-C',
    '--conditions',
    '--env-file',
    '--title',
  ],
  ...EVALUATES,
]);

/** Troubles of our own; any other one is the process's, which is gone, not ours, or something else by now. */
const OUR_TROUBLES: ReadonlySet<string> = new Set(['EMFILE', 'ENFILE', 'ENOMEM']);

/** What `look` sees; null: nothing, for the process or the descriptor is gone or not ours to see. @throws when this process is short of something */
export function ifThere<T>(look: () => T): T | null {
  try {
    return look();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (syscall === undefined || OUR_TROUBLES.has(code ?? '')) throw error;
    return null;
  }
}

/** For a terminal: nothing but printable ASCII. */
function printable(text: string): string {
  const clean = text.replace(/[^\x20-\x7e]/g, '?');
  return clean.length > NAME_LENGTH_MAX ? `${clean.slice(0, NAME_LENGTH_MAX - 3)}...` : clean;
}

/** The program: of Node's processes the file that it runs. */
function nameFrom(commandLine: string, comm: string): string {
  const [program = '', ...args] = commandLine.split('\0');
  if (!/^node\d*$/.test(basename(program))) return printable(comm.trim() || basename(program));
  const at = args.findIndex((argument, i) => !argument.startsWith('-') && !TAKE_VALUES.has(args[i - 1] ?? ''));
  const file = args[at] ?? '';
  return printable(file === '' || args.slice(0, at).some((option) => EVALUATES.has(option)) ? 'node' : basename(file));
}

/** The name of a process of anybody's; null: it is gone. */
export function processName(pid: number): string | null {
  return ifThere(() =>
    nameFrom(readFileSync(`/proc/${pid}/cmdline`, 'latin1'), readFileSync(`/proc/${pid}/comm`, 'latin1')),
  );
}

function entryOf(pid: number): ProcessEntry | null {
  return ifThere(() => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // Behind the name, which may have anything in it: state, ppid, ...; the start time is field 22.
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
    const [, numbers = ''] = /^NSpid:\s*(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
    const name = processName(pid);
    if (name === null) return null;
    return { pid, startTime, name, namespacePids: numbers === '' ? [pid] : numbers.split(/\s+/).map(Number) };
  });
}

/** A descriptor of a process that may be a counters file. */
export interface Candidate {
  readonly fd: number;
  /** It says that it is one. */
  readonly isNamed: boolean;
}

/** None if the process is gone, or does not let itself be seen. */
function candidatesOf(pid: number): Candidate[] {
  const found: Candidate[] = [];
  for (const fd of ifThere(() => readdirSync(`/proc/${pid}/fd`)) ?? []) {
    const link = ifThere(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? '';
    const isNamed = link === COUNTERS_FILE_LINK;
    if (isNamed || UNNAMED_FILE_LINK.test(link)) found.push({ fd: Number(fd), isNamed });
  }
  return found;
}

/** Processes of this user that may have counters files. */
export function* candidates(): Iterable<{ readonly entry: ProcessEntry; readonly files: readonly Candidate[] }> {
  const uid = process.geteuid?.();
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    if (ifThere(() => statSync(`/proc/${pid}`).uid) !== uid) continue;
    const files = candidatesOf(pid);
    const entry = files.length === 0 ? null : entryOf(pid);
    if (entry !== null) yield { entry, files };
  }
}
