/** All mail between this thread and the others of its runtime. */
import type { ActorAddress } from '../address.js';
import type { ActorHost } from '../host.js';
import type { RemoteMail, Signal } from '../remote.js';
import type { TellResult } from '../types.js';
import { Correspondent } from './correspondent.js';
import type { MailTicket } from './tickets.js';

/** Counters of one mail link, since it was made. */
export interface MailStats {
  /** The other thread's part of addresses. */
  readonly peer: number;
  /** Messages and signals. */
  readonly sent: number;
  readonly received: number;
  /** Of those sent, what waits on this side, for the ring is full. */
  readonly waiting: number;
}

/** See the top of this file. */
export class Mail implements RemoteMail {
  private readonly host: ActorHost;
  /** By the other hosts' part of addresses. */
  private readonly correspondents = new Map<number, Correspondent>();
  /** Hosts that have ended. */
  private readonly gone = new Set<number>();
  private last: Correspondent | undefined;

  constructor(host: ActorHost) {
    this.host = host;
    host.outside = this;
  }

  /** Takes this thread's end of a link. @throws SystemError, NativeUnavailableError */
  join(ticket: MailTicket): void {
    this.correspondents.set(ticket.peer, new Correspondent(ticket, this.host, (peer) => this.left(peer)));
  }

  tell(address: ActorAddress, message: unknown, sender: ActorAddress | null): TellResult {
    const { last } = this;
    const correspondent = last?.peer === address.host ? last : this.find(address.host);
    return correspondent === undefined ? 'refused' : correspondent.tell(address, message, sender);
  }

  signal(address: ActorAddress, signal: Signal): void {
    const correspondent = this.find(address.host);
    if (correspondent !== undefined) correspondent.signal(address, signal);
    else if (signal.kind === 'watch') {
      const { slot, generation } = signal.from;
      const reason = this.gone.has(address.host) ? 'worker-died' : 'unknown';
      this.host.signalled(slot, generation, { kind: 'terminated', from: address, reason });
    }
  }

  depth(address: ActorAddress): number {
    return this.find(address.host)?.depth(address.slot) ?? Number.POSITIVE_INFINITY;
  }

  stats(): MailStats[] {
    return [...this.correspondents.values()].map(({ peer, link: { sent, received, waiting } }) => ({
      peer,
      sent,
      received,
      waiting,
    }));
  }

  /** Gives up all links: the other hosts see this one end. */
  close(): void {
    this.host.outside = null;
    for (const { link } of this.correspondents.values()) link.close();
    this.correspondents.clear();
    this.last = undefined;
  }

  private find(host: number): Correspondent | undefined {
    this.last = this.correspondents.get(host);
    return this.last;
  }

  private left(peer: number): void {
    this.correspondents.delete(peer);
    this.last = undefined;
    this.gone.add(peer);
    this.host.hostDied(peer);
  }
}
