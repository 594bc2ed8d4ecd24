/** A runtime's listeners: which threads serve their connections, and what those say of them. */
import { randomBytes } from 'node:crypto';
import type { TlsOptions } from 'node:tls';
import { RuntimeClosedError, WorkerDiedError } from '../../errors.js';
import type { SwitchSocket } from '../../socket/socket.js';
import type { SwitchOwner } from '../../switch/owner.js';
import type { Switch } from '../../switch/switch.js';
import { Ledger } from '../intake/ledger.js';
import { checkActor, checkListenOptions, packListenerArgs, type RuntimeListenOptions } from '../intake/options.js';
import { OWN_WORKER } from '../intake/reception.js';
import { ActorListener, type ListenerOwner } from '../intake/runtime-listener.js';
import { socketOptions } from '../intake/service.js';
import type { ConnectionNews, ListenerSetup, SocketSettings } from '../intake/setup.js';
import { TlsEntrance } from '../intake/tls.js';
import type { AnyDefinition } from '../workers/load-module.js';
import type { Cluster } from './cluster.js';
import { OWN_HOST, workerOf } from './host-number.js';
import type { Life } from './life.js';
import { errorOf, resultOf } from './outcome.js';
import type { RuntimeThread } from './thread.js';

/** What a listener's actors are made from: the absolute URL of a module, or a definition of the calling thread. */
export type ActorSource = string | AnyDefinition;

const NO_WORKERS = 'all workers have died too often and are given up: nobody serves the connections of this listener';
/** What Node wants them to be. */
const TICKET_KEYS_BYTES = 48;

/** One listener. */
interface Entry {
  readonly id: number;
  /** For the workers; null: the calling thread serves. */
  readonly setup: ListenerSetup | null;
  readonly ledger: Ledger;
  listener: ActorListener | null;
  /** It gets no more connections. */
  isClosed: boolean;
  /** The calling thread serves what no worker can be given; null: there was nothing of that kind yet. */
  preparedHere: Promise<unknown> | null;
}

/** See the top of this file. */
export class Intake {
  private readonly thread: RuntimeThread;
  private readonly cluster: Cluster;
  /** Of the workers. */
  private readonly ledger = new Ledger();
  private readonly entries = new Map<number, Entry>();
  /** Whom connections are handed to, by worker: of those who are in the ledger. */
  private readonly owners = new Map<number, SwitchOwner>();
  private readonly openings = new Set<Promise<unknown>>();
  private lastId = 0;
  private isClosed = false;

  constructor(thread: RuntimeThread, cluster: Cluster) {
    this.thread = thread;
    this.cluster = cluster;
    thread.gate.handle('connection-news', (host, news) => this.told(host, news));
  }

  /** Starts to listen. @throws as Runtime.listen says */
  listen(source: ActorSource, args: unknown, options: RuntimeListenOptions): Promise<ActorListener> {
    const opening = this.begin(source, args, options);
    this.openings.add(opening);
    return opening.finally(() => this.openings.delete(opening));
  }

  /** Those that listen, or have connections. */
  get listeners(): ActorListener[] {
    return [...this.entries.values()].flatMap(({ listener }) => (listener === null ? [] : [listener]));
  }

  /** A worker is back: it gets connections when it knows all listeners. Never rejects. */
  async back(worker: number): Promise<void> {
    const { life } = this.cluster.seat(worker);
    if (life === null) return;
    this.join(life, await Promise.all(this.served.map((entry) => this.tryOn(life, entry))));
  }

  /** A worker's thread has ended. */
  lost(worker: number): void {
    if (this.owners.delete(worker)) this.ledger.lost(worker);
  }

  /** A worker does not come back. Without any nobody would ever serve those who wait for one. */
  givenUp(): void {
    if (!this.cluster.isGivenUp) return;
    for (const { listener } of this.served) listener?.abandon(new WorkerDiedError(NO_WORKERS));
  }

  /** Nobody listens any more; connections that stand live on. Never rejects. */
  async close(): Promise<void> {
    this.isClosed = true;
    for (const listener of this.listeners) void listener.close();
    await Promise.allSettled(this.openings);
  }

  private async begin(source: ActorSource, args: unknown, options: RuntimeListenOptions): Promise<ActorListener> {
    const socket = checkListenOptions(options);
    const actor = checkActor(options, typeof source === 'string');
    const id = ++this.lastId;
    const setup =
      typeof source === 'string'
        ? { id, url: source, args: packListenerArgs(args), actor, socket, tls: tlsOf(options) }
        : null;
    const ledger = setup === null ? new Ledger() : this.ledger;
    const entry: Entry = { id, setup, ledger, listener: null, isClosed: false, preparedHere: null };
    this.entries.set(id, entry);
    try {
      const sw = await this.thread.switch.open();
      if (typeof source === 'string') {
        await this.prepareAll(entry);
      } else {
        const tls = options.tls === undefined ? null : new TlsEntrance(options.tls);
        const service = {
          definition: source,
          args: () => args,
          spawn: actor,
          settings: socket,
          socket: socketOptions(socket),
          tls,
        };
        this.thread.door.serve(id, service);
        ledger.join(OWN_WORKER);
      }
      const listener = await this.open(sw, entry, options, socket);
      if (setup === null || !this.cluster.isGivenUp) return listener;
      void listener.close();
      throw new WorkerDiedError(NO_WORKERS);
    } catch (error) {
      this.entries.delete(id);
      this.forget(entry);
      throw error;
    }
  }

  private async open(
    sw: Switch,
    entry: Entry,
    options: RuntimeListenOptions,
    socket: SocketSettings,
  ): Promise<ActorListener> {
    if (this.isClosed) throw new RuntimeClosedError();
    const owner = this.ownerFor(entry, sw);
    const listener = await ActorListener.open(sw, entry.ledger, owner, options, socketOptions(socket));
    entry.listener = listener;
    if (!this.isClosed) return listener;
    await listener.close();
    throw new RuntimeClosedError();
  }

