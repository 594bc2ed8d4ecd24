/** The actor runtime: actors on the calling thread and on worker threads, and mail between them. */
import { InvalidOptionError, RuntimeClosedError } from '../../errors.js';
import { nameThread } from '../../native/thread-name.js';
import type { ActorAddress } from '../address.js';
import { defineActor } from '../define.js';
import { DepthTable } from '../depth-table.js';
import type { EventStream } from '../events.js';
import type { Router, Routing } from '../router.js';
import { SharedNames } from '../shared-names.js';
import type { ActorDefinition, ActorRef, AnyRef, ArgsOf, MessageOf, StopReason } from '../types.js';
import { closeInOrder } from './closing.js';
import { Cluster } from './cluster.js';
import { inTime } from './in-time.js';
import { checkRuntimeOptions, optionsObject, type RuntimeConfig, type RuntimeOptions } from './options.js';
import { checkModuleUrl, checkSpawnOptions, checkWorker, type RuntimeSpawnOptions } from './placement.js';
import type { RuntimeStats, StatsOptions, WorkerStats } from './stats.js';
import { Supervisor } from './supervisor.js';
import { RuntimeThread } from './thread.js';

/** A worker that does not answer within this time is left out of `stats()`. */
const STATS_TIMEOUT_MS = 1_000;
/** The calling thread's part of addresses. */
const OWN_HOST = 0;

/** Any definition: what a module's type parameter is bound by. */
export interface AnyActorDefinition {
  readonly create: (args: never, context: never) => unknown;
}

type Create<M, A> = ActorDefinition<M, A>['create'];

/** See the top of this file. Made by `createRuntime`; keeps the process alive until it is closed. */
export class Runtime {
  /** Number of workers. */
  readonly workers: number;
  private readonly config: RuntimeConfig;
  private readonly thread: RuntimeThread;
  private readonly cluster: Cluster;
  private readonly supervisor: Supervisor;
  private readonly restoreName: () => void;
  private closing: Promise<void> | null = null;

  /** Starts nothing yet. @throws NativeUnavailableError, SystemError */
  private constructor(config: RuntimeConfig) {
    const table = new DepthTable();
    const names = new SharedNames(OWN_HOST);
    this.workers = config.workers;
    this.config = config;
    this.thread = new RuntimeThread(OWN_HOST, 'main', table, names, config.thread);
    this.cluster = new Cluster(config, {
      place: { host: OWN_HOST, table },
      join: (ticket) => this.thread.join(ticket),
      names,
      back: (worker) => this.supervisor.restart(worker),
      givenUp: (worker) => this.supervisor.givenUp(worker),
    });
    this.supervisor = new Supervisor(this.thread, this.cluster);
    this.restoreName = nameThread('main');
  }

  /** @see createRuntime */
  static async create(options?: RuntimeOptions): Promise<Runtime> {
    const runtime = new Runtime(checkRuntimeOptions(options));
    try {
      await runtime.cluster.start();
    } catch (error) {
      await runtime.close();
      throw error;
    }
    return runtime;
  }

