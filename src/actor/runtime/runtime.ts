/** The actor runtime: actors on the calling thread and on worker threads, and mail between them. */
import { InvalidOptionError, RuntimeClosedError } from '../../errors.js';
import { nameThread } from '../../native/thread-name.js';
import { type ActorAddress, addressOf } from '../address.js';
import { defineActor } from '../define.js';
import { DepthTable } from '../depth-table.js';
import type { EventStream } from '../events.js';
import {
  checkActor,
  checkConnectOptions,
  checkNames,
  type RuntimeConnectOptions,
  type RuntimeListenOptions,
} from '../intake/options.js';
import type { RuntimeListener } from '../intake/runtime-listener.js';
import { optionsObject } from '../options.js';
import type { Router, Routing } from '../router.js';
import { SharedNames } from '../shared-names.js';
import type { ActorDefinition, ActorRef, AnyRef, ArgsOf, MessageOf, StopReason } from '../types.js';
import { closeInOrder } from './closing.js';
import { Cluster } from './cluster.js';
import { OWN_HOST } from './host-number.js';
import { inTime } from './in-time.js';
import { Intake } from './intake.js';
import { checkRuntimeOptions, type RuntimeConfig, type RuntimeOptions } from './options.js';
import { checkModuleUrl, checkSpawnOptions, checkWorker, type RuntimeSpawnOptions } from './placement.js';
import { Rebalancer } from './rebalancer.js';
import type { RuntimeStats, StatsOptions, WorkerStats } from './stats.js';
import { Supervisor } from './supervisor.js';
import { RuntimeThread } from './thread.js';

/** A worker that does not answer within this time is left out of `stats()`. */
const STATS_TIMEOUT_MS = 1_000;

/** Any definition: what a module's type parameter is bound by. */
export interface AnyActorDefinition {
  readonly create: (args: never, context: never) => unknown;
}

/** A definition whose actors can be made from nothing. */
interface NeedsNoArgs {
  readonly create: (args: undefined, context: never) => unknown;
}

type Create<M, A> = ActorDefinition<M, A>['create'];

/** What an actor is made from; may be left out where it needs nothing. */
type ArgsOption<A> = undefined extends A ? { readonly args?: A } : { readonly args: A };

/** What `listen` and `connect` are told of an actor. */
interface AnyActorOption {
  readonly actor: URL | string | ActorDefinition<unknown, unknown> | Create<unknown, unknown>;
  readonly args?: unknown;
}

const NO_FUNCTION_ON_WORKER =
  'only an actor module, named by its URL, can be spawned on a worker: a function does not cross threads';

function isModule(what: unknown): what is URL | string {
  return typeof what === 'string' || what instanceof URL;
}

