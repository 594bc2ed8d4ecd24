/** Real workers that connections are given to, and real clients that connect. */
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { Ledger } from '#src/actor/intake/ledger.js';
import { IntakeListener, type IntakeOptions } from '#src/actor/intake/listener.js';

/** `echo`; `silent`: opens and echoes, without confirming; `leave`: opens nothing; `refuse`: says that it could not open it. */
export type Manners = 'echo' | 'silent' | 'leave' | 'refuse';
/** A connection that the worker is given. */
export type ToWorker = { readonly ticket: number; readonly fd: number };
/** What the worker says of it. */
export type FromWorker = { readonly what: 'got' | 'opened' | 'ended' | 'refused'; readonly ticket: number };

const WORKER = new URL('../../build/test/fixtures/intake-worker.js', import.meta.url);
const TIMEOUT_MS = 10_000;

/** Waits until that holds. */
export async function eventually(what: string, holds: () => boolean): Promise<void> {
  const limit = performance.now() + TIMEOUT_MS;
  while (!holds()) {
    if (performance.now() > limit) throw new Error(`not in ${TIMEOUT_MS} ms: ${what}`);
    await delay(2);
  }
}

/** The sockets that this process has open. */
export function openSockets(): number {
  const targets = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The descriptor of the listing itself.
      return '';
    }
  });
  return targets.filter((target) => target.startsWith('socket:')).length;
}

/** A listener, its ledger and its workers. */
export class Rig {
  readonly ledger = new Ledger();
  readonly workers = new Map<number, Worker>();
  /** Messages that a worker has sent, by what they say. */
  readonly heard = { got: 0, opened: 0, ended: 0, refused: 0 };
  readonly errors: NodeJS.ErrnoException[] = [];
  /** Connections given, by worker. */
  readonly given = new Map<number, number>();
  private readonly clients: Socket[] = [];
  private readonly listeners: IntakeListener[] = [];

  async listen(options: IntakeOptions = {}): Promise<IntakeListener> {
    const listener = await IntakeListener.open(
      { host: '127.0.0.1', failed: (error) => this.errors.push(error), ...options },
      this.ledger,
      (worker, socket) => {
        this.workers.get(worker)?.postMessage(socket satisfies ToWorker);
        this.given.set(worker, (this.given.get(worker) ?? 0) + 1);
        return true;
      },
    );
    this.listeners.push(listener);
    return listener;
  }

  async start(id: number, manners: Manners = 'echo'): Promise<Worker> {
    const worker = new Worker(WORKER, { workerData: manners });
    worker.on('message', ({ what, ticket }: FromWorker) => {
      this.heard[what] += 1;
      if (what === 'opened') this.ledger.confirm(id, ticket);
      if (what === 'ended' && manners === 'echo') this.ledger.ended(id, ticket);
      if (what === 'refused') this.ledger.giveBack(id, ticket);
    });
    worker.on('exit', () => {
      this.workers.delete(id);
      this.ledger.lost(id);
    });
    await once(worker, 'online');
    this.workers.set(id, worker);
    this.ledger.join(id);
    return worker;
  }

  /** Clients whose connection has come to stand in the kernel; their errors are ends. */
  async connect(listener: IntakeListener, count: number): Promise<Socket[]> {
    const port = (listener.address() as { port: number }).port;
    const made = Array.from({ length: count }, () => connect({ port, host: '127.0.0.1' }).on('error', () => {}));
    this.clients.push(...made);
    // One that is reset at once may never hear of its connection.
    await Promise.all(
      made.map((client) => Promise.race([once(client, 'connect'), once(client, 'close')]).catch(() => {})),
    );
    return made;
  }

  async end(): Promise<void> {
    for (const client of this.clients) client.destroy();
    await Promise.all([...this.workers.values()].map((worker) => worker.terminate()));
    await Promise.all(this.listeners.map((listener) => listener.close()));
  }
}

/** Sends a text and reads it back. */
export async function echoes(client: Socket, text: string): Promise<void> {
  client.write(text);
  let received = '';
  for (const limit = performance.now() + TIMEOUT_MS; received.length < text.length; ) {
    if (performance.now() > limit) throw new Error('no echo');
    const [bytes] = (await once(client, 'data', { signal: AbortSignal.timeout(TIMEOUT_MS) })) as [Buffer];
    received += bytes.toString();
  }
  if (received !== text) throw new Error(`echo of ${text} is ${received}`);
}

/** All have ended, however. */
export async function allClosed(clients: readonly Socket[]): Promise<void> {
  for (const client of clients) client.resume();
  await eventually('every client sees the end', () => clients.every(({ closed }) => closed));
}