  /**
   * Spawns an actor from its module on a worker: `runtime.spawn<typeof Echo>(new URL('./echo.js', import.meta.url), args)`.
   * Without the type parameter arguments and messages are not checked.
   * @throws NoBehaviourError: the module can't be loaded, or its default export is no actor; NameTakenError;
   *   NotSerializableError: the arguments can't be sent to another thread; WorkerDiedError; InvalidOptionError;
   *   RuntimeClosedError; what the actor's `create` throws (all as rejections)
   */
  spawn<D extends AnyActorDefinition = ActorDefinition<unknown, unknown>>(
    module: URL | string,
    args: ArgsOf<D>,
    options?: RuntimeSpawnOptions,
  ): Promise<ActorRef<MessageOf<D>>>;
  /** Spawns an actor on the calling thread: a definition or a function can't be sent to another. */
  spawn<M, A>(
    definition: ActorDefinition<M, A> | Create<M, A>,
    args: A,
    options?: RuntimeSpawnOptions,
  ): Promise<ActorRef<M>>;
  async spawn(
    what: URL | string | ActorDefinition<unknown, unknown> | Create<unknown, unknown>,
    args: unknown,
    given?: RuntimeSpawnOptions,
  ): Promise<ActorRef<unknown>> {
    if (this.closing !== null) throw new RuntimeClosedError();
    const options = checkSpawnOptions(given);
    if (typeof what === 'string' || what instanceof URL) {
      return this.supervisor.spawn(checkModuleUrl(what), args, options);
    }
    const { worker, ...local } = options;
    if (worker !== undefined) {
      throw new InvalidOptionError(
        'only an actor module, named by its URL, can be spawned on a worker: a function does not cross threads',
      );
    }
    return this.thread.host.spawn(defineActor(what), args, local);
  }

  /** The actor of that name: one spawned through this runtime, or registered on the calling thread. */
  lookup<M>(name: string): ActorRef<M> | undefined {
    return this.thread.host.registry.lookup<M>(name);
  }

  /** A live reference to an actor of any thread. */
  ref<M>(address: ActorAddress): ActorRef<M> {
    return this.thread.host.ref<M>(address);
  }

  /** Makes a router on the calling thread to actors of any. It lives until it is closed, or the runtime. @throws InvalidOptionError */
  router<M>(routing: Routing<M>, routees: readonly ActorRef<M>[]): Router<M> {
    return this.thread.host.router(routing, routees);
  }

  /** Stops an actor, wherever it lives. */
  stop(ref: AnyRef): void {
    this.thread.host.stop(ref);
  }

  /** Calls `ended` once when that actor has ended; at once if it has ended already. */
  watch(ref: AnyRef, ended: (address: ActorAddress, reason: StopReason) => void): void {
    this.thread.host.watch('address' in ref ? ref.address : ref, ended);
  }

  /** What is published on the calling thread. */
  get events(): EventStream {
    return this.thread.host.events;
  }

  /**
   * Ends a worker's thread at once, whatever it does, as if it had died; it comes back. For an actor that never returns.
   * @throws WorkerDiedError: it is not up; InvalidOptionError
   */
  terminateWorker(worker: number): void {
    this.cluster.life(checkWorker(worker, this.workers)).terminate('terminateWorker was called');
  }

  /** What all threads count. A worker that does not answer within a second is seen from outside only. */
  async stats(options: StatsOptions = {}): Promise<RuntimeStats> {
    optionsObject('the options of stats', options, ['perActor']);
    const workers = Array.from({ length: this.workers }, (_, worker) => this.workerStats(worker, options));
    return { main: this.thread.stats(options), workers: await Promise.all(workers) };
  }

  /**
   * Ends everything, in order: nothing more is spawned; what was told is handled; all actors stop, children first; the
   * workers end; the calling thread lets go of its links. What takes longer than `closeTimeoutMs` is cut short.
   * Never rejects; further calls return the same promise.
   */
  close(): Promise<void> {
    this.closing ??= closeInOrder(this.thread, this.cluster, this.supervisor, this.config.closeTimeoutMs).then(
      this.restoreName,
    );
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private async workerStats(worker: number, options: StatsOptions): Promise<WorkerStats> {
    const { state, deaths, life } = this.cluster.seat(worker);
    const deadline_ms = performance.now() + STATS_TIMEOUT_MS;
    // A worker that dies meanwhile does not answer either.
    const host = life === null ? null : await inTime(life.call('stats', options), deadline_ms, null).catch(() => null);
    const eventLoopUtilization = host?.eventLoopUtilization ?? life?.eventLoopUtilization() ?? null;
    return { worker, state, deaths, roots: this.supervisor.count(worker), eventLoopUtilization, host };
  }
}
