/** The harness's side of a pair: two processes, one connection between them, and the measurements taken on it. */
import type { ChildProcess } from 'node:child_process';
import { forkPeer } from './children.js';
import type { Stretches } from './computing.js';
import { BenchFailure } from './failure.js';
import type { Answers, Connected, Memory, Reply, Request, Role, TransportSpec, Usage } from './messages.js';
import { isInOneProcess, patient } from './place.js';

const SETUP_LIMIT_MS = 8_000;
const SLACK_MS = 6_000;
/** A crowd of 10,000 that moves 10 GB. */
const GATHER_LIMIT_MS = 30_000;
const QUIT_LIMIT_MS = 2_000;
/** What was kept for bulk traffic goes back within this time: the question is what connections cost that are idle. */
const SETTLE_MS = 2_500;
/** How long the news of a death may come after the news of the connection's end, which it explains. */
const DEATH_NEWS_MS = 250;

/** What one phase has measured. Times are µs, rates per second (10^9 bytes to the GB). */
export interface Figures {
  readonly provider: string;
  readonly size: number;
  readonly p50_us?: number;
  readonly p99_us?: number;
  readonly p999_us?: number;
  readonly msgs_per_s: number;
  readonly gb_per_s: number;
  /** Both processes together; 200 is two whole cores. */
  readonly cpu_percent: number;
  readonly cpu_percent_by_process?: { readonly server: number; readonly client: number };
  /** What each further connection takes of the process that pays the most for it. */
  readonly pss_bytes_per_connection?: number;
  /** What further connections have added to the descriptors of the process that has the most. */
  readonly descriptors?: number;
  /** The worst that the connection of a blocked worker has waited for an answer (p999). */
  readonly blocked_us?: number;
  /** How often the switch has copied each byte, on the sending side and on the receiving one. */
  readonly copies_sent?: number;
  readonly copies_received?: number;
  /** What a neighbour that moves data in bulk has moved meanwhile. */
  readonly bulk_gb_per_s?: number;
}

/** What a crowd costs. */
export type CrowdFigures = Required<Pick<Figures, 'pss_bytes_per_connection' | 'descriptors'>>;

/** How a round is divided: the warm-up is not measured. */
export interface Slot {
  readonly warmup_ms: number;
  readonly duration_ms: number;
}

interface Waiting {
  resolve(answer: Answers[keyof Answers]): void;
  reject(error: Error): void;
  readonly timer: NodeJS.Timeout;
}

/** A forked process and the requests that it has not answered yet. */
class Remote {
  readonly #label: string;
  readonly #role: Role;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  #death: BenchFailure | undefined;
  #quitting = false;
  /** Rejects when the process ends before it was told to. */
  readonly died: Promise<never>;