  private ownerFor(entry: Entry, sw: Switch): ListenerOwner {
    const { id, setup } = entry;
    const { gate } = this.thread;
    return {
      id,
      give: (worker, arrival) => {
        const host = setup === null ? OWN_HOST : this.cluster.seat(worker).life?.host;
        return host !== undefined && gate.tell(host, 'arrival', arrival);
      },
      // Who is in the ledger is among the owners.
      ownerOf: (worker) => (setup === null ? sw.owner : (this.owners.get(worker) as SwitchOwner)),
      begin: (socket, ticket) => void this.beginHere(entry, socket, ticket),
      closing: () => this.forget(entry),
      ended: () => this.entries.delete(id),
    };
  }

  /** A connection that stands on the calling thread becomes an actor there, whomever the listener's others are served by. */
  private async beginHere(entry: Entry, socket: SwitchSocket, ticket: number | null): Promise<void> {
    const { id, setup } = entry;
    const { door } = this.thread;
    try {
      if (setup !== null) {
        entry.preparedHere ??= door.prepare(setup).catch((error) => {
          // What kept it may have passed when the next one comes.
          entry.preparedHere = null;
          throw error;
        });
        await entry.preparedHere;
      }
      door.begin(id, socket, ticket);
      if (entry.isClosed) door.forget(id);
    } catch (error) {
      socket.abort();
      entry.listener?.reception.report(error as Error);
    }
  }

  /** All workers learn of a listener. @throws what kept the first one from it */
  private async prepareAll(entry: Entry): Promise<void> {
    const lives = this.cluster.up.map((worker) => this.cluster.life(worker));
    await Promise.all(lives.map((life) => this.introduce(life, entry)));
  }

  private async introduce(life: Life, entry: Entry): Promise<void> {
    // One that gets no connections yet must know of all listeners before it does.
    const others = this.owners.has(workerOf(life.host)) ? [] : this.served.filter((one) => one !== entry);
    const owners = [this.prepareOn(life, entry), ...others.map((one) => this.tryOn(life, one))];
    this.join(life, await Promise.all(owners));
  }

  /** The same for one whose failure is no failure of who asks: its own application hears of it. */
  private async tryOn(life: Life, entry: Entry): Promise<SwitchOwner | null> {
    try {
      return await this.prepareOn(life, entry);
    } catch (error) {
      // One that does not listen yet learns of it by its own call.
      entry.listener?.reception.report(error as Error);
      return null;
    }
  }

  /** One worker learns of one listener. @returns null: it has died meanwhile, or the listener is closed */
  private async prepareOn(life: Life, entry: Entry): Promise<SwitchOwner | null> {
    try {
      const owner = resultOf(await life.call('prepare', entry.setup as ListenerSetup));
      if (!entry.isClosed) return owner;
      this.thread.gate.tell(life.host, 'listener-closed', { listener: entry.id });
    } catch (error) {
      if (!(error instanceof WorkerDiedError)) throw error;
    }
    return null;
  }

  /** A worker gets connections from now on. @param owners what it has answered for each listener */
  private join(life: Life, owners: readonly (SwitchOwner | null)[]): void {
    const worker = workerOf(life.host);
    const owner = owners.find((one) => one !== null);
    if (!owner || this.cluster.seat(worker).life !== life || this.owners.has(worker)) return;
    this.owners.set(worker, owner);
    this.ledger.join(worker);
  }

  /** Those that workers serve. */
  private get served(): Entry[] {
    return [...this.entries.values()].filter(({ setup }) => setup !== null);
  }

  /** No more connections of that listener come to any thread. */
  private forget(entry: Entry): void {
    if (entry.isClosed) return;
    entry.isClosed = true;
    const { id, setup } = entry;
    const { door, gate } = this.thread;
    door.forget(id);
    if (setup === null) return;
    for (const worker of this.cluster.up) {
      gate.tell(this.cluster.life(worker).host, 'listener-closed', { listener: id });
    }
  }

  private told(host: number, { listener: id, ticket, what, thrown, ...move }: ConnectionNews): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    const { ledger, listener } = entry;
    const worker = workerOf(host);
    if (what === 'opened') ledger.confirm(worker, ticket);
    else if (what === 'ended') ledger.ended(worker, ticket);
    else if (what === 'moved') this.moved(ledger, ticket, move);
    else if (what === 'refused' && ledger.giveBack(worker, ticket)) listener?.noteRefusal();
    if (thrown !== undefined) listener?.reception.report(errorOf(thrown) as Error);
  }

  /** Where a worker is in no books yet, what moves to it leaves them; and so does what moved to a former life of it. */
  private moved(ledger: Ledger, ticket: number, { from = OWN_HOST, to = OWN_HOST, moves = 0 }: Move): void {
    const worker = workerOf(to);
    const isKnown = ledger.workers.some((load) => load.worker === worker);
    const { life } = this.cluster.seat(worker);
    // One that has died and is still in the books may have let it go on.
    if (isKnown && (life === null || life.host === to)) ledger.moved(ticket, worker, moves);
    else ledger.ended(workerOf(from), ticket);
  }
}

type Move = Pick<ConnectionNews, 'from' | 'to' | 'moves'>;

/** The same ticket keys for all threads, so that a session is resumed on whichever of them its next connection comes to. */
function tlsOf({ tls }: RuntimeListenOptions): TlsOptions | undefined {
  return tls === undefined ? undefined : { ticketKeys: randomBytes(TICKET_KEYS_BYTES), ...tls };
}
