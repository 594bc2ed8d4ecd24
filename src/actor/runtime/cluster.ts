/**
 * The workers of a runtime: their lives, and the mail links between each two threads. A worker that dies comes back as
 * another host, with fresh links to all others; the dead host's links end, which is how its peers learn of it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { WorkerDiedError } from '../../errors.js';
import type { SharedNames } from '../shared-names.js';
import { publishWorker } from './channels.js';
import { hostNumber } from './host-number.js';
import { inTime } from './in-time.js';
import { Intensity } from './intensity.js';
import { type Answer, Life } from './life.js';
import type { RuntimeConfig } from './options.js';
import type { WorkerStats } from './stats.js';
import { ThreadPool } from './thread-pool.js';
import { type HostPlace, type MailTicket, type Offer, offerLink } from './tickets.js';

/** How long a worker that starts waits for the others to have joined it. */
const JOIN_TIMEOUT_MS = 500;
/** A thread that is blocked for longer has its say too late. */
const LAST_WORDS_TIMEOUT_MS = 1_000;
/** What kept a worker from starting (no descriptors, no memory) may have passed by then. */
const RETRY_MS = 100;

/** What the cluster needs of the thread that made it. */
export interface ClusterOwner {
  readonly place: HostPlace;
  /** Takes this thread's end of a link. */
  join(ticket: MailTicket): void;
  /** The runtime's names. */
  readonly names: SharedNames;
  /** When on this thread, and on those of `peers` that live, all has been handled that a dead host had told. Never rejects. */
  heardLast(host: number, peers: readonly number[]): Promise<void>;
  /** A worker's thread has ended. */
  lost(worker: number): void;
  /** A worker that died is back, without any of its actors. */
  back(worker: number): Promise<void>;
  /** It does not come back. */
  givenUp(worker: number): void;
}

/** What all workers are asked at once. */
type AskedOfAll = 'activity' | 'stopConnecting' | 'closeSockets' | 'stopActors';

/** One worker: who lives there now. */
interface Seat {
  readonly worker: number;
  readonly intensity: Intensity;
  lives: number;
  deaths: number;
  state: WorkerStats['state'];
  life: Life | null;
}

interface Links {
  /** For the new one. */
  readonly offers: Offer[];
  /** Settled when the others have taken theirs. */
  readonly joins: Promise<void>[];
}

/** The one reason why such a call fails is that its thread has died, which is reported elsewhere. */
function isDead(): void {}

/** See the top of this file. */
export class Cluster {
  private readonly config: RuntimeConfig;
  private readonly owner: ClusterOwner;
  private readonly pool: ThreadPool;
  private readonly seats: readonly Seat[];
  /** A worker that dies before all have started does not come back: the start has failed. */
  private hasStarted = false;
  private isClosing = false;
  private readonly beginnings = new Set<Promise<void>>();

  constructor(config: RuntimeConfig, owner: ClusterOwner) {
    const { max, withinMs } = config.workerRestarts;
    this.config = config;
    this.owner = owner;
    this.pool = new ThreadPool(config.workers, config.resourceLimits, (error) => this.strayed(error));
    this.seats = Array.from({ length: config.workers }, (_, worker) => ({
      worker,
      intensity: new Intensity(max, withinMs),
      lives: 0,
      deaths: 0,
      state: 'down' as const,
      life: null,
    }));
  }

  /** Number of workers. */
  get size(): number {
    return this.seats.length;
  }

