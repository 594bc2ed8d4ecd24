/** Peers in other processes and threads, told what to do by calls that look like `PeerCommands`. */
import { type ChildProcess, type ForkOptions, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { SwitchOptions } from 'sanswitch';
import type { PeerCommands } from './peer-commands.js';

export const STRICT: SwitchOptions = { providers: ['shm!'] };

const file = join(process.cwd(), 'build', 'test', 'fixtures', 'shm-peer.js');

type Promised = Promise<unknown>;
type Commands = { [K in keyof PeerCommands]: PeerCommands[K] extends (...args: never[]) => Promised ? K : never };

/** A message to a peer. */
export interface Order {
  readonly id: number;
  readonly op: Commands[keyof Commands];
  readonly args: readonly unknown[];
}

/** Its answer. */
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string; readonly code: string };
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** A peer. `do.X(...)` runs command X over there. */
export class Peer {
  readonly do: PeerCommands;
  readonly child: ChildProcess | null;
  readonly worker: Worker | null;
  /** Resolves when the process or thread is gone. */
  readonly gone: Promise<unknown>;
  isGone = false;
  private readonly waiting = new Map<number, Waiting>();
  private nextId = 0;

  private constructor(child: ChildProcess | null, worker: Worker | null) {
    this.child = child;
    this.worker = worker;
    const emitter = (child ?? worker) as ChildProcess;
    emitter.on('message', (answer) => this.answered(answer as unknown as Answer));
    this.gone = once(emitter, 'exit').then(([code, signal]) => {
      this.isGone = true;
      for (const { reject } of this.waiting.values()) reject(new Error(`the peer is gone (${code}, ${signal})`));
      this.waiting.clear();
      return signal ?? code;
    });
    this.do = new Proxy({} as PeerCommands, {
      get: (_, op) => (op === 'then' ? undefined : (...args: unknown[]) => this.order(op as Order['op'], args)),
    });
  }

  static async process(options: SwitchOptions = STRICT, forkOptions: ForkOptions = {}): Promise<Peer> {
    const stdio: ForkOptions['stdio'] = ['ignore', 'inherit', 'inherit', 'ipc'];
    const peer = new Peer(fork(file, { stdio, serialization: 'advanced', execArgv: [], ...forkOptions }), null);
    peers.add(peer);
    await peer.do.start(options);
    return peer;
  }

  static async thread(options: SwitchOptions = STRICT): Promise<Peer> {
    const peer = new Peer(null, new Worker(file));
    peers.add(peer);
    await peer.do.start(options);
    return peer;
  }

  get pid(): number {
    return this.child?.pid ?? process.pid;
  }

  private order(op: Order['op'], args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.nextId++;
      this.waiting.set(id, { resolve, reject });
      const order: Order = { id, op, args };
      if (this.child !== null) this.child.send(order);
      else this.worker?.postMessage(order);
    });
  }

  private answered({ id, result, error }: Answer): void {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (error !== undefined) waiting?.reject(Object.assign(new Error(error.message), { code: error.code }));
    else waiting?.resolve(result);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    peers.delete(this);
    if (this.isGone) return;
    if (this.child !== null) this.child.kill(signal);
    else await this.worker?.terminate();
    await this.gone;
  }
}

const peers = new Set<Peer>();

/** For `afterEach`. */
export async function killPeers(): Promise<void> {
  await Promise.all([...peers].map((peer) => peer.kill()));
}
