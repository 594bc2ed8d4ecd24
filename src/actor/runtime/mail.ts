/** All mail between this thread and the others of its runtime. */
import type { ActorAddress } from '../address.js';
import type { ActorHost } from '../host.js';
import { answerForNobody, type Refusal, type RemoteMail, type Signal } from '../remote.js';
import type { TellResult } from '../types.js';
import { Correspondent } from './correspondent.js';
import { Gate } from './gate.js';
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
  readonly gate: Gate;
  private readonly host: ActorHost;
  /** By the other hosts' part of addresses. */
  private readonly correspondents = new Map<number, Correspondent>();
  /** Those who wait for a host's end to be seen here. */
  private readonly unlinking = new Map<number, () => void>();
  /** Hosts that have ended. */
  private readonly gone = new Set<number>();
  private last: Correspondent | undefined;

  constructor(host: ActorHost) {
    this.host = host;
    this.gate = new Gate(host.id, (other, subject, body) => this.find(other)?.tellGate(subject, body) ?? false);
    host.outside = this;
  }

  /** Takes this thread's end of a link. @throws SystemError, NativeUnavailableError */
  join(ticket: MailTicket): void {
    const left = (peer: number) => this.left(peer);
    this.correspondents.set(ticket.peer, new Correspondent(ticket, this.host, this.gate, left));
  }

  /** The other hosts that there is a link to. */
  peers(): Iterable<number> {
    return this.correspondents.keys();
  }

  tell(address: ActorAddress, message: unknown, sender: ActorAddress | null): TellResult {
    const { last } = this;
    const correspondent = last?.peer === address.host ? last : this.find(address.host);
    return correspondent === undefined ? 'refused' : correspondent.tell(address, message, sender);
  }

  refusal(address: ActorAddress): Refusal {
    const correspondent = this.find(address.host);
    if (correspondent !== undefined) return correspondent.refusal(address);
    return this.gone.has(address.host) ? 'no-actor' : 'unreachable';
  }

  signal(address: ActorAddress, signal: Signal): void {
    const correspondent = this.find(address.host);
    if (correspondent !== undefined) correspondent.signal(address, signal);
    else {
      const reason = this.gone.has(address.host) ? 'worker-died' : 'unknown';
      answerForNobody(address, signal, reason, (to, answer) => this.host.signalled(to.slot, to.generation, answer));
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

  /** When that host's end has been seen here, and before it all that it had told. */
  unlinked(host: number): Promise<void> {
    if (!this.correspondents.has(host)) return Promise.resolve();
    return new Promise((resolve) => {
      this.unlinking.set(host, resolve);
    });
  }

  /** Gives up all links: the other hosts see this one end. */
  close(): void {
    this.host.outside = null;
    for (const { link } of this.correspondents.values()) link.close();
    this.correspondents.clear();
    this.last = undefined;
    for (const resolve of this.unlinking.values()) resolve();
    this.unlinking.clear();
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
    this.gate.left(peer);
    this.unlinking.get(peer)?.();
    this.unlinking.delete(peer);
  }
}
