/** The accepting end of connections that belong to socket actors on workers. They echo. */
import { type ActorRef, createRuntime, defineActor, type Runtime } from 'sanswitch';
import type Blocker from '../actors/blocker.js';
import type SocketEcho from '../actors/socket-echo.js';
import type { DriverEnd, Endpoint, ServiceEnd } from './channel.js';
import type { Stretches } from './computing.js';
import type { Connected, ServerMode, TransportSpec } from './messages.js';

const HOST = '127.0.0.1';
/** The worker that is blocked where one is. */
const BLOCKED = 0;

function actorUrl(name: string): URL {
  return new URL(`../actors/${name}.js`, import.meta.url);
}

/** What is known here of a connection that an actor has. */
class EchoService implements ServiceEnd {
  /** The other end notices. */
  readonly broken = new Promise<never>(() => {});
  readonly #connected: Connected;

  constructor(connected: Connected) {
    this.#connected = connected;
  }

  describe(): Connected {
    return this.#connected;
  }

  setMode(mode: ServerMode): void {
    if (mode !== 'echo') throw new Error('actors on workers do nothing but echo');
  }

  async watch(): Promise<never> {
    throw new Error('actors on workers do not count');
  }

  async drain(): Promise<never> {
    throw new Error('actors on workers do not count');
  }
}

/** Listens for all workers. */
export class WorkerEndpoint implements Endpoint {
  readonly #spec: TransportSpec;
  readonly #runtime: Promise<Runtime>;
  readonly #service: Promise<ServiceEnd>;
  #joined: (connected: Connected) => void = () => {};
  #blocker: ActorRef<Stretches | null> | undefined;

  constructor(spec: TransportSpec, workers: number) {
    this.#spec = spec;
    const providers = spec.transport === 'shm' ? ['shm!'] : ['tcp!'];
    this.#runtime = createRuntime({ workers, providers, poller: spec.poller });
    this.#runtime.catch(() => {});
    this.#service = new Promise((resolve) => {
      this.#joined = (connected) => resolve(new EchoService(this.#asOfThePair(connected)));
    });
  }

  async listen(): Promise<string> {
    const runtime = await this.#runtime;
    const registrar = await runtime.spawn(
      defineActor<Connected, void>(() => (connected) => this.#joined(connected)),
      undefined,
    );
    if (this.#spec.firstIsBlocked) {
      this.#blocker = await runtime.spawn<typeof Blocker>(actorUrl('blocker'), undefined, { worker: BLOCKED });
    }
    let calls = 0;
    const listener = await runtime.listen<typeof SocketEcho>({
      host: HOST,
      port: 0,
      actor: actorUrl('socket-echo'),
      args: registrar,
      placement: this.#spec.firstIsBlocked ? () => (calls++ === 0 ? BLOCKED : BLOCKED + 1) : 'least-connections',
    });
    return String(listener.address()?.port);
  }

  serve(): Promise<ServiceEnd> {
    return this.#service;
  }

  connect(): Promise<DriverEnd> {
    throw new Error('this end accepts');
  }

  async compute(stretches: Stretches | null): Promise<void> {
    if (this.#blocker === undefined) throw new Error('no worker of this pair is to be blocked');
    this.#blocker.tell(stretches);
  }

  async close(): Promise<void> {
    await (await this.#runtime).close();
  }

  /** Where the other end has no switch, the platform's sockets are what both have in common. */
  #asOfThePair(connected: Connected): Connected {
    const isPlatform = this.#spec.transport === 'net' && connected.provider === 'tcp';
    return isPlatform ? { ...connected, provider: 'node:net' } : connected;
  }
}
