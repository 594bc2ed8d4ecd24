/** One life of a worker thread: from the beginning of its task to its end, whatever ends it. */
import { once } from 'node:events';
import type { EventLoopUtilization } from 'node:perf_hooks';
import { MessageChannel, type MessagePort, type TransferListItem, type Worker } from 'node:worker_threads';
import { releaseProxy, transfer, wrap } from 'comlink';
import nodeEndpoint from 'comlink/dist/esm/node-adapter.mjs';
import { NotSerializableError, WorkerDiedError } from '../../errors.js';
import { DepthTable } from '../depth-table.js';
import type { HostControl, HostTask, SpawnRequest } from './control.js';
import type { Outcome } from './outcome.js';
import type { ThreadPool } from './thread-pool.js';
import { type Offer, transfersOf } from './tickets.js';

/** What a call of the control plane answers. */
export type Answer<K extends keyof HostControl> = Awaited<ReturnType<HostControl[K]>>;
type Calls = { readonly [K in keyof HostControl]: (...args: Parameters<HostControl[K]>) => Promise<Answer<K>> };

/** What a life begins with, beside what it makes itself. */
export type LifeTask = Omit<HostTask, 'table' | 'control' | 'tickets'>;

/** See the top of this file. Made first, so that tickets to it can be made; then launched. */
export class Life {
  readonly host: number;
  /** Of the thread. */
  readonly name: string;
  readonly table = new DepthTable();
  /** Settles when the thread's task has ended: null in order, otherwise what it died of. Never rejects. */
  readonly ended: Promise<Error | null>;
  private readonly port: MessagePort;
  private readonly farPort: MessagePort;
  private readonly calls: Calls;
  private readonly release: () => void;
  private readonly killer = new AbortController();
  /** Not settled yet. */
  private readonly offers = new Set<Offer>();
  /** Rejects the calls that wait for an answer. */
  private readonly waiting = new Set<(error: Error) => void>();
  private settle!: (error: Error | null) => void;
  private isOver = false;
  private thread: Worker | undefined;

  constructor(host: number, name: string) {
    const { port1, port2 } = new MessageChannel();
    this.host = host;
    this.name = name;
    this.port = port1;
    this.farPort = port2;
    const remote = wrap<HostControl>(nodeEndpoint(port1));
    this.calls = remote as unknown as Calls;
    this.release = () => remote[releaseProxy]();
    this.ended = new Promise((resolve) => {
      this.settle = resolve;
    });
  }

  /** Has a thread take the task. @returns when its host stands @throws what the thread died of, or failed of */
  launch(pool: ThreadPool, task: LifeTask, offers: readonly Offer[]): Promise<void> {
    const tickets = offers.map(({ ticket }) => ticket);
    const posted: HostTask = { ...task, table: this.table.memory, control: this.farPort, tickets };
    const transfers: TransferListItem[] = [this.farPort, ...offers.map(transfersOf)];
    for (const offer of offers) this.offers.add(offer);
    pool.run(posted, transfers, this.killer.signal).then(
      () => this.over(null),
      (error: Error) => this.over(error),
    );
    return this.call('started').then((threadId) => {
      this.thread = pool.thread(threadId);
      this.settleOffers(offers);
    });
  }

  /** It is over before it was launched. */
  abandon(error: Error): void {
    void this.over(error);
  }

  /** Calls the host. @throws WorkerDiedError: it ends before it answers; DataCloneError: the arguments can't be posted */
  call<K extends keyof HostControl>(method: K, ...args: Parameters<HostControl[K]>): Promise<Answer<K>> {
    return new Promise((resolve, reject) => {
      if (this.isOver) throw this.deathOf(null);
      this.waiting.add(reject);
      const call = this.calls[method] as (...args: unknown[]) => Promise<Answer<K>>;
      call(...args)
        .then(resolve, reject)
        .finally(() => this.waiting.delete(reject));
    });
  }

  /** Spawns an actor. @throws as `call`; NotSerializableError: the arguments can't be posted */
  async spawn(request: SpawnRequest): Promise<Outcome<string>> {
    try {
      return await this.call('spawn', transfer(request, request.args.transfers as never[]));
    } catch (cause) {
      if (cause instanceof WorkerDiedError) throw cause;
      throw new NotSerializableError(`an actor's arguments can't be sent: ${(cause as Error).message}`, { cause });
    }
  }

  /** Gives the host its end of the link to another one that has come back. */
  join(offer: Offer): Promise<void> {
    this.offers.add(offer);
    return this.call('join', transfer(offer.ticket, [transfersOf(offer) as never])).finally(() =>
      this.settleOffers([offer]),
    );
  }

  /** Ends the thread, whatever it does; `ended` tells when. */
  terminate(why: string, cause?: Error): void {
    this.killer.abort(new WorkerDiedError(`${this.name} was ended: ${why}`, { cause }));
  }

  /** How busy the thread is, even when it does not answer. */
  eventLoopUtilization(): EventLoopUtilization | null {
    return this.thread?.performance.eventLoopUtilization() ?? null;
  }

  private settleOffers(offers: Iterable<Offer>): void {
    for (const offer of offers) if (this.offers.delete(offer)) offer.settle();
  }

  private deathOf(error: Error | null): Error {
    return new WorkerDiedError(`${this.name} has ended${error === null ? '' : `: ${error.message}`}`, {
      cause: error ?? undefined,
    });
  }

  private async over(cause: Error | null): Promise<void> {
    const { aborted, reason } = this.killer.signal;
    const error: Error | null = aborted ? reason : cause;
    this.isOver = true;
    // comlink would wait for answers for ever, and hold on to whoever waits.
    this.release();
    this.port.close();
    // Whoever waits at the other end of a link learns from its socket that nobody is here.
    this.settleOffers([...this.offers]);
    for (const reject of this.waiting) reject(this.deathOf(error));
    this.waiting.clear();
    // The task of a thread that is being ended is over before the thread is. One that has ended has the number -1.
    if (error !== null && this.thread !== undefined && this.thread.threadId !== -1) await once(this.thread, 'exit');
    this.settle(error);
  }
}
