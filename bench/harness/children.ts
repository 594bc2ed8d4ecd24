/** The processes that a run has started: none of them outlives it. */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { TITLE_VARIABLE } from '#src/flame/notes.js';
import { type PeerSetup, SETUP_VARIABLE } from './messages.js';

const PEER_FILE = fileURLToPath(new URL('./peer.js', import.meta.url));
const running = new Set<ChildProcess>();
const REGISTER = import.meta.resolve('sanswitch/register');
/** How often V8 looks, µs. */
export const PROFILE_INTERVAL_US = 250;
let profileDirectory: string | undefined;

/** From now on each thread of a process writes a CPU profile, when it ends, into the process's `profileName` in `directory`. */
export function profileInto(directory: string): void {
  profileDirectory = directory;
}

/** The folder of a process's CPU profiles. */
export function profileName(setup: PeerSetup): string {
  const { transport, lend, ownBuffer, actors, actorWorkers, program, register, highWaterMarkBytes, label, role } =
    setup;
  const layers = [program, register && `register-${register}`].filter(Boolean).map((name) => `-${name}`);
  const mark = highWaterMarkBytes === undefined ? '' : `-${highWaterMarkBytes}`;
  const also = label === undefined ? '' : `-${label}`;
  return `${transport}${layers.join('')}${lend ? '-lent' : ''}${ownBuffer ? '-own-buffer' : ''}${actors ? '-actors' : ''}${actorWorkers === undefined ? '' : `-workers-${actorWorkers}`}${mark}${also}.${role}`;
}

/** Starts one process of a pair. Its standard output goes where our standard error goes: ours carries results only. */
export function forkPeer(setup: PeerSetup): ChildProcess {
  const profile = [
    '--cpu-prof',
    `--cpu-prof-interval=${PROFILE_INTERVAL_US}`,
    `--cpu-prof-dir=${profileDirectory}/${profileName(setup)}`,
  ];
  const isRegistered = setup.register === 'both' || setup.register === setup.role;
  const child = fork(PEER_FILE, [], {
    env: {
      ...process.env,
      ...(setup.register === 'both' ? { SANSWITCH_PROVIDERS: 'shm!' } : {}),
      [SETUP_VARIABLE]: JSON.stringify(setup),
      [TITLE_VARIABLE]: profileName(setup),
    },
    execArgv: [
      '--expose-gc',
      ...(isRegistered ? ['--import', REGISTER] : []),
      ...(profileDirectory === undefined ? [] : profile),
    ],
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  return keepChild(child);
}

/** Runs a program to its end, which comes with the run's at the latest. @returns its exit code and what it has printed */
export function runProgram(file: string, args: readonly string[]): Promise<{ exitCode: number; output: string }> {
  const child = fork(file, args, { execArgv: [], stdio: ['ignore', 'pipe', 2, 'ipc'] });
  running.add(child);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      running.delete(child);
      resolve({ exitCode: code ?? 1, output });
    });
  });
}

/** Starts another process, which ends with the run. */
export function forkHelper(file: string, args: readonly string[]): ChildProcess {
  return keepChild(fork(file, args, { execArgv: [], stdio: ['ignore', 2, 2, 'ipc'] }));
}

/** Has a process that somebody else has started end with the run. */
export function keepChild<C extends ChildProcess>(child: C): C {
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

/** How a helper ended, and what it said. */
export interface Captured {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs another process to its end; it ends with the run too. */
export function captureHelper(file: string, args: readonly string[]): Promise<Captured> {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => {
      running.delete(child);
      resolve({ exitCode, stdout, stderr });
    });
  });
}

/** Ends every process at once. */
export function killChildren(): void {
  for (const child of running) child.kill('SIGKILL');
}

process.on('exit', killChildren);
