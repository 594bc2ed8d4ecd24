/** Programs that know nothing of sanswitch, as processes of their own under `sanswitch/register`. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

/** What `sanswitch/register` is. */
export const REGISTER = new URL('../../dist/register/index.js', import.meta.url).href;
/** What `sanswitch/net` is. */
export const NET = new URL('../../dist/net/index.js', import.meta.url).href;
/** What `npx sanswitch` runs. */
export const COMMAND = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

const folder = mkdtempSync(join(tmpdir(), 'sanswitch-register-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a file for a test. @returns its path */
export function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** How a program ended. */
export interface Outcome {
  /** Exit code, or the signal's name. */
  readonly code: number | string | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `node ARGS`. @param environment replaces variables of this process; undefined takes one away */
export function node(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      env: { ...process.env, NODE_OPTIONS: undefined, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 15_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? signal, stdout, stderr }));
  });
}

/** What it was run with. */
export interface Run {
  readonly environment?: NodeJS.ProcessEnv;
  /** Before the program's file; default: `--import` of `sanswitch/register`. */
  readonly nodeArgs?: readonly string[];
  /** Of the file; `.mjs` or `.cjs`. */
  readonly name?: string;
}

/** Runs a program. */
export function program(code: string, run: Run = {}): Promise<Outcome> {
  const { environment, nodeArgs = ['--import', REGISTER], name = 'program.mjs' } = run;
  return node([...nodeArgs, file(name, code)], environment);
}

/** Runs a program that prints JSON as its last line. @throws Error with all that it said if it did not end well */
export async function answer(code: string, run: Run = {}): Promise<unknown> {
  const { code: exit, stdout, stderr } = await program(code, run);
  if (exit !== 0) throw new Error(`it ended with ${exit}:\n${stdout}${stderr}`);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as unknown;
}

/** Code of a server and a client, with who served the client, and what the server and it say of that. */
export const PAIR = `
import net from 'node:net';
const told = ({ sanswitch }) => sanswitch && {
  provider: sanswitch.provider,
  why: sanswitch.decision.candidates.map(({ provider, outcome, reason, detail }) =>
    [provider, outcome, reason, detail].join(' ').trim()),
};
export async function pair({ server = net.createServer(), listen = { port: 0, host: '127.0.0.1' }, connect = {} } = {}) {
  server.on('connection', (peer) => peer.on('error', () => {}).pipe(peer));
  const listening = await new Promise((resolve) => {
    server.once('error', (error) => resolve(error)).listen(listen, () => resolve(null));
  });
  if (listening) return { error: listening.code, syscall: listening.syscall };
  const { port } = server.address();
  const answer = await new Promise((resolve) => {
    const socket = net.connect({ port, host: '127.0.0.1', ...connect }, () => socket.end('ping'));
    let text = '';
    socket.on('data', (bytes) => (text += bytes)).on('end', () => resolve({ text, ...told(socket) }));
    socket.on('error', ({ code, name }) => resolve({ error: code, name }));
  });
  const listened = told(server);
  server.close();
  return { ...answer, listened: listened?.why };
}
`;
