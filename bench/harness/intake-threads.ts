/**
 * Accepting connections that already wait: the clients' thread fills the kernel's queue while the listening thread is
 * blocked, so that what is timed is the server's work alone.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { Ledger } from '#src/actor/intake/ledger.js';
import { type GivenSocket, IntakeListener } from '#src/actor/intake/listener.js';
import { BenchFailure } from './failure.js';

/** What a thread is. */
export type IntakeRole = 'clients' | 'worker';

/** What the clients' thread is to do. */
export interface ClientsTask {
  readonly serverPort: number;
  readonly count: number;
  /** Its first word becomes 1 when all are connected. */
  readonly connected: SharedArrayBuffer;
}

/** Connections of one round. */
const COUNT = 1_000;
const BACKLOG = 1_024;
const HOST = '127.0.0.1';
const LIMIT_MS = 8_000;

/** The threads, started once; each of the methods is one round. @throws BenchFailure when a thread does not answer */
export class IntakeThreads {
  private readonly clients = threadOf('clients');
  private readonly workers = [threadOf('worker'), threadOf('worker')];

  /** By `node:net`. @returns connections accepted and open, per second */
  async platform(): Promise<number> {
    const sockets: Socket[] = [];
    const all = new Countdown();
    const server = createServer((socket) => {
      sockets.push(socket.on('error', () => {}));
      all.one();
    });
    server.listen({ port: 0, host: HOST, backlog: BACKLOG });
    await once(server, 'listening');
    const rate = await this.timed((server.address() as AddressInfo).port, all);
    await this.ended(() => {
      for (const socket of sockets) socket.destroy();
    });
    server.close();
    return rate;
  }

  /** By the intake, which is all that is measured: given to nobody. */
  accepting(): Promise<number> {
    return this.intake(1, (_ledger, all) => () => {
      all.one();
      return true;
    });
  }

  /** By the intake, opened in the accepting thread, as `node:net` does it. */
  opening(): Promise<number> {
    const sockets: Socket[] = [];
    return this.intake(
      1,
      (ledger, all) =>
        (worker, { fd, ticket }) => {
          sockets.push(new Socket({ fd }).on('error', () => {}));
          ledger.confirm(worker, ticket);
          all.one();
          return true;
        },
      () => {
        for (const socket of sockets) socket.destroy();
      },
    );
  }

  /** By the intake, opened and confirmed by so many workers. */
  async sharing(count: number): Promise<number> {
    const workers = this.workers.slice(0, count);
    try {
      return await this.intake(
        count,
        (ledger, all) => {
          for (const [i, worker] of workers.entries()) {
            worker.on('message', (ticket: number) => {
              ledger.confirm(i, ticket);
              all.one();
            });
          }
          return (i, socket) => {
            workers[i]?.postMessage(socket);
            return true;
          };
        },
        () => {
          for (const worker of workers) worker.postMessage(null);
        },
      );
    } finally {
      for (const worker of workers) worker.removeAllListeners('message');
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.clients, ...this.workers].map((thread) => thread.terminate()));
  }

  private async intake(
    workers: number,
    givesTo: (ledger: Ledger, all: Countdown) => (worker: number, socket: GivenSocket) => boolean,
    closeAll: () => void = () => {},
  ): Promise<number> {
    const ledger = new Ledger();
    for (let worker = 0; worker < workers; worker++) ledger.join(worker);
    const all = new Countdown();
    const listener = await IntakeListener.open({ host: HOST, backlog: BACKLOG }, ledger, givesTo(ledger, all));
    const rate = await this.timed((listener.address() as AddressInfo).port, all);
    await this.ended(() => {
      closeAll();
      // Nobody keeps accounts of the ends, which are not measured.
      for (let worker = 0; worker < workers; worker++) ledger.lost(worker);
    });
    await listener.close();
    return rate;
  }

  private async timed(serverPort: number, all: Countdown): Promise<number> {
    const connected = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
    this.clients.postMessage({ serverPort, count: COUNT, connected } satisfies ClientsTask);
    if (Atomics.wait(new Int32Array(connected), 0, 0, LIMIT_MS) === 'timed-out') {
      throw new BenchFailure(`the clients did not connect within ${LIMIT_MS} ms`);
    }
    const start_ms = performance.now();
    await all.done;
    return (COUNT / (performance.now() - start_ms)) * 1e3;
  }

  private async ended(closeAll: () => void): Promise<void> {
    const ended = once(this.clients, 'message', { signal: AbortSignal.timeout(LIMIT_MS) });
    closeAll();
    await ended;
  }
}

/** Counts the connections of a round. */
class Countdown {
  readonly done: Promise<void>;
  private left = COUNT;
  private resolve: () => void = () => {};

  constructor() {
    this.done = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  one(): void {
    this.left -= 1;
    if (this.left === 0) this.resolve();
  }
}

function threadOf(role: IntakeRole): Worker {
  return new Worker(new URL('./intake-thread.js', import.meta.url), { workerData: role });
}
