/**
 * A process of a pair: does what the harness asks over IPC, and ends with the harness, however that ends. Started by
 * `child_process.fork` with its set-up in an environment variable.
 */
import { performance } from 'node:perf_hooks';
import type { Channel, Endpoint } from './channel.js';
import { makeEndpoint } from './endpoints.js';
import { type Answers, type Envelope, type PeerSetup, type Reply, SETUP_VARIABLE } from './messages.js';
import { Driver, Service } from './workloads.js';

const setup = JSON.parse(process.env[SETUP_VARIABLE] ?? '{}') as PeerSetup;

/** Rejects when the connection is gone; every request that uses the connection is raced against it. */
class Lifeline {
  readonly broken: Promise<never>;
  #break: (error: Error) => void = () => {};

  constructor() {
    this.broken = new Promise((_, reject) => {
      this.#break = reject;
    });
    this.broken.catch(() => {});
  }

  watch(channel: Channel): void {
    channel.closed = (error) => {
      this.#break(new Error(`the connection ended${error === null ? '' : `: ${error.message}`}`));
    };
  }
}

class Peer {
  readonly #lifeline = new Lifeline();
  readonly #endpoint: Promise<Endpoint> = makeEndpoint(setup);
  #service: Promise<Service> | undefined;
  #driver: Driver | undefined;

  constructor() {
    this.#endpoint.catch(() => {});
  }

  async handle(request: Envelope): Promise<Answers[keyof Answers]> {
    switch (request.op) {
      case 'listen':
        return { place: await this.#listen() };
      case 'connect':
        return this.#connect(request.place);
      case 'accepted':
        return this.#accepted();
      case 'usage':
        return usage();
      case 'quit':
        return this.#quit();
      default:
        return Promise.race([this.#lifeline.broken, this.#measure(request)]);
    }
  }

  async #measure(request: Envelope): Promise<Answers[keyof Answers]> {
    const driver = this.#driver as Driver;
    switch (request.op) {
      case 'rtt':
        return driver.roundTrips(request.size, request.warmup_ms, request.duration_ms);
      case 'pump':
        driver.pump(request.size);
        return null;
      case 'stop':
        return { bytes: driver.stop() };
      case 'mode':
        (await this.#serving()).setMode(request.mode);
        return null;
      case 'watch':
        return (await this.#serving()).watch(request.duration_ms);
      case 'drain':
        await (await this.#serving()).drain(request.bytes);
        return null;
      default:
        throw new Error(`unknown request ${request.op}`);
    }
  }

  async #listen(): Promise<string> {
    const endpoint = await this.#endpoint;
    const place = await endpoint.listen();
    this.#service = endpoint.accepted().then((channel) => new Service(channel));
    return place;
  }

  #serving(): Promise<Service> {
    if (this.#service === undefined) throw new Error('not listening');
    return this.#service;
  }

  async #connect(place: string) {
    const channel = await (await this.#endpoint).connect(place);
    this.#lifeline.watch(channel);
    this.#driver = new Driver(channel);
    return channel.describe();
  }

  async #accepted() {
    const channel = await (await this.#endpoint).accepted();
    this.#lifeline.watch(channel);
    return channel.describe();
  }

  async #quit(): Promise<null> {
    const endpoint = await this.#endpoint.catch(() => null);
    await endpoint?.close();
    return null;
  }
}

function usage() {
  const { user, system } = process.cpuUsage();
  return { cpu_us: user + system, at_us: performance.now() * 1000 };
}

function main(): void {
  const peer = new Peer();
  const reply = (message: Reply, then?: () => void): void => {
    process.send?.(message, () => then?.());
  };
  process.on('message', (request: Envelope) => {
    peer.handle(request).then(
      (answer) => reply({ id: request.id, answer }, () => request.op === 'quit' && process.exit(0)),
      (error: Error) => reply({ id: request.id, error: error.message }),
    );
  });
  // The harness decides when we end: a terminal's Ctrl-C reaches every process of its group, and so does a closed one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
  process.once('disconnect', () => process.exit(0));
}

main();
