/** One thread's part of a runtime: its actor host, the mail links to the others, what they count. */
import { performance } from 'node:perf_hooks';
import { type Pollable, Reactor } from '../../reactor/reactor.js';
import type { ThreadFigures } from '../../stats/counters-page.js';
import { addCounterSource, type CounterSource, removeCounterSource } from '../../stats/publisher.js';
import { setWakes } from '../../switch/published.js';
import type { DepthTable } from '../depth-table.js';
import type { AudienceNotice, EventRelay } from '../event-relay.js';
import { ActorHost, type ActorInfo } from '../host.js';
import { Connector } from '../intake/connect.js';
import { Door } from '../intake/door.js';
import { Passage } from '../intake/passage.js';
import type { SharedNames } from '../shared-names.js';
import { loadActorModule } from '../workers/load-module.js';
import type { HostActivity } from './control.js';
import type { Gate } from './gate.js';
import { OWN_HOST, workerOf } from './host-number.js';
import { LastWords } from './last-words.js';
import { Mail, type MailStats } from './mail.js';
import type { ThreadConfig } from './options.js';
import type { ActorStats, StatsOptions, ThreadStats } from './stats.js';
import { ThreadSwitch } from './thread-switch.js';
import type { MailTicket } from './tickets.js';

declare module './gate.js' {
  interface GateSubjects {
    'event-audience': AudienceNotice;
  }
}

/** How long an actor may take until it can leave its worker. */
const MOVE_TIMEOUT_MS = 10_000;

/** See the top of this file. */
export class RuntimeThread implements Pollable, CounterSource {
  readonly host: ActorHost;
  readonly name: string;
  readonly switch: ThreadSwitch;
  /** Where connections come in that were accepted elsewhere. */
  readonly door: Door;
  readonly connector: Connector;
  private readonly mail: Mail;
  private readonly relay: EventRelay;
  private readonly lastWords: LastWords;
  private readonly reactor: Reactor;

  /** @throws NativeUnavailableError, SystemError */
  constructor(id: number, name: string, table: DepthTable, names: SharedNames, config: ThreadConfig) {
    const { turnMessages, turnUs } = config;
    this.name = name;
    this.host = new ActorHost({ id, depths: table, names, turnMessages, turnUs });
    this.mail = new Mail(this.host);
    const { gate } = this.mail;
    this.relay = this.host.relayEvents((host, notice) => {
      for (const one of host === null ? this.mail.peers() : [host]) gate.tell(one, 'event-audience', notice);
    });
    gate.handle('event-audience', (_, notice) => this.relay.noticed(notice));
    gate.watch((host) => this.relay.left(host));
    this.lastWords = new LastWords(gate, (host) => this.mail.unlinked(host));
    this.switch = new ThreadSwitch(config.switch);
    this.door = new Door(this.host, this.switch, (news) => void gate.tell(OWN_HOST, 'connection-news', news));
    this.connector = new Connector(this.host, this.switch);
    gate.handle('arrival', (_, arrival) => this.door.arrived(arrival));
    gate.handle('listener-closed', (_, { listener }) => this.door.forget(listener));
    this.host.join({
      gate,
      sockets: new Passage(this.switch, this.door),
      hostOf: (worker) => this.hostOf(worker),
      load: (module, done, failed) => void loadActorModule(module).then(done).catch(failed),
      timeoutMs: MOVE_TIMEOUT_MS,
    });
    this.reactor = Reactor.current();
    // A reactor without pollables closes, and another one would know nothing of its settings: links come and go.
    this.reactor.addPollable(this);
    if (config.spinBudgetUs !== undefined) this.reactor.spinBudgetUs = config.spinBudgetUs;
    if (config.poller !== undefined) this.reactor.pollBy(config.poller, config.idleStrategy);
    addCounterSource(this);
  }

  /** How the runtime's parts on other threads are told things. */
  get gate(): Gate {
    return this.mail.gate;
  }

  /** When here, and on those of `peers` that live, all has been handled that a dead host had told. Never rejects. */
  heardLast(host: number, peers: readonly number[]): Promise<void> {
    return this.lastWords.heard(host, peers);
  }

  /** Takes this thread's end of the link to another host. */
  join(ticket: MailTicket): void {
    this.mail.join(ticket);
    this.relay.joined(ticket.peer);
  }

  stats({ perActor = false }: StatsOptions = {}): ThreadStats {
    return {
      name: this.name,
      host: this.host.id,
      ...this.host.stats(),
      mail: this.mail.stats(),
      eventsMissed: this.relay.missed,
      reactor: this.reactor.stats(),
      switch: this.switch.current?.stats() ?? null,
      ...(perActor ? { perActor: this.host.actors().map(statsOf) } : {}),
      eventLoopUtilization: performance.eventLoopUtilization(),
    };
  }

  get threadName(): string {
    return this.name;
  }

  /** See CounterSource. */
  addFigures(figures: ThreadFigures): void {
    const { actors, restarts } = this.host.stats();
    const { total, most } = this.host.depthsNow();
    figures.actors += actors;
    figures.actorRestarts += restarts;
    figures.mailboxDepth += total;
    figures.mailboxDepthMost = Math.max(figures.mailboxDepthMost, most);
    setWakes(figures);
  }

  activity(): HostActivity {
    const { handled } = this.host.stats();
    const links = this.mail.stats();
    const sum = (of: (link: MailStats) => number) => links.reduce((total, link) => total + of(link), 0);
    return {
      pending: this.host.countPending() + sum(({ waiting }) => waiting),
      handled,
      sent: sum(({ sent }) => sent),
      received: sum(({ received }) => received),
    };
  }

  /** The host of a worker, in its latest life that this thread knows of. */
  private hostOf(worker: number): number | null {
    if (workerOf(this.host.id) === worker) return this.host.id;
    return [...this.mail.peers()].filter((host) => workerOf(host) === worker).at(-1) ?? null;
  }

  /** Ends all sockets in order, each within its time. */
  async closeSockets(): Promise<void> {
    await this.host.closeSockets();
    await this.switch.idle();
  }

  /** Stops all actors. The time that sockets had to end in is over. */
  stopActors(): Promise<void> {
    this.door.close();
    this.switch.current?.resetSockets();
    return this.host.close();
  }

  /** Resets the sockets that are still open, and gives up the links: the other hosts see this one end. Never rejects. */
  async close(): Promise<void> {
    await this.switch.close();
    this.mail.close();
    removeCounterSource(this);
    this.reactor.removePollable(this);
  }

  /** The work is its links'. */
  poll(): number {
    return 0;
  }

  beforeSleep(): number {
    return 0;
  }
}

function statsOf({ address, parent, ...rest }: ActorInfo): ActorStats {
  return { address: address.toString(), parent: parent?.toString() ?? null, ...rest };
}
