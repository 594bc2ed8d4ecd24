/** One thread's part of a runtime: its actor host, the mail links to the others, what they count. */
import { performance } from 'node:perf_hooks';
import { Reactor } from '../../reactor/reactor.js';
import type { DepthTable } from '../depth-table.js';
import { ActorHost, type ActorInfo } from '../host.js';
import type { SharedNames } from '../shared-names.js';
import type { HostActivity } from './control.js';
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
  constructor(id: number, name: string, table: DepthTable, names: SharedNames, config: ThreadConfig) {
    const { turnMessages, turnUs } = config;
    this.name = name;
    this.host = new ActorHost({ id, depths: table, names, turnMessages, turnUs });
    this.mail = new Mail(this.host);
    const reactor = Reactor.current();
    if (config.spinBudgetUs !== undefined) reactor.spinBudgetUs = config.spinBudgetUs;
    if (config.poller !== undefined) reactor.pollBy(config.poller, config.idleStrategy);
  }

  /** Takes this thread's end of the link to another host. */
  join(ticket: MailTicket): void {
    this.mail.join(ticket);
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
