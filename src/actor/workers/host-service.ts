/** A worker's side of the control plane. */
import { threadId } from 'node:worker_threads';
import { DepthTable } from '../depth-table.js';
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

  spawn({ url, args, name, mailbox, supervision }: SpawnRequest): Promise<Outcome<string>> {
    return outcomeOf(async () => {
      const definition = await loadActorModule(url);
      const { host } = this.thread;
      const unpacked = unpackArgs(args, (address) => host.ref(address));
      return host.spawn(definition, unpacked, { name, mailbox, supervision }).address.toString();
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

  stopActors(): Promise<void> {
    return this.thread.host.close();
  }

  end(): void {
    this.thread.close();
    this.over();
  }
}
