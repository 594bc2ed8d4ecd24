/** The actors that are spawned from modules on workers: under which names, and what becomes of them when a worker dies. */
import { InvalidOptionError, NotSerializableError, WorkerDiedError } from '../../errors.js';
import { ActorAddress } from '../address.js';
import type { ConnectSettings } from '../intake/options.js';
import type { ActorRef } from '../types.js';
import { packArgs } from './args.js';
import { publishLost } from './channels.js';
import type { Cluster } from './cluster.js';
import type { SpawnRequest } from './control.js';
import { workerOf } from './host-number.js';
import { resultOf } from './outcome.js';
import { place, type RuntimeSpawnOptions } from './placement.js';
import { type Root, Roots } from './roots.js';
import type { RuntimeThread } from './thread.js';

/** See the top of this file. */
export class Supervisor {
  private readonly thread: RuntimeThread;
  private readonly cluster: Cluster;
  private readonly roots: Roots;
  private readonly spawns = new Set<Promise<unknown>>();
  /** Actors that are being spawned, by worker. */
  private readonly underWay = new Map<number, number>();

  constructor(thread: RuntimeThread, cluster: Cluster) {
    this.thread = thread;
    this.cluster = cluster;
    this.roots = new Roots(cluster.size);
    thread.gate.handle('moved', (_, { from, to }) => this.moved(from, to));
  }

  /**
   * Spawns an actor. @param url absolute @param connect the connection that it is to have
   * @throws as Runtime.spawn and Runtime.connect say
   */
  async spawn(
    url: string,
    args: unknown,
    options: RuntimeSpawnOptions,
    connect?: ConnectSettings,
  ): Promise<ActorRef<unknown>> {
    const { name, mailbox, supervision } = options;
    if (supervision?.decide !== undefined) {
      throw new InvalidOptionError('supervision.decide is a function, which does not cross threads');
    }
    const worker = place(options.worker, this.cluster.size, this.cluster.up, (one) => this.load(one));
    const packed = packArgs(args);
    if (supervision !== undefined && packed.transfers.length > 0) {
      throw new NotSerializableError('the arguments of a supervised actor hold what can be handed over only once');
    }
    const request: SpawnRequest = { url, args: packed, name, mailbox, supervision, connect };
    if (name !== undefined) this.thread.host.registry.check(name);
    return this.spawnOn(worker, request);
  }

  /** A worker is back: its supervised actors start again. Never rejects. */
  async restart(worker: number): Promise<void> {
    for (const root of this.roots.toRestart(worker, performance.now())) {
      // It has died again: all this is gone through once more when it is back.
      if (!(await this.startAgain(root))) return;
    }
  }

  /** @returns false: its worker is not up */
  private async startAgain(root: Root): Promise<boolean> {
    const { worker, request } = root;
    try {
      root.address = await this.spawnThere(worker, request);
      this.keep(root);
    } catch (error) {
      if (error instanceof WorkerDiedError) return false;
      this.roots.forget(root);
      publishLost({ worker, url: request.url, name: request.name ?? null, error });
    }
    return true;
  }

  /** An actor lives on another worker now, whose death is what matters to it from then on. */
  private moved(from: ActorAddress, to: ActorAddress): void {
    const root = this.roots.find(from);
    if (root === undefined) return;
    this.roots.move(root, workerOf(to.host), to);
    const { life, state } = this.cluster.seat(root.worker);
    if (life?.host === to.host) this.keep(root);
    // That worker has died before we heard of the move. If it is not back yet, it starts all its actors when it is.
    else if (state === 'given-up') this.roots.forget(root);
    else if (state === 'up' && this.roots.mayRestart(root, performance.now())) void this.startAgain(root);
  }

  /** A worker does not come back, and its actors neither. */
  givenUp(worker: number): void {
    this.roots.forgetAll(worker);
  }

  /** When the actors that are being spawned stand, or never will. */
  async settled(): Promise<void> {
    while (this.spawns.size > 0) await Promise.allSettled(this.spawns);
  }

  /** Actors that were spawned on a worker and live, or will again. */
  count(worker: number): number {
    return this.roots.count(worker);
  }

  /** These, and those that are being spawned there. */
  private load(worker: number): number {
    return this.count(worker) + (this.underWay.get(worker) ?? 0);
  }

  private async spawnOn(worker: number, request: SpawnRequest): Promise<ActorRef<unknown>> {
    const { underWay } = this;
    underWay.set(worker, (underWay.get(worker) ?? 0) + 1);
    try {
      const address = await this.spawnThere(worker, request);
      this.keep(this.roots.add(worker, request, address));
      return this.thread.host.ref(address);
    } finally {
      underWay.set(worker, (underWay.get(worker) ?? 0) - 1);
    }
  }

  private async spawnThere(worker: number, request: SpawnRequest): Promise<ActorAddress> {
    const spawned = this.cluster.life(worker).spawn(request);
    this.spawns.add(spawned);
    try {
      return ActorAddress.parse(resultOf(await spawned));
    } finally {
      this.spawns.delete(spawned);
    }
  }

  /** Waits for the end of an actor that has just been spawned. */
  private keep(root: Root): void {
    const { address } = root;
    this.thread.host.watch(address, (_, reason) => this.roots.ended(root, address, reason));
  }
}