  /** @param child the process, if it stands already */
  constructor(pairName: string, role: Role, spec: TransportSpec, child?: ChildProcess) {
    this.#label = `the ${role} process of ${pairName}`;
    this.#role = role;
    this.#child = child ?? forkPeer({ role, ...spec, isBoth: isInOneProcess(spec.transport) });
    this.#child.on('message', (reply: Reply) => {
      if (reply.role === role) this.#settle(reply);
    });
    this.died = new Promise((_, reject) => {
      this.#child.once('exit', (code, signal) => {
        const how = signal === null ? `exit code ${code}` : signal;
        this.#death = new BenchFailure(`${this.#label} ended in the middle of the run (${how})`);
        if (!this.#quitting) reject(this.#death);
      });
      this.#child.once('error', (error) => reject(new BenchFailure(`${this.#label}: ${error.message}`)));
    });
    this.died.catch(() => {});
  }

  get process(): ChildProcess {
    return this.#child;
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  ask<R extends Request>(request: R, usual_ms = SETUP_LIMIT_MS): Promise<Answers[R['op']]> {
    const limit_ms = patient(usual_ms);
    if (this.#death !== undefined) return Promise.reject(this.#death);
    const id = ++this.#lastId;
    const answer = new Promise<Answers[keyof Answers]>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new BenchFailure(`${this.#label} did not answer '${request.op}' within ${limit_ms} ms`));
      }, limit_ms);
      this.#waiting.set(id, { resolve, reject, timer });
      this.#child.send({ ...request, id, role: this.#role }, () => {});
    });
    return Promise.race([answer, this.died]) as Promise<Answers[R['op']]>;
  }

  /** Lets the process end by itself (so that it can write its profile), then makes it. */
  async quit(): Promise<void> {
    if (this.#death !== undefined) return;
    this.#quitting = true;
    const gone = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    const kill = setTimeout(() => this.#child.kill('SIGKILL'), patient(QUIT_LIMIT_MS));
    this.#child.send({ op: 'quit', id: ++this.#lastId, role: this.#role }, () => {});
    await gone;
    clearTimeout(kill);
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    if (waiting === undefined) return;
    this.#waiting.delete(reply.id);
    clearTimeout(waiting.timer);
    if ('answer' in reply) waiting.resolve(reply.answer);
    else setTimeout(() => waiting.reject(new BenchFailure(`${this.#label}: ${reply.error}`)), DEATH_NEWS_MS);
  }
}

/** Two processes with one connection between them. */
export class Pair {
  readonly name: string;
  readonly spec: TransportSpec;
  readonly #server: Remote;
  readonly #client: Remote;
  #client_: Connected = { provider: '', decision: '' };
  #server_: Connected = { provider: '', decision: '' };
  /** Bytes that the first connection has carried in bulk. */
  #bulkBytes = 0;
  #place = '';

  private constructor(name: string, spec: TransportSpec) {
    this.name = name;
    this.spec = spec;
    this.#server = new Remote(name, 'server', spec);
    this.#client = new Remote(name, 'client', spec, isInOneProcess(spec.transport) ? this.#server.process : undefined);
  }

  /**
   * Starts both processes and connects them.
   * @throws BenchFailure when they can't, or when another provider than `expectedProvider` serves the connection
   */
  static async start(name: string, spec: TransportSpec, expectedProvider: string): Promise<Pair> {
    const pair = new Pair(name, spec);
    try {
      await pair.#connect(expectedProvider);
      return pair;
    } catch (error) {
      await pair.close();
      throw error;
    }
  }

  get provider(): string {
    return this.#client_.provider;
  }

  /** Where the server listens, in a form that depends on the transport: a port, but for `ring`. */
  get place(): string {
    return this.#place;
  }

  /** The routing decisions of the connecting and of the accepting side, in words. */
  get decisions(): { readonly connect: string; readonly accept: string } {
    return { connect: this.#client_.decision, accept: this.#server_.decision };
  }

  /** Process ids, for those who want to disturb the run. */
  get pids(): { readonly server: number | undefined; readonly client: number | undefined } {
    return { server: this.#server.pid, client: this.#client.pid };
  }

  /** Round trips of one message at a time; with `interval_ms` one each so many milliseconds. */
  async roundTrips(size: number, slot: Slot, interval_ms?: number): Promise<Figures> {
    await this.#both(this.#server.ask({ op: 'mode', mode: 'echo' }));
    return this.#timed({ op: 'rtt', size, ...slot, interval_ms });
  }

  /** Connections that carry one message there and back and close again, `concurrency` at a time. */
  churn(size: number, concurrency: number, slot: Slot): Promise<Figures> {
    return this.#timed({ op: 'churn', size, concurrency, ...slot });
  }

  /** Makes `count` further connections, each of which carries `bytes` once. @returns what they cost */
  async gather(count: number, bytes: number): Promise<CrowdFigures> {
    const before = await this.#memories();
    if (bytes > 0) await this.#both(this.#server.ask({ op: 'expect', load_bytes: bytes }));
    await this.#both(this.#client.ask({ op: 'gather', count, bytes }, GATHER_LIMIT_MS));
    if (bytes > 0) await this.#settle();
    const after = await this.#memories();
    const added = (what: keyof Memory): number =>
      Math.max(after.server[what] - before.server[what], after.client[what] - before.client[what]);
    return { pss_bytes_per_connection: Math.round(added('pss_bytes') / count), descriptors: added('descriptors') };
  }

  /** Garbage is collected (which asking for the memory does) and then given back. */
  async #settle(): Promise<void> {
    await this.#memories();
    await this.#both(new Promise<void>((resolve) => setTimeout(resolve, SETTLE_MS)));
  }

  /** Round trips on every further connection at once, on request while the first one is used for messages of `bulk_bytes`. */
  async crowdRoundTrips(size: number, slot: Slot, bulk_bytes = 0): Promise<Figures> {
    if (bulk_bytes === 0) return this.#timed({ op: 'crowd-rtt', size, ...slot });
    await this.#both(this.#server.ask({ op: 'mode', mode: 'sink' }));
    await this.#both(this.#client.ask({ op: 'pump', size: bulk_bytes }));
    const start_ms = performance.now();
    const figures = await this.#timed({ op: 'crowd-rtt', size, ...slot });
    const sent = await this.#both(this.#client.ask({ op: 'stop' }));
    await this.#both(this.#server.ask({ op: 'drain', bytes: sent.bytes }, SLACK_MS));
    const bulk_gb_per_s = (sent.bytes - this.#bulkBytes) / 1e6 / (performance.now() - start_ms);
    this.#bulkBytes = sent.bytes;
    return { ...figures, bulk_gb_per_s };
  }

  /** Measures while the server's thread computes. */
  async whileServerComputes(stretches: Stretches, measure: () => Promise<Figures>): Promise<Figures> {
    await this.#both(this.#server.ask({ op: 'compute', stretches }));
    const figures = await measure();
    await this.#both(this.#server.ask({ op: 'compute', stretches: null }));
    return figures;
  }

  /** What the processes use while nothing happens. */
  async rest(slot: Slot): Promise<Figures> {
    const wait = (ms: number): Promise<void> => this.#both(new Promise((resolve) => setTimeout(resolve, ms)));
    await wait(slot.warmup_ms);
    const before = await this.#usages();
    await wait(slot.duration_ms);
    return {
      provider: this.provider,
      size: 0,
      msgs_per_s: 0,
      gb_per_s: 0,
      ...cpuPercent(before, await this.#usages()),
    };
  }

  async #timed(request: Request & { readonly op: 'rtt' | 'churn' | 'crowd-rtt' }): Promise<Figures> {
    const { size, warmup_ms, duration_ms } = request;
    const before = await this.#usages();
    const result = await this.#both(this.#client.ask(request, warmup_ms + duration_ms + SLACK_MS));
    const cpu = cpuPercent(before, await this.#usages());
    const perSecond = (result.count / result.elapsed_us) * 1e6;
    return {
      provider: this.provider,
      size,
      p50_us: result.p50_us,
      p99_us: result.p99_us,
      p999_us: result.p999_us,
      msgs_per_s: perSecond,
      gb_per_s: (perSecond * size) / 1e9,
      ...cpu,
    };
  }

  /** Messages one way, counted where they arrive. */
  async oneWay(size: number, slot: Slot): Promise<Figures> {
    await this.#both(this.#server.ask({ op: 'mode', mode: 'sink' }));
    await this.#both(this.#client.ask({ op: 'pump', size }));
    await this.#both(new Promise<void>((resolve) => setTimeout(resolve, slot.warmup_ms)));
    const before = await this.#usages();
    const watch = { op: 'watch', duration_ms: slot.duration_ms } as const;
    const arrived = await this.#both(this.#server.ask(watch, slot.duration_ms + SLACK_MS));
    const cpu = cpuPercent(before, await this.#usages());
    const sent = await this.#both(this.#client.ask({ op: 'stop' }));
    await this.#both(this.#server.ask({ op: 'drain', bytes: sent.bytes }, SLACK_MS));
    const bytesPerSecond = (arrived.bytes / arrived.elapsed_us) * 1e6;
    return {
      provider: this.provider,
      size,
      msgs_per_s: bytesPerSecond / size,
      gb_per_s: bytesPerSecond / 1e9,
      ...cpu,
    };
  }

  /** `oneWay`, and how often each byte was copied by the switch, up to the last one. */
  async copiesOneWay(size: number, slot: Slot): Promise<Figures> {
    const count = () =>
      this.#both(Promise.all([this.#client.ask({ op: 'copies' }), this.#server.ask({ op: 'copies' })]));
    const [clientBefore, serverBefore] = await count();
    const figures = await this.oneWay(size, slot);
    const [client, server] = await count();
    return {
      ...figures,
      copies_sent:
        (client.copied_sent_bytes - clientBefore.copied_sent_bytes) / (client.sent_bytes - clientBefore.sent_bytes),
      copies_received:
        (server.copied_received_bytes - serverBefore.copied_received_bytes) /
        (server.received_bytes - serverBefore.received_bytes),
    };
  }

  async close(): Promise<void> {
    const isGone = this.#client.quit();
    if (!isInOneProcess(this.spec.transport)) await isGone;
    await Promise.all([isGone, this.#server.quit()]);
  }

  async #connect(expectedProvider: string): Promise<void> {
    const { place } = await this.#both(this.#server.ask({ op: 'listen' }));
    this.#place = place;
    this.#client_ = await this.#both(this.#client.ask({ op: 'connect', place }));
    this.#server_ = await this.#both(this.#server.ask({ op: 'accepted' }));
    for (const side of [this.#client_, this.#server_]) {
      if (side.provider === expectedProvider) continue;
      throw new BenchFailure(
        `${this.name} is served by '${side.provider}' instead of '${expectedProvider}': ${side.decision}`,
      );
    }
  }

  /** The death of either process ends the wait for the other. */
  #both<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#server.died, this.#client.died]);
  }

  async #memories(): Promise<Record<Role, Memory>> {
    const [server, client] = await this.#both(
      Promise.all([this.#server.ask({ op: 'memory' }), this.#client.ask({ op: 'memory' })]),
    );
    return { server, client };
  }

  async #usages(): Promise<Record<Role, Usage>> {
    const [server, client] = await this.#both(
      Promise.all([this.#server.ask({ op: 'usage' }), this.#client.ask({ op: 'usage' })]),
    );
    return { server, client };
  }
}

function cpuPercent(before: Record<Role, Usage>, after: Record<Role, Usage>) {
  const of = (role: Role): number =>
    ((after[role].cpu_us - before[role].cpu_us) / (after[role].at_us - before[role].at_us)) * 100;
  const server = of('server');
  const client = of('client');
  return { cpu_percent: server + client, cpu_percent_by_process: { server, client } };
}
