/** One thread's part of a runtime: its actor host, the mail links to the others, what they count. */
import { performance } from 'node:perf_hooks';
import { Reactor } from '../../reactor/reactor.js';
import { ActorAddress } from '../address.js';
import type { DepthTable } from '../depth-table.js';
import { ActorHost, type ActorInfo } from '../host.js';
import type { HostActivity, NameEntry } from './control.js';
import { Mail, type MailStats } from './mail.js';
import type { ThreadConfig } from './options.js';
import type { ActorStats, StatsOptions, ThreadStats } from './stats.js';
import type { MailTicket } from './tickets.js';

/** See the top of this file. */
export class RuntimeThread {
  readonly host: ActorHost;
  readonly name: string;
  private readonly mail: Mail;

  /** @throws NativeUnavailableError, SystemError */
  constructor(id: number, name: string, table: DepthTable, config: ThreadConfig) {
    const { turnMessages, turnUs } = config;
    this.name = name;
    this.host = new ActorHost({ id, depths: table, turnMessages, turnUs });
    this.mail = new Mail(this.host);
    const reactor = Reactor.current();
    if (config.spinBudgetUs !== undefined) reactor.spinBudgetUs = config.spinBudgetUs;
    if (config.poller !== undefined) reactor.pollBy(config.poller, config.idleStrategy);
  }

  /** Takes this thread's end of the link to another host. */
  join(ticket: MailTicket): void {
    this.mail.join(ticket);
  }

  /** An actor of another host has that name. Here a name that was taken first stays with its actor. */
  named([name, text]: NameEntry): void {
    const { registry } = this.host;
    const address = ActorAddress.parse(text);
    const known = registry.lookup(name)?.address;
    // Its worker may have come back before we hear that it had died.
    if (known !== undefined && known.host !== this.host.id) registry.unregister(name, known);
    if (registry.lookup(name) === undefined) registry.register(name, this.host.ref(address));
  }

  /** All names that are known here. */
  names(): NameEntry[] {
    return this.host.registry.entries().map(([name, { address }]) => [name, address.toString()] as const);
  }

  stats({ perActor = false }: StatsOptions = {}): ThreadStats {
    return {
      name: this.name,
      host: this.host.id,
      ...this.host.stats(),
      mail: this.mail.stats(),
      ...(perActor ? { perActor: this.host.actors().map(statsOf) } : {}),
      eventLoopUtilization: performance.eventLoopUtilization(),
    };
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

  /** Gives up the links: the other hosts see this one end. */
  close(): void {
    this.mail.close();
  }
}

function statsOf({ address, parent, ...rest }: ActorInfo): ActorStats {
  return { address: address.toString(), parent: parent?.toString() ?? null, ...rest };
}
