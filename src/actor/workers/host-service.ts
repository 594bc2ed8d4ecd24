/** A worker's side of the control plane. */
import { threadId } from 'node:worker_threads';
import type { SwitchOwner } from '../../switch/owner.js';
import { DepthTable } from '../depth-table.js';
import type { ListenerSetup } from '../intake/setup.js';
import { unpackArgs } from '../runtime/args.js';
import type { HostActivity, HostControl, HostTask, SpawnRequest } from '../runtime/control.js';
import { type Outcome, outcomeOf } from '../runtime/outcome.js';
import type { StatsOptions, ThreadStats } from '../runtime/stats.js';
import { RuntimeThread } from '../runtime/thread.js';
import type { MailTicket } from '../runtime/tickets.js';
import { SharedNames } from '../shared-names.js';
import { loadActorModule } from './load-module.js';

/** Serves one life of a worker. */
export class HostService implements HostControl {
  private readonly thread: RuntimeThread;
  private readonly over: () => void;

  /** @param over to be called when the task has ended @throws NativeUnavailableError, SystemError */
  constructor(task: HostTask, over: () => void) {
    this.over = over;
    this.thread = new RuntimeThread(
      task.host,
      task.name,
      new DepthTable(task.table),
      new SharedNames(task.host, task.names),
      task.config,
    );
    for (const ticket of task.tickets) this.thread.join(ticket);
  }

  started(): number {
    return threadId;
  }

  spawn({ url, args, name, mailbox, supervision, connect }: SpawnRequest): Promise<Outcome<string>> {
    return outcomeOf(async () => {
      const definition = await loadActorModule(url);
      const { host, connector } = this.thread;
      const unpacked = unpackArgs(args, (address) => host.ref(address));
      const options = { name, mailbox, supervision, module: url };
      const ref =
        connect === undefined
          ? host.spawn(definition, unpacked, options)
          : await connector.connect(definition, unpacked, options, connect);
      return ref.address.toString();
    });
  }

  join(ticket: MailTicket): void {
    this.thread.join(ticket);
  }

  stats(options: StatsOptions): ThreadStats {
    return this.thread.stats(options);
  }

  activity(): HostActivity {
    return this.thread.activity();
  }

  prepare(setup: ListenerSetup): Promise<Outcome<SwitchOwner>> {
    return outcomeOf(() => this.thread.door.prepare(setup));
  }

  stopConnecting(): void {
    this.thread.connector.stop();
  }

  closeSockets(): Promise<void> {
    return this.thread.closeSockets();
  }

  stopActors(): Promise<void> {
    return this.thread.stopActors();
  }

  async end(): Promise<void> {
    await this.thread.close();
    this.over();
  }
}