/** See the top of this file. Made by `createRuntime`; keeps the process alive until it is closed. */
export class Runtime {
  /** Number of workers. */
  readonly workers: number;
  private readonly config: RuntimeConfig;
  private readonly thread: RuntimeThread;
  private readonly cluster: Cluster;
  private readonly supervisor: Supervisor;
  private readonly intake: Intake;
  private readonly restoreName: () => void;
  private rebalancer: Rebalancer | null = null;
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
      heardLast: (host, peers) => this.thread.heardLast(host, peers),
      lost: (worker) => this.intake.lost(worker),
      back: async (worker) => {
        await Promise.all([this.intake.back(worker), this.supervisor.restart(worker)]);
      },
      givenUp: (worker) => {
        this.supervisor.givenUp(worker);
        this.intake.givenUp();
      },
    });
    this.supervisor = new Supervisor(this.thread, this.cluster);
    this.intake = new Intake(this.thread, this.cluster);
    this.restoreName = nameThread('main');
  }

  /** @see createRuntime */
  static async create(options?: RuntimeOptions): Promise<Runtime> {
    const runtime = new Runtime(checkRuntimeOptions(options));
    try {
      await runtime.cluster.start();
      const { config, cluster, thread } = runtime;
      if (config.rebalance !== null) runtime.rebalancer = new Rebalancer(config.rebalance, cluster, thread.host);
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
  /** The same for an actor that needs no arguments. */
  spawn<D extends NeedsNoArgs = ActorDefinition<unknown, unknown>>(
    module: URL | string,
  ): Promise<ActorRef<MessageOf<D>>>;
  /** Spawns an actor that needs no arguments on the calling thread. */
  spawn<M, A extends undefined>(definition: ActorDefinition<M, A> | Create<M, A>): Promise<ActorRef<M>>;
  /** Spawns an actor on the calling thread: a definition or a function can't be sent to another. */
  spawn<M, A>(
    definition: ActorDefinition<M, A> | Create<M, A>,
    args: A,
    options?: RuntimeSpawnOptions,
  ): Promise<ActorRef<M>>;
  async spawn(
    what: URL | string | ActorDefinition<unknown, unknown> | Create<unknown, unknown>,
    args?: unknown,
    given?: RuntimeSpawnOptions,
  ): Promise<ActorRef<unknown>> {
    this.assertOpen();
    const options = checkSpawnOptions(given);
    if (isModule(what)) {
      return this.supervisor.spawn(checkModuleUrl(what), args, options);
    }
    const { worker, ...local } = options;
    if (worker !== undefined) throw new InvalidOptionError(NO_FUNCTION_ON_WORKER);
    return this.thread.host.spawn(defineActor(what), args, local);
  }

  /**
   * Listens. Each connection, from TCP/IP or a SAN, becomes an actor of the module on a worker, by `placement`:
   * `runtime.listen<typeof Echo>({ port, actor: new URL('./echo.js', import.meta.url), args })`. TCP/IP needs the native part.
   * @throws what `net.Server.listen` gives for the same failure; NoBehaviourError: the module can't be loaded, or its default
   *   export is no actor; NotSerializableError: the arguments can't be sent to other threads; ProviderRequiredError;
   *   InvalidOptionError; RuntimeClosedError; NativeUnavailableError (all as rejections)
   */
  listen<D extends AnyActorDefinition = ActorDefinition<unknown, unknown>>(
    options: RuntimeListenOptions & { readonly actor: URL | string } & ArgsOption<ArgsOf<D>>,
  ): Promise<RuntimeListener>;
  /** The same with actors on the calling thread: a definition or a function can't be sent to another. */
  listen<M, A>(
    options: RuntimeListenOptions & { readonly actor: ActorDefinition<M, A> | Create<M, A> } & ArgsOption<A>,
  ): Promise<RuntimeListener>;
  async listen(given: RuntimeListenOptions & AnyActorOption): Promise<RuntimeListener> {
    this.assertOpen();
    const { actor, args, ...options } = checkNames('listen', given);
    const source = isModule(actor) ? checkModuleUrl(actor) : (defineActor(actor) as ActorDefinition<unknown, unknown>);
    return this.intake.listen(source, args, options);
  }

  /**
   * Connects, and makes an actor of the module of the connection, on a chosen or the least-loaded worker.
   * @returns when it is connected
   * @throws what `Switch.connect` throws, and what `spawn` does (all as rejections)
   */
  connect<D extends AnyActorDefinition = ActorDefinition<unknown, unknown>>(
    options: RuntimeConnectOptions & { readonly actor: URL | string } & ArgsOption<ArgsOf<D>>,
  ): Promise<ActorRef<MessageOf<D>>>;
  /** The same with an actor on the calling thread. */
  connect<M, A>(
    options: RuntimeConnectOptions & { readonly actor: ActorDefinition<M, A> | Create<M, A> } & ArgsOption<A>,
  ): Promise<ActorRef<M>>;
  async connect(given: RuntimeConnectOptions & AnyActorOption): Promise<ActorRef<unknown>> {
    this.assertOpen();
    const { actor, args, ...options } = checkNames('connect', given);
    const settings = checkConnectOptions(options);
    const { name, worker, mailbox, supervision } = options;
    if (isModule(actor)) {
      const spawn = checkSpawnOptions({ name, worker, mailbox, supervision });
      return this.supervisor.spawn(checkModuleUrl(actor), args, spawn, settings);
    }
    if (worker !== undefined) throw new InvalidOptionError(NO_FUNCTION_ON_WORKER);
    const spawn = { name, ...checkActor({ mailbox, supervision }, false) };
    return this.thread.connector.connect(defineActor(actor), args, spawn, settings);
  }

  /**
   * Moves an actor, and its sockets, to another worker: see `ActorContext.migrate`. @returns a reference to where it lives
   * then; what it had before goes on reaching it, as long as the worker lives that it leads to
   * @throws NotMovableError and whatever else kept it where it is; WorkerDiedError; InvalidOptionError; RuntimeClosedError
   *   (all as rejections)
   */
  async migrate<M>(ref: ActorRef<M>, worker: number): Promise<ActorRef<M>> {
    this.assertOpen();
    const address = addressOf(ref);
    const { host } = this.cluster.life(checkWorker(worker, this.workers));
    return new Promise((resolve, reject) => {
      this.thread.host.migrate(address, host, (home, error) => {
        if (home === null) reject(error);
        else resolve(this.thread.host.ref<M>(home));
      });
    });
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
    this.thread.host.watch(addressOf(ref), ended);
  }

  /** What is published on any thread of the runtime. */
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
    const listeners = this.intake.listeners.map((one) => {
      return { address: one.address(), connections: one.connections, counters: one.counters };
    });
    const rebalance = this.rebalancer?.stats ?? null;
    return { main: this.thread.stats(options), workers: await Promise.all(workers), listeners, rebalance };
  }

  /**
   * Ends everything, in order: nothing more is spawned, accepted or connected; what was told is handled; all sockets end
   * in order; all actors stop, children first; the workers end; the calling thread lets go of its links. What takes longer
   * than `closeTimeoutMs` is cut short: a socket is reset then. Never rejects; further calls return the same promise.
   */
  close(): Promise<void> {
    const { thread, cluster, supervisor, intake, config } = this;
    this.rebalancer?.stop();
    this.closing ??= closeInOrder(thread, cluster, supervisor, intake, config.closeTimeoutMs).then(this.restoreName);
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  private assertOpen(): void {
    if (this.closing !== null) throw new RuntimeClosedError();
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
