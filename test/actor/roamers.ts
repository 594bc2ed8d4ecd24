/** Runtimes whose actors echo to a process beside, and come to grief. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { ActorRef, MessageOf, Runtime, RuntimeListener } from 'sanswitch';
import { afterEach } from 'vitest';
import type Roamer from '../fixtures/actors/roamer.js';
import type { RoamerNews } from '../fixtures/roamer-peer.js';
import { type Place, peerOptions } from './places.js';
import { portOf } from './runtime-clients.js';
import { until } from './runtimes.js';

const PEER = new URL('../../build/test/fixtures/roamer-peer.js', import.meta.url).pathname;

/** It says by itself who has not been answered in 20 s. */
const PING_MS = 30_000;

export type RoamerRef = ActorRef<MessageOf<typeof Roamer>>;

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** A process with connections to roamers. */
export class RoamerPeer {
  /** By number of the connection: how it ended; null in order. */
  readonly ended = new Map<number, string | null>();
  /** Threads that served them at first, in their order; undefined: they are not all connected. */
  threads: readonly number[] | undefined;
  private readonly child: ChildProcess;
  private failure: string | undefined;
  private readonly pings: Extract<RoamerNews, { answered: number }>[] = [];

  /** One without connections, which the caller has to kill. */
  constructor(listener: RuntimeListener, place: Place) {
    const args = [PEER, `${portOf(listener)}`, place.host, JSON.stringify(peerOptions(place))];
    this.child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) =>
      this.heard(JSON.parse(line)),
    );
  }

  /** Starts one that ends with the test; returns when all of its connections have names. */
  static async start(
    listener: RuntimeListener,
    place: Place,
    connections: number,
    isLoaded: boolean,
    prefix = 'roamer',
  ): Promise<RoamerPeer> {
    const peer = new RoamerPeer(listener, place);
    children.push(peer.child);
    await peer.connect(connections, isLoaded, prefix);
    return peer;
  }

  /** Has it drop the connections that it has, and make others. @throws Error if one can't be made */
  async connect(connections: number, isLoaded: boolean, prefix = 'roamer'): Promise<void> {
    this.threads = undefined;
    this.failure = undefined;
    this.ended.clear();
    this.child.stdin?.write(`connect ${prefix} ${connections} ${isLoaded ? 1 : 0}\n`);
    const isOver = () => this.threads !== undefined || this.failure !== undefined || this.child.exitCode !== null;
    await until('the peer is connected', isOver);
    if (this.threads === undefined) throw new Error(this.failure ?? `the peer has ended, ${this.child.exitCode}`);
  }

  /** Has every connection that stands be answered once more. @returns how many were, what went wrong, the longest wait so far */
  async ping(): Promise<Extract<RoamerNews, { answered: number }>> {
    const count = this.pings.length;
    this.child.stdin?.write('ping\n');
    await until('the peer answers', () => this.pings.length > count, PING_MS);
    return this.pings[count] as Extract<RoamerNews, { answered: number }>;
  }

  /** Its connections are reset, or end. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  private heard(news: RoamerNews): void {
    if ('threads' in news) this.threads = news.threads;
    else if ('failed' in news) this.failure = news.failed;
    else if ('ended' in news) this.ended.set(news.ended, news.error);
    else this.pings.push(news);
  }
}

/** The actor of a peer's connection. */
export function roamer(runtime: Runtime, number: number, prefix = 'roamer'): RoamerRef {
  return runtime.lookup(`${prefix}-${number}`) as RoamerRef;
}
