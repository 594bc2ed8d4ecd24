/** Connections to socket actors: they come by TCP/IP and shared memory, echo, and end in every way. */
import { once } from 'node:events';
import { type AddressInfo, connect, type Socket } from 'node:net';
import {
  createSwitch,
  defineActor,
  type Runtime,
  type RuntimeListener,
  type StreamSocket,
  type Switch,
} from 'sanswitch';
import type Caller from '../fixtures/actors/caller.js';
import { tame } from '../fixtures/actors/caller.js';
import type Server from '../fixtures/actors/server.js';
import type Wayfarer from '../fixtures/actors/wayfarer.js';
import { MOVE } from '../fixtures/actors/wayfarer.js';
import type { Random } from '../simulation/random.js';
import { until } from './until.js';

const SERVER = new URL('../fixtures/actors/server.js', import.meta.url);
const WAYFARER = new URL('../fixtures/actors/wayfarer.js', import.meta.url);
const CALLER = new URL('../fixtures/actors/caller.js', import.meta.url);
const HOST = '127.0.0.1';
/** Of each kind, in a day. */
const CLIENTS = 6;
const BYTES_MAX = 200_000;
const WORKERS = 2;
/** Between two moves of an actor that roams, on average. */
const BYTES_PER_MOVE = 30_000;

/** How a visit ends; the first one is for the actors of server.ts alone. */
const ENDINGS = ['reset by the actor', 'reset', 'in order', 'in order'] as const;
type Ending = (typeof ENDINGS)[number];

function portOf(listener: RuntimeListener): number {
  return (listener.address() as AddressInfo).port;
}

/** Has the actor that reads them move now and then. */
function restless(random: Random, bytes: Buffer): Buffer {
  for (let i = random.below(BYTES_PER_MOVE); i < bytes.length; i += random.between(1, 2 * BYTES_PER_MOVE))
    bytes[i] = MOVE;
  return bytes;
}

/** A client of either kind. */
interface Client {
  /** Sends, and resolves to what comes back, as long as what was sent. Rejects when the connection ends. */
  echo(bytes: Buffer): Promise<Buffer>;
  send(text: string): void;
  /** Ends in order. */
  end(): void;
  /** Resets. */
  abort(): void;
  /** Why the connection ended, when it has: null for an end in order. */
  readonly closed: Promise<string | null>;
}

function codeOf(error: Error | null): string | null {
  return error === null ? null : ((error as NodeJS.ErrnoException).code ?? error.message);
}

/** By `node:net`. */
class PlainClient implements Client {
  readonly closed: Promise<string | null>;
  private readonly socket: Socket;

  private constructor(socket: Socket) {
    this.socket = socket;
    let failure: Error | null = null;
    socket.on('error', (error) => {
      failure = error;
    });
    this.closed = new Promise((resolve) => socket.on('close', () => resolve(codeOf(failure))));
  }

  static async open(port: number): Promise<PlainClient> {
    const socket = connect({ port, host: HOST });
    await once(socket, 'connect');
    return new PlainClient(socket);
  }

  async echo(bytes: Buffer): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = bytes.length;
    this.socket.write(bytes);
    while (missing > 0) {
      const [part] = (await Promise.race([once(this.socket, 'data'), this.closed])) as [Buffer];
      if (!Buffer.isBuffer(part)) throw new Error(`closed before ${missing} bytes were back`);
      parts.push(part);
      missing -= part.length;
    }
    return Buffer.concat(parts);
  }

  send(text: string): void {
    this.socket.write(text);
  }

  end(): void {
    this.socket.end();
  }

  abort(): void {
    this.socket.resetAndDestroy();
  }
}

/** By the switch, over shared memory. */
class SwitchClient implements Client {
  readonly closed: Promise<string | null>;
  private readonly socket: StreamSocket;
  private parts: Uint8Array[] = [];
  private count = 0;

  private constructor(socket: StreamSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => {
      socket.handlers = {
        received: (_socket, bytes) => {
          this.parts.push(bytes);
          this.count += bytes.length;
        },
        closed: (_socket, error) => resolve(codeOf(error)),
      };
    });
  }

  static async open(sw: Switch, port: number): Promise<SwitchClient> {
    return new SwitchClient(await sw.connect({ port, host: HOST }));
  }

  async echo(bytes: Buffer): Promise<Buffer> {
    this.socket.send(bytes);
    await until(`${bytes.length} bytes are back`, () => this.count >= bytes.length);
    const all = Buffer.concat(this.parts);
    this.parts = [];
    this.count = 0;
    return all;
  }

  send(text: string): void {
    this.socket.send(Buffer.from(text));
  }

  end(): void {
    void this.socket.close();
  }

  abort(): void {
    this.socket.abort();
  }
}

