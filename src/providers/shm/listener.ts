/** The listening side: the rendezvous of one TCP listener, and the links that peers make there. */
import { SEGMENT_BYTES, WELCOME_OK, WELCOME_RESOURCES, WELCOME_SEGMENT } from '../../layout/layout.gen.js';
import { closeDescriptor, sendMessage, socketCookie, unixListen } from '../../native/os.js';
import { Acceptor } from '../../reactor/acceptor.js';
import type { OwnSegment, Region } from '../../reactor/window.js';
import { decodeJoin, encodeIdent, encodeWelcome } from './handshake.js';
import { HandshakeSocket } from './handshake-socket.js';
import { rendezvousName, type ShmHost } from './host.js';
import { Link } from './link.js';
import type { OpenRequest } from './open-record.js';
import { initialiseSegment, isSegment } from './segment.js';

/** Handshakes under way at once; further ones are turned away, and go by TCP/IP. */
const HANDSHAKES_MAX = 64;
const QUEUE = 128;

/** What a listening socket wants to know. */
export interface Incoming {
  opened(link: Link, id: number, request: OpenRequest): void;
  withdrawn(link: Link, id: number): void;
  linkDied(link: Link): void;
}

/** One rendezvous. */
export class ShmListener {
  readonly cookie: bigint;
  readonly socket: Incoming;
  private readonly listenerFd: number;
  private readonly fd: number;
  private readonly acceptor: Acceptor;
  private readonly host: ShmHost;
  private readonly handshakes = new Set<HandshakeSocket>();

  /**
   * @param listenerFd descriptor of the TCP listener, which stays open while this lives
   * @throws SystemError (EADDRINUSE: the TCP listener has a companion already)
   */
  constructor(host: ShmHost, listenerFd: number, socket: Incoming) {
    this.host = host;
    this.socket = socket;
    this.listenerFd = listenerFd;
    this.cookie = socketCookie(listenerFd);
    this.fd = unixListen(rendezvousName(this.cookie), QUEUE);
    try {
      this.acceptor = new Acceptor(this.fd, (peer) => this.meet(peer));
    } catch (error) {
      closeDescriptor(this.fd);
      throw error;
    }
    host.listeners.set(this.cookie, this);
  }

  private meet(fd: number): void {
    let socket: HandshakeSocket;
    try {
      socket = new HandshakeSocket(fd);
    } catch {
      return; // No memory or descriptors to listen to it: closed, and so it goes by TCP/IP.
    }
    if (this.handshakes.size >= HANDSHAKES_MAX) socket.close();
    else void this.handshake(socket);
  }

  private async handshake(socket: HandshakeSocket): Promise<void> {
    this.handshakes.add(socket);
    try {
      const { reactorId } = this.host;
      socket.send(encodeIdent({ pid: process.pid, reactorId, cookie: this.cookie, listenerFd: this.listenerFd }));
      const join = await socket.receive();
      const region = this.mapPeer(socket, decodeJoin(join.bytes, join.length), join.descriptor);
      if (region !== null) this.makeLink(socket, region);
    } catch {
      // A peer that only asked who we are, gave up, or speaks nonsense: it learns nothing and costs nothing more.
    } finally {
      this.handshakes.delete(socket);
      socket.close();
    }
  }

  /** @returns the peer's segment, or null: it was told why not */
  private mapPeer(socket: HandshakeSocket, reactorId: string | null, descriptor: number): Region | null {
    if (descriptor < 0) return null;
    try {
      const region = reactorId === null ? null : this.host.windows.mapPeer(SEGMENT_BYTES, descriptor);
      if (region !== null && isSegment(region)) return region;
      if (region !== null) this.host.windows.unmap(region);
    } catch {
      // Not a segment: said below.
    } finally {
      closeDescriptor(descriptor);
    }
    socket.send(encodeWelcome(WELCOME_SEGMENT));
    return null;
  }

  private makeLink(socket: HandshakeSocket, peer: Region): void {
    const { host } = this;
    let own: OwnSegment | null = null;
    let link: Link | null = null;
    try {
      own = host.windows.mapOwn(SEGMENT_BYTES);
      initialiseSegment(own.region);
      const place = { fd: socket.fd, own: own.region, peer, credentials: socket.credentials(), initiator: false };
      link = new Link(host.owner, host.reactor, host.windows, place);
      // The link hears its socket from now on, so that nothing that follows the welcome is missed.
      socket.release();
      sendMessage(link.fd, encodeWelcome(WELCOME_OK), own.descriptor);
      host.add(link);
    } catch (error) {
      // A link has everything already, and gives it back.
      if (link !== null) link.die((error as Error).message, true);
      else {
        host.windows.unmap(peer);
        if (own !== null) host.windows.unmap(own.region);
        socket.send(encodeWelcome(WELCOME_RESOURCES));
      }
    } finally {
      if (own !== null) closeDescriptor(own.descriptor);
    }
  }

  /** No new links and connections; those that stand live on. */
  close(): void {
    this.host.listeners.delete(this.cookie);
    this.acceptor.close();
    closeDescriptor(this.fd);
    for (const socket of this.handshakes) socket.close();
  }
}