  /** Starts all workers. @throws what the first one failed of; the others have ended then */
  async start(): Promise<void> {
    const outcomes = await Promise.allSettled(this.seats.map((seat) => this.begin(seat)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    const dead = this.seats.find(({ state }) => state !== 'up');
    if (failed === undefined && dead === undefined) {
      this.hasStarted = true;
      return;
    }
    await this.destroy();
    throw failed?.reason ?? new WorkerDiedError(`worker ${dead?.worker} died while others started`);
  }

  /** Those that take actors, by number. */
  get up(): number[] {
    return this.seats.filter(({ state }) => state === 'up').map(({ worker }) => worker);
  }

  /** Whether no worker is up, or ever will be. */
  get isGivenUp(): boolean {
    return this.seats.every(({ state }) => state === 'given-up');
  }

  /** @throws WorkerDiedError: that worker is not up */
  life(worker: number): Life {
    const { life, state } = this.seats[worker] as Seat;
    if (life !== null && state === 'up') return life;
    throw new WorkerDiedError(`worker ${worker} is ${state}: nothing can be spawned on it now`);
  }

  /** One worker, as it is now. */
  seat(worker: number): Readonly<Pick<Seat, 'state' | 'deaths' | 'life'>> {
    return this.seats[worker] as Seat;
  }

  /** Asks all workers. Those that die before they answer are left out. */
  async askAll<K extends AskedOfAll>(method: K): Promise<Answer<K>[]> {
    const calls = this.lives.map((life) => life.call<AskedOfAll>(method) as Promise<Answer<K>>);
    const answers = await Promise.allSettled(calls);
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  /** Has all hosts let go of everything. @returns when they have */
  async end(): Promise<void> {
    await Promise.all(
      this.lives.map((life) => {
        life.call('end').catch(isDead);
        return life.ended;
      }),
    );
  }

  /** When the workers that start have started, or failed to. */
  async settled(): Promise<void> {
    while (this.beginnings.size > 0) await Promise.allSettled(this.beginnings);
  }

  /** No worker comes back from now on. */
  stopRestarts(): void {
    this.isClosing = true;
  }

  /** Ends whatever still runs. */
  async destroy(): Promise<void> {
    this.stopRestarts();
    const { lives } = this;
    for (const life of lives) life.terminate('the runtime is closed');
    await Promise.all(lives.map(({ ended }) => ended));
    await this.pool.close();
  }

  private get lives(): Life[] {
    return this.seats.flatMap(({ life }) => (life === null ? [] : [life]));
  }

  private async begin(seat: Seat): Promise<void> {
    const beginning = this.beginLife(seat);
    this.beginnings.add(beginning);
    try {
      await beginning;
    } finally {
      this.beginnings.delete(beginning);
    }
  }

  /** Begins a life: joins it to all who live, and waits until its host stands. @throws what it failed of */
  private async beginLife(seat: Seat): Promise<void> {
    const { worker } = seat;
    const host = hostNumber(worker, seat.lives++);
    const life = new Life(host, `worker-${worker}`);
    seat.life = life;
    seat.state = 'starting';
    void life.ended.then((error) => this.ended(seat, life, error));
    const { offers, joins } = this.tryLinksOf(life);
    const joined = Promise.allSettled(joins);
    const task = { host, name: life.name, names: this.owner.names.memory, config: this.config.thread };
    await this.started(life, life.launch(this.pool, task, offers));
    // Whoever is told of an actor of this life must be able to reach it. A thread that is blocked is not waited for.
    await inTime(joined, performance.now() + JOIN_TIMEOUT_MS, null);
    if (seat.life !== life) throw new WorkerDiedError(`${life.name} died as it started`);
    seat.state = 'up';
    publishWorker('start', { worker, host });
  }

  /** The links of a life, which ends if they can't be made. @throws SystemError (EMFILE) */
  private tryLinksOf(life: Life): Links {
    const links: Links = { offers: [], joins: [] };
    try {
      this.makeLinks(life, links);
      return links;
    } catch (error) {
      for (const offer of links.offers) offer.settle();
      // Those who have joined already see the end of their links.
      for (const join of links.joins) join.catch(isDead);
      life.abandon(error as Error);
      throw error;
    }
  }

  /** Offers a life its ends of its links; the others get theirs. */
  private makeLinks(life: Life, { offers, joins }: Links): void {
    const { mailRingBytes } = this.config;
    const [own, ours] = offerLink(life, this.owner.place, mailRingBytes);
    offers.push(own);
    try {
      this.owner.join(ours.ticket);
    } finally {
      ours.settle();
    }
    for (const peer of this.lives) {
      if (peer === life) continue;
      const [mine, theirs] = offerLink(life, peer, mailRingBytes);
      offers.push(mine);
      joins.push(peer.join(theirs));
    }
  }

  /** @throws WorkerDiedError: it takes longer than it may */
  private async started(life: Life, started: Promise<void>): Promise<void> {
    const { startTimeoutMs } = this.config;
    if ((await inTime(started, performance.now() + startTimeoutMs, 'late')) !== 'late') return;
    life.terminate(`it did not start within ${startTimeoutMs} ms`);
    await started;
  }

  /** A thread died before it had a task. Nobody says whose it would have been: all who start begin anew. */
  private strayed(error: Error): void {
    for (const { life, state } of this.seats) if (state === 'starting') life?.terminate(error.message, error);
  }

  private async ended(seat: Seat, life: Life, error: Error | null): Promise<void> {
    const { worker } = seat;
    const hasStood = seat.state === 'up';
    seat.life = null;
    seat.state = 'down';
    this.owner.names.releaseAllOf(life.host);
    // Its last words, or what others have to say of those, may be that a connection lives on elsewhere.
    const heard = this.owner.heardLast(
      life.host,
      this.lives.map(({ host }) => host),
    );
    await inTime(heard, performance.now() + LAST_WORDS_TIMEOUT_MS, null);
    this.owner.lost(worker);
    if (this.isClosing || !this.hasStarted) return;
    seat.deaths++;
    publishWorker('death', { worker, host: life.host, error });
    if (!seat.intensity.allows(performance.now())) {
      seat.state = 'given-up';
      publishWorker('give-up', { worker, host: life.host, error });
      this.owner.givenUp(worker);
      return;
    }
    if (!hasStood) await sleep(RETRY_MS, undefined, { ref: false });
    if (this.isClosing) return;
    try {
      await this.begin(seat);
    } catch {
      // That life has ended as well, and is reported as this one was.
      return;
    }
    await this.owner.back(worker);
  }
}
