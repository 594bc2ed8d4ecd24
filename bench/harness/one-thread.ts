/** What one thread of a pair's process does: serves or drives one connection, and the crowd beside it. */
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { DriverEnd, Endpoint, ServiceEnd } from './channel.js';
import { Computing, type Stretches } from './computing.js';
import { CrowdDriver, type CrowdService } from './crowd.js';
import { makeEndpoint } from './endpoints.js';
import type { Answers, Copies, Envelope, Memory, PeerSetup, Reply } from './messages.js';

/** Does what the harness asks. */
export interface Hand {
  handle(request: Envelope): Promise<Answers[keyof Answers]>;
}

/** Does what is asked, and says how that went. */
export function replyTo(hand: Hand, request: Envelope): Promise<Reply> {
  return hand.handle(request).then(
    (answer) => ({ id: request.id, role: request.role, answer }),
    (error: Error) => ({ id: request.id, role: request.role, error: error.message }),
  );
}

/** One thread, one connection. */
export class OneThread implements Hand {
  readonly #endpoint: Promise<Endpoint>;
  #service: Promise<ServiceEnd> | undefined;
  #driver: DriverEnd | undefined;
  #crowd: CrowdDriver | undefined;
  #computing: Computing | undefined;

  constructor(setup: PeerSetup) {
    this.#endpoint = makeEndpoint(setup);
    this.#endpoint.catch(() => {});
  }

  async handle(request: Envelope): Promise<Answers[keyof Answers]> {
    switch (request.op) {
      case 'listen':
        return { place: await this.#listen() };
      case 'connect':
        this.#driver = await (await this.#endpoint).connect(request.place);
        return this.#driver.describe();
      case 'usage':
        return usage();
      case 'memory':
        return memory();
      case 'copies':
        return this.#copies();
      case 'compute':
        await this.#compute(request.stretches);
        return null;
      case 'quit':
        return this.#quit();
      default:
        return this.#service === undefined ? this.#drive(request) : this.#serve(request, await this.#service);
    }
  }

  /** In the thread that has the connections: whoever makes these knows a thread that is not this one. */
  async #compute(stretches: Stretches | null): Promise<void> {
    const endpoint = await this.#endpoint;
    if (endpoint.compute !== undefined) return endpoint.compute(stretches);
    this.#computing?.stop();
    this.#computing = stretches === null ? undefined : new Computing(stretches);
  }

  async #copies(): Promise<Copies> {
    const endpoint = await this.#endpoint;
    if (endpoint.copies === undefined) throw new Error('this transport does not count copies');
    return endpoint.copies();
  }

  async #listen(): Promise<string> {
    const endpoint = await this.#endpoint;
    const place = await endpoint.listen();
    this.#service = endpoint.serve();
    this.#service.catch(() => {});
    return place;
  }

  async #serve(request: Envelope, service: ServiceEnd): Promise<Answers[keyof Answers]> {
    switch (request.op) {
      case 'accepted':
        return service.describe();
      case 'mode':
        service.setMode(request.mode);
        return null;
      case 'expect':
        (await this.#crowdService()).load_bytes = request.load_bytes;
        return null;
      case 'watch':
        return Promise.race([service.broken, service.watch(request.duration_ms)]);
      case 'drain':
        await Promise.race([service.broken, service.drain(request.bytes)]);
        return null;
      default:
        throw new Error(`a server can't do '${request.op}'`);
    }
  }

  async #drive(request: Envelope): Promise<Answers[keyof Answers]> {
    const driver = this.#driver;
    if (driver === undefined) throw new Error(`'${request.op}' before there is a connection`);
    switch (request.op) {
      case 'rtt': {
        const { size, warmup_ms, duration_ms, interval_ms } = request;
        return Promise.race([driver.broken, driver.roundTrips(size, warmup_ms, duration_ms, interval_ms)]);
      }
      case 'gather':
        await (await this.#crowdDriver()).gather(request.count, request.bytes);
        return null;
      case 'crowd-rtt':
        return (await this.#crowdDriver()).roundTrips(request.size, request.warmup_ms, request.duration_ms);
      case 'churn': {
        const { size, concurrency, warmup_ms, duration_ms } = request;
        return (await this.#crowdDriver()).churn(size, concurrency, warmup_ms, duration_ms);
      }
      case 'pump':
        driver.pump(request.size);
        return null;
      case 'stop':
        return { bytes: driver.stop() };
      default:
        throw new Error(`a client can't do '${request.op}'`);
    }
  }

  async #crowdDriver(): Promise<CrowdDriver> {
    const endpoint = await this.#endpoint;
    if (endpoint.open === undefined) throw new Error('this transport has one connection only');
    this.#crowd ??= new CrowdDriver(() => (endpoint as Required<Endpoint>).open());
    return this.#crowd;
  }

  async #crowdService(): Promise<CrowdService> {
    const { crowd } = await this.#endpoint;
    if (crowd === undefined) throw new Error('this transport has one connection only');
    return crowd;
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

function memory(): Memory {
  globalThis.gc?.();
  const [, kib] = /^Pss:\s*(\d+) kB$/m.exec(readFileSync('/proc/self/smaps_rollup', 'latin1')) as unknown as [
    string,
    string,
  ];
  return { pss_bytes: Number(kib) * 1024, descriptors: readdirSync('/proc/self/fd').length };
}
