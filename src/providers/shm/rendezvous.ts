/** A rendezvous: a name by which this thread's reactor is met, and the links that peers make there. */
import { SEGMENT_BYTES, WELCOME_OK, WELCOME_RESOURCES, WELCOME_SEGMENT } from '../../layout/layout.gen.js';
import { closeDescriptor, sendMessage, unixListen } from '../../native/os.js';
import { Acceptor } from '../../reactor/acceptor.js';
import { Budget } from '../../reactor/budget.js';
import type { OwnSegment, Region } from '../../reactor/window.js';
import { decodeJoin, encodeIdent, encodeWelcome } from './handshake.js';
import { HandshakeSocket, SlowPeerError } from './handshake-socket.js';
import { LINKS_PER_PROCESS, type ShmHost } from './host.js';
import { Link } from './link.js';
import type { HandshakeRefusal } from './refusals.js';
import { initialiseSegment, isSegment } from './segment.js';

/** Handshakes under way at once; one more crowds out the oldest of the process that has the most. */
const HANDSHAKES_MAX = 64;
const QUEUE = 128;
/** Handshakes begun. A link lasts, so that who makes them without end has nothing good in mind. */
const HANDSHAKE_BUDGET = { capacity: 64, perPeriod: 4, periodMs: 4 } as const;

/** What it stands for. */
export interface RendezvousPlace {
  /** Its name in the system. */
  readonly name: string;
  /** Of the TCP listener; 0: the reactor itself. */
  readonly cookie: bigint;
  /** Descriptor of the TCP listener, which stays open while this lives; -1: none. */
  readonly listenerFd: number;
}

/** One rendezvous. */
export class Rendezvous {
  private readonly place: RendezvousPlace;
  private readonly fd: number;
  private readonly acceptor: Acceptor;
  private readonly host: ShmHost;
  /** With the pid of the client, oldest first. */
  private readonly handshakes = new Map<HandshakeSocket, number>();

  /** @throws SystemError (EADDRINUSE: there is one of that name) */
  constructor(host: ShmHost, place: RendezvousPlace) {
    this.host = host;
    this.place = place;
    this.fd = unixListen(place.name, QUEUE);
    try {
      this.acceptor = new Acceptor(this.fd, (peer) => this.meet(peer), new Budget(HANDSHAKE_BUDGET));
    } catch (error) {
      closeDescriptor(this.fd);
      throw error;
    }
  }

  private meet(fd: number): void {
    let socket: HandshakeSocket;
    try {
      socket = new HandshakeSocket(fd);
    } catch {
      return; // No memory or descriptors to listen to it: closed, and so it goes by TCP/IP.
    }
    if (this.handshakes.size >= HANDSHAKES_MAX) this.crowdOut();
    void this.handshake(socket);
  }

  /** An honest client is through within a millisecond or so: the oldest of those who have many is none. */
  private crowdOut(): void {
    const counts = new Map<number, number>();
    for (const pid of this.handshakes.values()) counts.set(pid, (counts.get(pid) ?? 0) + 1);
    const most = Math.max(...counts.values());
    for (const [socket, pid] of this.handshakes) {
      if (counts.get(pid) !== most) continue;
      this.refused('crowded-out');
      this.handshakes.delete(socket);
      socket.close();
      return;
    }
  }

  private refused(why: HandshakeRefusal): void {
    this.host.refusals.count(`handshake:${why}`);
  }

  private async handshake(socket: HandshakeSocket): Promise<void> {
    try {
      this.handshakes.set(socket, socket.credentials().pid);
      const { cookie, listenerFd } = this.place;
      socket.send(encodeIdent({ pid: process.pid, reactorId: this.host.reactorId, cookie, listenerFd }));
      const join = await socket.receive();
      const region = this.mapPeer(socket, decodeJoin(join.bytes, join.length), join.descriptor);
      if (region !== null) this.makeLink(socket, region);
    } catch (error) {
      // A peer that only asked who we are or gave up is no offender; none learns anything or costs anything more.
      if (error instanceof SlowPeerError) this.refused('too-slow');
      else if ((error as NodeJS.ErrnoException).code === 'EPROTO') this.refused('no-join');
    } finally {
      this.handshakes.delete(socket);
      socket.close();
    }
  }

  /** @returns the peer's segment, or null: it was told why not */
  private mapPeer(socket: HandshakeSocket, reactorId: string | null, descriptor: number): Region | null {
    if (descriptor < 0 || reactorId === null) this.refused('no-join');
    if (descriptor < 0) return null;
    try {
      if (reactorId === null) throw new Error('not a JOIN of our layout');
      const region = this.host.windows.mapPeer(SEGMENT_BYTES, descriptor);
      if (isSegment(region)) return region;
      this.host.windows.unmap(region);
    } catch {
      // Not what was wanted: said below.
    } finally {
      closeDescriptor(descriptor);
    }
    if (reactorId !== null) this.refused('no-segment');
    socket.send(encodeWelcome(WELCOME_SEGMENT));
    return null;
  }

  private makeLink(socket: HandshakeSocket, peer: Region): void {
    const { host } = this;
    let own: OwnSegment | null = null;
    let link: Link | null = null;
    try {
      const credentials = socket.credentials();
      if (host.linksWith(credentials.pid).length >= LINKS_PER_PROCESS)
        throw new Error('enough links with this process');
      own = host.windows.mapOwn(SEGMENT_BYTES);
      initialiseSegment(own.region);
      const talk = host.talkOf(credentials.pid);
      const place = { fd: socket.fd, own: own.region, peer, credentials, initiator: false, talk };
      link = new Link(host.owner, host.reactor, host.windows, place);
      // The link hears its socket from now on, so that nothing that follows the welcome is missed.
      socket.release();
      // Before the peer can say on it that a connection moves, and whom to meet for that.
      host.openRendezvous();
      sendMessage(link.fd, encodeWelcome(WELCOME_OK), own.descriptor);
      host.add(link);
    } catch (error) {
      // A link has everything already, and gives it back.
      if (link !== null) link.die((error as Error).message, true);
      else {
        this.refused('no-resources');
        host.windows.unmap(peer);
        if (own !== null) host.windows.unmap(own.region);
        socket.send(encodeWelcome(WELCOME_RESOURCES));
      }
    } finally {
      if (own !== null) closeDescriptor(own.descriptor);
    }
  }

  /** No new links; those that stand live on. */
  close(): void {
    this.acceptor.close();
    closeDescriptor(this.fd);
    for (const socket of this.handshakes.keys()) socket.close();
  }
}
