/** One listener of a runtime: TCP/IP by the intake, companions beside it, one reception for the callers of both. */
import type { AddressInfo } from 'node:net';
import type { SwitchSocket } from '../../socket/socket.js';
import type { AnyBytes } from '../../socket/stream-socket.js';
import type { DecisionRecord } from '../../switch/decisions.js';
import type { SocketHandOver, SwitchOwner } from '../../switch/owner.js';
import type { Caller, CommonOptions, Companions, Placed } from '../../switch/requests.js';
import type { Switch } from '../../switch/switch.js';
import { publishListener, publishRefused } from '../runtime/channels.js';
import type { Connection, Ledger } from './ledger.js';
import { type IntakeCounters, IntakeListener } from './listener.js';
import type { RuntimeListenOptions } from './options.js';
import { OWN_WORKER, type Reception } from './reception.js';
import type { Arrival } from './setup.js';

/** A listener: one port, whose connections become actors, whichever provider they come by (rule 4.2). */
export interface RuntimeListener {
  /** Where it listens: the port is the real one. Null once it is closed. */
  address(): AddressInfo | null;
  /** Which companions listen beside TCP/IP, and why others don't. */
  readonly decision: DecisionRecord;
  /** Connections that its actors have, or that are on their way to a worker. */
  readonly connections: number;
  /** May be changed at any time; connections that stand are left alone. @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE */
  maxConnections: number | undefined;
  /** What it has done so far. */
  readonly counters: ListenerCounters;
  /**
   * Listens no more; connections that nobody has accepted yet are reset, those that actors have live on. Resolves when the last of
   * them has ended. The same promise each time.
   */
  close(): Promise<void>;
  /** Whether the listener keeps the event loop alive (it does unless `unref` was called). */
  ref(): this;
  unref(): this;
  /** `close()`. */
  [Symbol.asyncDispose](): Promise<void>;
}

/** Counters of one listener, since it was made. */
export interface ListenerCounters extends IntakeCounters {
  /** Connections that the worker could not open. */
  readonly refused: number;
}

/** What a listener needs of the runtime. */
export interface ListenerOwner {
  readonly id: number;
  /** Gives a connection to a worker. @returns false: it has ended */
  give(worker: number, arrival: Arrival): boolean;
  /** Whom the connections of a worker of the ledger are handed to. */
  ownerOf(worker: number): SwitchOwner;
  /** A connection that stands on this thread becomes an actor. @param ticket null: no ledger has it */
  begin(socket: SwitchSocket, ticket: number | null): void;
  /** It gets no more connections. */
  closing(): void;
  /** The last of its connections has ended after that. */
  ended(): void;
}

/** What a companion's caller is known by: in the ledger, or on this thread. */
type Tag = { readonly worker: number; readonly ticket: number } | { readonly left: () => void };

/** A SAN connection leaves nothing behind that would have to be closed. */
const SAN_CONNECTION: Connection = { close: () => true, release: () => {} };

/** See the top of this file. */
export class ActorListener implements RuntimeListener {
  private readonly owner: ListenerOwner;
  private readonly sw: Switch;
  private readonly tcp: IntakeListener;
  private readonly options: RuntimeListenOptions;
  private readonly socket: CommonOptions<AnyBytes>;
  private readonly unwatch: () => void;
  /** Null: there is no worker. Callers by a SAN are left to TCP/IP then, where they can wait. */
  private companions: Companions | null;
  private decided: DecisionRecord;
  private refused = 0;
  private closing: Promise<void> | null = null;

  private constructor(
    sw: Switch,
    owner: ListenerOwner,
    tcp: IntakeListener,
    options: RuntimeListenOptions,
    socket: CommonOptions<AnyBytes>,
  ) {
    this.sw = sw;
    this.owner = owner;
    this.tcp = tcp;
    this.options = options;
    this.socket = socket;
    this.companions = this.addCompanions();
    this.decided = this.companions.decision;
    this.unwatch = this.reception.ledger.watch(() => this.rosterChanged());
    this.rosterChanged();
    publishListener('open', { address: tcp.address() as AddressInfo, decision: this.decision });
  }

