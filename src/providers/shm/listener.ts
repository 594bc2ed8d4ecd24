/** The listening side: the rendezvous of one TCP listener, and whom the OPENs that name it are for. */
import { socketCookie } from '../../native/os.js';
import { rendezvousName, type ShmHost } from './host.js';
import type { Link } from './link.js';
import type { OpenRequest } from './open-record.js';
import { Rendezvous } from './rendezvous.js';

/** What a listening socket wants to know. */
export interface Incoming {
  opened(link: Link, id: number, request: OpenRequest): void;
  withdrawn(link: Link, id: number): void;
  linkDied(link: Link): void;
}

/** One listener. */
export class ShmListener {
  readonly cookie: bigint;
  readonly socket: Incoming;
  private readonly rendezvous: Rendezvous;
  private readonly host: ShmHost;

  /**
   * @param listenerFd descriptor of the TCP listener, which stays open while this lives
   * @throws SystemError (EADDRINUSE: the TCP listener has a companion already)
   */
  constructor(host: ShmHost, listenerFd: number, socket: Incoming) {
    this.host = host;
    this.socket = socket;
    this.cookie = socketCookie(listenerFd);
    const { cookie } = this;
    this.rendezvous = new Rendezvous(host, { name: rendezvousName(cookie), cookie, listenerFd });
    host.listeners.set(cookie, this);
  }

  /** No new links and connections; those that stand live on. */
  close(): void {
    this.host.listeners.delete(this.cookie);
    this.rendezvous.close();
  }
}