/** A listener of a runtime, and who calls it. */
export class Traffic {
  private readonly runtime: Runtime;
  private readonly listener: RuntimeListener;
  /** Its actors go from worker to worker. */
  private readonly roaming: RuntimeListener;
  private readonly sw: Switch;

  private constructor(runtime: Runtime, listener: RuntimeListener, roaming: RuntimeListener, sw: Switch) {
    this.runtime = runtime;
    this.listener = listener;
    this.roaming = roaming;
    this.sw = sw;
  }

  /** @param runtime with shared memory and TCP/IP */
  static async open(runtime: Runtime): Promise<Traffic> {
    const listener = await runtime.listen<typeof Server>({ host: HOST, port: 0, actor: SERVER });
    const roaming = await runtime.listen<typeof Wayfarer>({ host: HOST, port: 0, actor: WAYFARER });
    return new Traffic(runtime, listener, roaming, await createSwitch({ providers: ['shm!'] }));
  }

  /** What is open, for those who look for leaks. */
  counts(): Record<string, number> {
    const connections = this.listener.connections + this.roaming.connections;
    return { connections, 'open at the clients’ switch': this.sw.stats().providers.shm?.open ?? 0 };
  }

  /** Clients of every kind come, are echoed and go. @throws Error saying what went wrong */
  async liveADay(random: Random): Promise<void> {
    const clients = await this.openClients(this.listener, CLIENTS);
    const others = await this.openClients(this.roaming, CLIENTS);
    const bytes = () => tame(random, 1 + random.below(BYTES_MAX));
    await Promise.all([
      ...clients.map((client) => this.visit(client, bytes(), random.pick(ENDINGS))),
      ...others.map((client) => this.visit(client, restless(random, bytes()), random.pick(ENDINGS.slice(1)))),
      ...Array.from({ length: CLIENTS }, () => this.call(random.below(WORKERS), random)),
    ]);
    await until('all have left', () => this.counts().connections === 0);
  }

  /** A worker dies, which `death` waits for: the peers of its actors see a reset, the others go on. */
  async outlive(death: () => Promise<void>, random: Random): Promise<void> {
    const clients = await this.openClients(this.listener, CLIENTS);
    const ends = clients.map(() => 'alive' as string | null);
    for (const [i, client] of clients.entries()) {
      void client.closed.then((why) => {
        ends[i] = why;
      });
    }
    await death();
    await until('its peers see a reset', () => ends.includes('ECONNRESET'));
    const left = clients.filter((_, i) => ends[i] === 'alive');
    const word = tame(random, 1_000);
    for (const client of left) {
      const answer = await Promise.race([client.echo(word), client.closed]);
      if (!Buffer.isBuffer(answer)) continue;
      if (!answer.equals(word)) throw new Error('an echo differs beside a death');
      client.end();
    }
    await Promise.all(clients.map(({ closed }) => closed));
    if (ends.some((why) => why !== null && why !== 'ECONNRESET')) throw new Error(`a death was seen as ${ends}`);
    await until('all have left', () => this.listener.connections === 0);
  }

  async close(): Promise<void> {
    await this.sw.close();
    await Promise.all([this.listener.close(), this.roaming.close()]);
  }

  private openClients(listener: RuntimeListener, each: number): Promise<Client[]> {
    const port = portOf(listener);
    return Promise.all(
      Array.from({ length: 2 * each }, (_, i) =>
        i % 2 === 0 ? PlainClient.open(port) : SwitchClient.open(this.sw, port),
      ),
    );
  }

  private async visit(client: Client, bytes: Buffer, ending: Ending): Promise<void> {
    const back = await client.echo(bytes);
    if (!back.equals(bytes)) throw new Error(`an echo of ${bytes.length} bytes differs`);
    const expected = ending === 'reset by the actor' ? 'ECONNRESET' : null;
    if (ending === 'reset by the actor') client.send('!abort');
    else if (ending === 'reset') client.abort();
    else client.end();
    const why = await client.closed;
    if (why !== expected) throw new Error(`a connection ended by ${why} instead of ${expected}`);
  }

  /** An actor of the runtime calls. */
  private async call(worker: number, random: Random): Promise<void> {
    let report: (what: string) => void = () => {};
    const reported = new Promise<string>((resolve) => {
      report = resolve;
    });
    const listening = await this.runtime.spawn(
      defineActor<string, void>(() => (what) => report(what)),
      undefined,
    );
    const args = { bytes: 1 + random.below(BYTES_MAX), seed: random.next(), report: listening };
    await this.runtime.connect<typeof Caller>({ host: HOST, port: portOf(this.listener), actor: CALLER, args, worker });
    const what = await reported;
    this.runtime.stop(listening);
    if (what !== 'echoed') throw new Error(`an actor's call: ${what}`);
  }
}