  /**
   * Starts to listen.
   * @throws as IntakeListener.open; ProviderRequiredError, SwitchClosedError
   */
  static async open(
    sw: Switch,
    ledger: Ledger,
    owner: ListenerOwner,
    options: RuntimeListenOptions,
    socket: CommonOptions<AnyBytes>,
  ): Promise<ActorListener> {
    const give = (worker: number, given: { ticket: number; fd: number }) =>
      owner.give(worker, { ...given, listener: owner.id });
    const tcp = await IntakeListener.open({ ...options, rejectsAll: !sw.takesTcp }, ledger, give);
    try {
      return new ActorListener(sw, owner, tcp, options, socket);
    } catch (error) {
      void tcp.close();
      throw error;
    }
  }

  address(): AddressInfo | null {
    return this.tcp.address();
  }

  get decision(): DecisionRecord {
    if (this.companions !== null) this.decided = this.companions.decision;
    return this.decided;
  }

  get connections(): number {
    return this.tcp.connections;
  }

  get maxConnections(): number | undefined {
    return this.tcp.maxConnections;
  }

  set maxConnections(limit: number | undefined) {
    this.tcp.maxConnections = limit;
  }

  get counters(): ListenerCounters {
    return { ...this.tcp.counters, refused: this.refused };
  }

  /** All workers have been given up: its application is told, and callers are turned away. */
  abandon(error: Error): void {
    if (this.closing !== null) return;
    this.tcp.abandon();
    this.reception.report(error);
  }

  get reception(): Reception {
    return this.tcp.reception;
  }

  ref(): this {
    this.tcp.ref();
    return this;
  }

  unref(): this {
    this.tcp.unref();
    return this;
  }

  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** A worker could not open a connection. */
  noteRefusal(): void {
    this.refused += 1;
    publishRefused(null, 'failed');
  }

  private async shutDown(): Promise<void> {
    const address = this.tcp.address() as AddressInfo;
    // Before the descriptor that they know the listener by.
    this.unwatch();
    this.companions?.close();
    const ended = this.tcp.close();
    this.owner.closing();
    publishListener('close', { address, decision: this.decision });
    await ended;
    this.owner.ended();
  }

  private rosterChanged(): void {
    const isServed = this.reception.ledger.workers.length > 0;
    if (isServed === (this.companions !== null)) return;
    // The last that its companions have said stays.
    this.decided = this.decision;
    this.companions?.close();
    this.companions = null;
    if (!isServed) return;
    try {
      this.companions = this.addCompanions();
    } catch (error) {
      this.reception.report(error as Error);
    }
  }

  private addCompanions(): Companions {
    const { options } = this;
    return this.sw.listenBeside<Tag>({
      ...this.socket,
      address: this.tcp.address() as AddressInfo,
      descriptor: this.tcp.descriptor,
      ipv6Only: options.ipv6Only,
      withheld: options.tls === undefined ? undefined : 'tls',
      place: (caller) => this.place(caller),
      connected: (accepted, tag) => this.connected(accepted, tag as Tag),
      handedOver: (connection, tag) => this.handedOver(connection, tag),
      withdrawn: (tag) => this.withdrawn(tag),
      failed: (error) => this.reception.report(error),
    });
  }

  /** Rule 4.3. A provider that hands nothing over has its connections on this thread. */
  private place(caller: Caller): false | Placed<Tag> {
    const { reception, sw } = this;
    if (!(caller.provider in sw.owner.keys)) {
      const left = reception.receiveHere(caller);
      return left !== null && { owner: sw.owner, tag: { left } };
    }
    const tag = reception.receive(caller, SAN_CONNECTION);
    return tag !== null && { owner: this.owner.ownerOf(tag.worker), tag };
  }

  private connected(socket: SwitchSocket, tag: Tag): void {
    if ('left' in tag) {
      socket.watchRelease(tag.left);
      this.owner.begin(socket, null);
      return;
    }
    const { ledger } = this.reception;
    const { worker, ticket } = tag;
    ledger.confirm(worker, ticket);
    if (worker === OWN_WORKER) {
      this.owner.begin(socket, ticket);
      return;
    }
    // That worker could not say, when it was asked, by what name this provider knows it: it gets none of these.
    socket.watchRelease(() => ledger.ended(worker, ticket));
    this.owner.begin(socket, null);
  }

  private handedOver(connection: SocketHandOver, tag: Tag): void {
    if ('left' in tag) return tag.left();
    const { id: listener } = this.owner;
    const { worker, ticket } = tag;
    if (!this.owner.give(worker, { listener, ticket, connection })) this.withdrawn(tag);
  }

  private withdrawn(tag: Tag): void {
    if ('left' in tag) tag.left();
    else this.reception.ledger.giveBack(tag.worker, tag.ticket);
  }
}
