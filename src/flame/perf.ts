/** The system's sampler, `perf`: whether it works here, and recording with it. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import type { Missing } from './stacks.js';

/** Samples per second and thread: no multiple of what timers usually do. */
const FREQUENCY_HZ = 499;
/** The time between two samples, µs. */
export const PERF_INTERVAL_US = 1e6 / FREQUENCY_HZ;
const PARANOID_FILE = '/proc/sys/kernel/perf_event_paranoid';
const PROBE_LIMIT_MS = 20_000;

/** A perf that works. */
export interface Perf {
  readonly program: string;
  /** Processor time, of the kernel too if that is allowed. */
  readonly event: 'cpu-clock' | 'cpu-clock:u';
  readonly missing: readonly Missing[];
}

/** Where a program stands on the PATH; null: nowhere. */
export function findProgram(name: string, path = process.env.PATH ?? ''): string | null {
  for (const folder of path.split(delimiter)) {
    const file = join(folder || '.', name);
    try {
      accessSync(file, constants.X_OK);
      return file;
    } catch {
      // Not there, or no program: the next folder may have it.
    }
  }
  return null;
}

/** What the kernel allows to whom: 2 and less, one's own processes; 1 and less, the kernel's part too. Null: it does not say. */
function paranoia(): number | null {
  try {
    return Number(readFileSync(PARANOID_FILE, 'utf8'));
  } catch {
    return null;
  }
}

/** @returns what it said; null: it works */
function tryPerf(program: string, event: Perf['event']): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'sanswitch-perf-'));
  try {
    const args = recordArguments({ event }, join(folder, 'data'), ['--', 'true']);
    const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8', timeout: PROBE_LIMIT_MS });
    if (status === 0) return null;
    const said = stderr
      ?.trim()
      .split('\n')
      .find((line) => line.trim() !== '' && !/^Error:?$/.test(line.trim()));
    return error?.message ?? said?.trim() ?? `exit code ${status}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function allowCommand(level: number): string {
  return `sudo sysctl kernel.perf_event_paranoid=${level}`;
}

/** Finds a perf that works for this user, or says why there is none. */
export function findPerf(): Perf | Missing {
  const program = findProgram('perf');
  if (program === null) {
    const remedy = 'sudo apt-get install linux-perf (Debian), linux-tools-generic (Ubuntu), dnf install perf (Fedora)';
    return { what: 'perf is not installed', remedy };
  }
  const whole = tryPerf(program, 'cpu-clock');
  if (whole === null) return { program, event: 'cpu-clock', missing: [] };
  const level = paranoia();
  if (tryPerf(program, 'cpu-clock:u') === null) {
    const what = `frames of the kernel: perf_event_paranoid is ${level}`;
    return { program, event: 'cpu-clock:u', missing: [{ what, remedy: allowCommand(1) }] };
  }
  const isForbidden = level !== null && level > 1 && process.getuid?.() !== 0;
  const what = `perf is not allowed here (${isForbidden ? `perf_event_paranoid is ${level}` : whole})`;
  const remedy = isForbidden
    ? allowCommand(1)
    : 'in a container: give it CAP_PERFMON, and a seccomp profile that lets perf_event_open pass';
  return { what, remedy };
}

/** Whether that is one that works. */
export function isPerf(found: Perf | Missing): found is Perf {
  return 'program' in found;
}

/** perf would keep copies of all programs and libraries in the user's home, to read recordings of long ago. */
const NO_COPIES = ['--no-buildid', '--no-buildid-cache'];

/** The arguments that record what `target` says into `file`. */
export function recordArguments({ event }: Pick<Perf, 'event'>, file: string, target: readonly string[]): string[] {
  return ['record', '-q', ...NO_COPIES, '-e', event, '-F', `${FREQUENCY_HZ}`, '-g', '-o', file, ...target];
}

/** Records running processes from when it has started until it is stopped. */
export class PerfRecording {
  private readonly child: ChildProcess;
  private readonly ended: Promise<void>;
  private said = '';

  private constructor(perf: Perf, file: string, pid: number) {
    // Begins when it is told on descriptor 3, and says so on 4.
    const target = ['-D', '-1', '--control=fd:3,4', '-p', `${pid}`];
    this.child = spawn(perf.program, recordArguments(perf, file, target), {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'],
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.said += text;
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => {
        // It ends by the signal that stops it, or with 0 when the process has ended.
        if (code === 0 || code === 130 || signal === 'SIGINT') resolve();
        else reject(new Error(`perf record: ${this.said.trim().replace(/\s+/g, ' ') || `exit code ${code}`}`));
      });
    });
    // Whoever stops it hears of it.
    this.ended.catch(() => {});
  }

  /** @returns when it records @throws Error: perf failed, in its words */
  static async start(perf: Perf, file: string, pid: number): Promise<PerfRecording> {
    const recording = new PerfRecording(perf, file, pid);
    const [, , , control, answer] = recording.child.stdio as [unknown, unknown, unknown, Writable, Readable];
    // A perf that fails closes its end.
    control.on('error', () => {});
    const begun = new Promise<void>((resolve) => answer.once('data', () => resolve()));
    control.write('enable\n');
    const endedEarly = recording.ended.then(() => {
      throw new Error(`process ${pid} has ended`);
    });
    await Promise.race([begun, endedEarly]);
    endedEarly.catch(() => {});
    return recording;
  }

  /** Settles when the recording has ended, by stop() or with the process. @throws Error: perf failed, in its words */
  get over(): Promise<void> {
    return this.ended;
  }

  /** @throws Error: perf failed, in its words */
  stop(): Promise<void> {
    this.child.kill('SIGINT');
    return this.ended;
  }
}
