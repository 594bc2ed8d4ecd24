/** The inspector of another process, opened by SIGUSR1 as Node.js has it. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { get } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { type Inspector, remoteInspector } from './inspector.js';

const OPEN_LIMIT_MS = 5_000;
const LOOK_EVERY_MS = 20;
const DEFAULT_PORT = 9_229;
const LISTENS = '0A';
/** SIGUSR1 in the mask of caught signals. */
const SIGUSR1_BIT = 1n << 9n;

/** Whether the process has a handler for SIGUSR1: without one the signal would kill it. */
function catchesSignal(pid: number): boolean {
  const caught = /^SigCgt:\s*([0-9a-f]+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return (BigInt(`0x${caught}`) & SIGUSR1_BIT) !== 0n;
}

/** The TCP ports on which a process listens by IPv4. */
function listeningPorts(pid: number): Set<number> {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch (error) {
      // It has been closed since.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  const ports = new Set<number>();
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)) {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    if (state === LISTENS && inodes.has(inode)) ports.add(Number.parseInt(local.split(':')[1] ?? '', 16));
  }
  return ports;
}

function getJson(url: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const request = get(url, { timeout: OPEN_LIMIT_MS }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      response.once('end', () => {
        try {
          resolve(JSON.parse(text));
        } catch (error) {
          reject(error as Error);
        }
      });
    });
    request.once('timeout', () => request.destroy(new Error('it does not answer')));
    request.once('error', reject);
  });
}

/** The inspector's port, which the signal may open. @throws Error */
async function openPort(pid: number): Promise<{ port: number; isOurs: boolean }> {
  const before = listeningPorts(pid);
  if (!catchesSignal(pid))
    throw new Error(`process ${pid} does not take SIGUSR1: it is no Node.js process, or its inspector is disabled`);
  process.kill(pid, 'SIGUSR1');
  const end_ms = performance.now() + OPEN_LIMIT_MS;
  while (performance.now() < end_ms) {
    const port = [...listeningPorts(pid)].find((one) => !before.has(one));
    if (port !== undefined) return { port, isOurs: true };
    if (before.has(DEFAULT_PORT)) return { port: DEFAULT_PORT, isOurs: false };
    await delay(LOOK_EVERY_MS);
  }
  throw new Error(
    `the inspector of process ${pid} does not open: its port is taken, or the program has a handler of its own for SIGUSR1`,
  );
}

/** An inspector of another process. */
export interface OpenedInspector {
  readonly inspector: Inspector;
  /** Closes the connection, and the inspector if it was opened here. */
  close(): Promise<void>;
}

/** @throws Error: it can't be had, and why */
export async function inspectorOf(pid: number): Promise<OpenedInspector> {
  const { port, isOurs } = await openPort(pid);
  const targets = (await getJson(`http://127.0.0.1:${port}/json/list`)) as { webSocketDebuggerUrl?: string }[];
  const url = targets[0]?.webSocketDebuggerUrl;
  if (url === undefined) throw new Error(`the inspector of process ${pid} names no target`);
  const inspector = await remoteInspector(url);
  return {
    inspector,
    async close() {
      if (isOurs) {
        // Closing waits for connections to end: after the answer.
        const expression = `void setTimeout(() => process.getBuiltinModule('node:inspector').close(), 50)`;
        await inspector.post('Runtime.evaluate', { expression });
      }
      inspector.close();
    },
  };
}
