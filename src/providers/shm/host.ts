/** What one provider has on its thread: the reactor's ear, the links, the listeners by cookie. */
import { randomBytes } from 'node:crypto';
import { Budget } from '../../reactor/budget.js';
import { type Pollable, Reactor } from '../../reactor/reactor.js';
import { threadWindows, type WindowPool } from '../../reactor/window.js';
import { Attachments } from './attachments.js';
import { COST, TALK_BUDGET } from './cost.js';
import { Followers } from './followers.js';
import { REACTOR_ID_BYTES } from './handshake.js';
import type { Link } from './link.js';
import type { LinkOwner } from './link-place.js';
import type { ShmListener } from './listener.js';
import { Refusals } from './refusals.js';
import { Rendezvous } from './rendezvous.js';

/** Name of the Unix socket behind which a listening TCP socket's companion waits. */
export function rendezvousName(cookie: bigint): string {
  return `sanswitch/1/${cookie.toString(16)}`;
}

/** Name of the one behind which a reactor itself waits, for peers that follow a connection to it. */
export function reactorRendezvousName(reactorId: string): string {
  return `sanswitch/1/r/${reactorId}`;
}

/** Links with one process; a thread has one, or one for each direction. */
export const LINKS_PER_PROCESS = 256;
/** Processes whose talk is remembered before those without debt are forgotten. */
const TALKS_MAX = 256;

/** How this provider is to behave. */
export interface ShmOptions {
  /** Users whose processes are believed without a look at their descriptors. */
  readonly trustedUids: readonly number[];
}

/** One per provider. */
export class ShmHost implements Pollable {
  readonly reactor: Reactor;
  readonly windows: WindowPool;
  /** Random, so that peers can tell reactors apart. */
  readonly reactorId = randomBytes(REACTOR_ID_BYTES).toString('hex');
  readonly listeners = new Map<bigint, ShmListener>();
  readonly links: Link[] = [];
  readonly refusals = new Refusals();
  /** Connections on their way to this reactor. */
  readonly attachments = new Attachments();
  /** Callers that were sent to another reactor of the process, or came from one. */
  readonly followers = new Followers(this.reactorId, (pid, count) => this.talkOf(pid).refund(count * COST.silent));
  /** The reactor's own; null: not wanted yet. */
  private rendezvous: Rendezvous | null = null;
  private readonly talks = new Map<number, Budget>();
  readonly owner: LinkOwner;
  readonly options: ShmOptions;
  /** Called when a batch of work is done: completions go out. */
  private readonly flush: () => void;
  /** A batch is being worked on: completions wait for its end. */
  isWorking = false;

  /** @throws NativeUnavailableError, and whatever keeps a window from being made */
  constructor(owner: LinkOwner, options: ShmOptions, flush: () => void) {
    this.owner = owner;
    this.options = options;
    this.flush = flush;
    this.windows = threadWindows();
    this.windows.prepare();
    this.reactor = Reactor.current();
    this.reactor.addPollable(this);
  }

  /** The links with one process. */
  linksWith(pid: number): Link[] {
    return this.links.filter((link) => link.credentials.pid === pid && !link.isDead);
  }

  /** A link that we have made with a reactor; the process behind it is the kernel's word, the reactor's name only a claim. */
  linkTo(reactorId: string, pid: number): Link | undefined {
    return this.links.find((link) => {
      return link.initiator && !link.isDead && link.peerReactorId === reactorId && link.credentials.pid === pid;
    });
  }

  /** From now on peers can follow a connection to here. @throws SystemError */
  openRendezvous(): void {
    const { reactorId } = this;
    this.rendezvous ??= new Rendezvous(this, { name: reactorRendezvousName(reactorId), cookie: 0n, listenerFd: -1 });
  }

  /** How much idle talk of a process is listened to, over all of its links, also when it comes again. */
  talkOf(pid: number): Budget {
    if (this.talks.size >= TALKS_MAX) for (const [one, talk] of this.talks) if (talk.isFull) this.talks.delete(one);
    let talk = this.talks.get(pid);
    if (talk === undefined) {
      talk = new Budget(TALK_BUDGET);
      this.talks.set(pid, talk);
    }
    return talk;
  }

  add(link: Link): void {
    this.links.push(link);
  }

  /** Links whose peer is gone are polled until their last connection has read what is left. */
  private forgetReleased(): void {
    for (let i = this.links.length - 1; i >= 0; i--) {
      if ((this.links[i] as Link).isReleased) this.links.splice(i, 1);
    }
  }

  poll(): number {
    return this.each(false);
  }

  beforeSleep(): number {
    const work = this.each(true);
    this.forgetReleased();
    this.reactor.dirty = this.links.some((link) => !link.settled);
    return work;
  }

  private each(isLast: boolean): number {
    let work = 0;
    this.isWorking = true;
    try {
      for (let i = 0; i < this.links.length; i++) {
        const link = this.links[i] as Link;
        work += isLast ? link.settle() : link.work();
      }
    } finally {
      this.isWorking = false;
      this.flush();
    }
    return work;
  }

  close(): void {
    this.rendezvous?.close();
    this.attachments.close();
    this.followers.close();
    for (const link of [...this.links]) link.die('the switch is closed', false);
    this.reactor.removePollable(this);
  }
}
