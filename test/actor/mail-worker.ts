// A worker thread with the other end of a mail link.
import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { MailPair } from '#src/actor/mail/pair.js';
import type { PollerKind } from '#src/reactor/poller-kind.js';
import { CONTROL_SLOT, type Command, Party, slotOf } from './mail-party.js';

const module = join(process.cwd(), 'build', 'test', 'fixtures', 'mail-peer.js');

/** What a peer says when all that it expected has come. */
export interface Report {
  readonly came: number;
  readonly errors: readonly string[];
}

/** What can be chosen. */
export interface PeerOptions {
  readonly ringBytes?: number;
  readonly spinBudgetUs?: number;
  readonly poller?: PollerKind;
}

/** This side, and the thread of the other one. */
export class MailPeer {
  readonly party: Party;
  readonly worker: Worker;
  private reported: ((report: Report) => void) | null = null;

  private constructor(party: Party, worker: Worker) {
    this.party = party;
    this.worker = worker;
    party.other = (slot, message) => {
      if (slot === CONTROL_SLOT) this.reported?.(message as Report);
    };
  }

  static async start({ ringBytes, spinBudgetUs = 50, poller = 'inline' }: PeerOptions = {}): Promise<MailPeer> {
    const pair = new MailPair(ringBytes);
    const [own, others] = pair.ends;
    const worker = new Worker(module, {
      workerData: { end: others, spinBudgetUs, poller },
      transferList: [others.port],
    });
    await once(worker, 'message');
    const party = new Party(own);
    pair.close();
    party.link.reactor.spinBudgetUs = spinBudgetUs;
    party.link.reactor.pollBy(poller);
    return new MailPeer(party, worker);
  }

  command(command: Command): void {
    this.party.link.tell(slotOf(CONTROL_SLOT), command, null, null);
  }

  /** The peer's next report. */
  report(): Promise<Report> {
    return new Promise((resolve) => {
      this.reported = resolve;
    });
  }

  /** Ends the thread. */
  async stop(): Promise<void> {
    this.party.link.close();
    await this.worker.terminate();
  }
}

/** A link of this thread with itself. */
export function pairHere(ringBytes?: number) {
  const pair = new MailPair(ringBytes);
  const [here, there] = pair.ends.map((end) => new Party(end)) as [Party, Party];
  pair.close();
  const close = (): void => {
    here.link.close();
    there.link.close();
  };
  return { here, there, memory: pair.ends[0].memory, close };
}
