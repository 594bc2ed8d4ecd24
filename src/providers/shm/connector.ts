/**
 * The connecting side: from a destination to a link with the process that listens there. The kernel says which listening
 * sockets TCP would reach (sock_diag); the rendezvous named after such a socket's cookie is answered by a process that is
 * verified once per link and cookie. No rendezvous: TCP/IP at once (rule 3.5), remembered for a short time.
 */
import { SEGMENT_BYTES, WELCOME_OK, WELCOME_RESOURCES, WELCOME_SEGMENT } from '../../layout/layout.gen.js';
import type { SocketReport } from '../../native/addon.js';
import { closeDescriptor, listeningSockets, reachedListener, unixConnect } from '../../native/os.js';
import type { Region } from '../../reactor/window.js';
import { WSAETIMEDOUT, type WsaCode } from '../../spi/codes.js';
import type { SocketAddress } from '../../spi/types.js';
import { decodeIdent, decodeWelcome, encodeJoin, type Ident } from './handshake.js';
import { HandshakeSocket } from './handshake-socket.js';
import { rendezvousName, type ShmHost } from './host.js';
import { Link } from './link.js';
import { initialiseSegment, isSegment } from './segment.js';
import { listenersFor, unverifiable } from './verify.js';

/** How long a listening socket that could not be met is left to TCP/IP without another try (rule 3.5). */
const ABSENT_MS = 500;
/** Cookies remembered, of one kind or the other. */
const COOKIES_MAX = 1024;

/** Why a peer makes no link with us, as its WELCOME says it. */
const REFUSALS: Readonly<Record<number, string>> = {
  [WELCOME_SEGMENT]: 'it can not use our segment',
  [WELCOME_RESOURCES]: 'it is short of memory or descriptors',
};

/** Where a connection can be opened. */
export interface Located {
  readonly link: Link;
  readonly cookie: bigint;
  /** For the decision record. */
  readonly detail: string;
}

/** Why not; WSAETIMEDOUT, which promises nothing about TCP/IP (rule 3.4). */
export interface Unreachable {
  readonly code: WsaCode;
  /** For the decision record: kebab-case, then details behind a colon. */
  readonly reason: string;
}

/** The outcome of a search. */
export type Location = Located | Unreachable;

/** A socket that looks for the link to its destination. */
export interface Seeker {
  readonly bound: SocketAddress;
  readonly destination: SocketAddress;
  /** It does not look any more. */
  readonly isClosed: boolean;
  located(location: Location): void;
}

/** Would TCP choose the listener for both from the same ones? Our port only says which of several that share theirs. */
function seekAlike(a: Seeker, b: Seeker): boolean {
  const { address, port } = b.destination;
  return a.destination.port === port && a.destination.address === address && a.bound.address === b.bound.address;
}

function unreachable(reason: string): Unreachable {
  return { code: WSAETIMEDOUT, reason };
}

/** What follows it runs behind the promise jobs that are queued; `queueMicrotask` would make a resource for each. */
const SETTLED = Promise.resolve();

/** Finds peers and makes links with them. */
export class ShmConnector {
  private readonly host: ShmHost;
  /** Whose question is still to be asked. */
  private readonly seekers: Seeker[] = [];
  /** Where a listening socket's owner has been verified. */
  private readonly verified = new Map<bigint, Located>();
  private readonly pending = new Map<bigint, Promise<Location>>();
  private readonly absent = new Map<bigint, { readonly until: number; readonly why: Unreachable }>();

  constructor(host: ShmHost) {
    this.host = host;
  }

  /**
   * Finds the link for `seeker` and tells it, once: behind the promise jobs that are queued now if the link stands. Those who
   * begin before and seek alike share one question to the kernel. It is asked after all of them have begun, so that no
   * answer is older than its connect; and where listeners share the port each asks for itself, so that all get some.
   */
  seek(seeker: Seeker): void {
    if (this.seekers.push(seeker) === 1) void SETTLED.then(() => this.ask());
  }

  private ask(): void {
    let asked: Seeker | null = null;
    let found: Located | null = null;
    for (const seeker of this.seekers.splice(0)) {
      if (seeker.isClosed) continue;
      if (asked === null || found === null || found.link.isDead || found.detail !== '' || !seekAlike(asked, seeker)) {
        asked = seeker;
        // The usual case: TCP would reach, now and from this source, a socket whose owner we have verified.
        found = this.standingFor(reachedListener(seeker.bound, seeker.destination));
      }
      if (found !== null) seeker.located(found);
      else this.search(seeker);
    }
  }

  private search(seeker: Seeker): void {
    const location = this.candidateFor(seeker.destination);
    if (location instanceof Promise) void location.then((found) => seeker.located(found));
    else seeker.located(location);
  }

  private candidateFor(destination: SocketAddress): Location | Promise<Location> {
    let candidates: SocketReport[];
    try {
      candidates = listenersFor(listeningSockets(destination.port), destination);
    } catch (error) {
      return unreachable(`sock-diag-failed: ${(error as Error).message}`);
    }
    if (candidates.length === 0) return unreachable('nothing-listens');
    if (candidates.some((candidate) => candidate.interfaceIndex !== 0))
      return unreachable('listener-bound-to-interface');
    if (new Set(candidates.map((candidate) => candidate.uid)).size > 1)
      return unreachable('listeners-of-several-users');
    const detail = candidates.length === 1 ? '' : `one of ${candidates.length} SO_REUSEPORT listeners`;
    // TCP would spread connections over the sockets that share the port; so do we.
    const first = Math.floor(Math.random() * candidates.length);
    return this.standingFor((candidates[first] as SocketReport).cookie) ?? this.tryEach(candidates, first, detail);
  }

  /** Nothing is reached over this link any more. */
  linkDied(link: Link): void {
    for (const [cookie, one] of this.verified) if (one.link === link) this.verified.delete(cookie);
  }

  /** A listening socket was not there after all (it closed between our look and our OPEN). */
  forget(cookie: bigint): void {
    this.verified.delete(cookie);
  }

  /** The link over which this socket's owner has been verified before. */
  private standingFor(cookie: bigint): Located | null {
    const located = this.verified.get(cookie);
    return located === undefined || located.link.isDead ? null : located;
  }

  private async tryEach(candidates: readonly SocketReport[], first: number, detail: string): Promise<Location> {
    let outcome: Location = unreachable('no-rendezvous');
    for (let i = 0; i < candidates.length; i++) {
      const candidate = candidates[(first + i) % candidates.length] as SocketReport;
      const located = this.standingFor(candidate.cookie);
      if (located !== null) return located;
      let attempt = this.pending.get(candidate.cookie);
      if (attempt === undefined) {
        attempt = this.meetOnce(candidate, detail).finally(() => this.pending.delete(candidate.cookie));
        this.pending.set(candidate.cookie, attempt);
      }
      outcome = await attempt;
      if ('link' in outcome) return outcome;
    }
    return outcome;
  }

  /** Whoever can't be met, is silent or is not believed costs the next connects no time. */
  private async meetOnce(candidate: SocketReport, detail: string): Promise<Location> {
    const { cookie } = candidate;
    const known = this.absent.get(cookie);
    if (known !== undefined && performance.now() < known.until) return known.why;
    const location = await this.meet(candidate, detail);
    if ('link' in location) this.absent.delete(cookie);
    else {
      if (this.absent.size >= COOKIES_MAX) this.absent.clear();
      this.absent.set(cookie, { until: performance.now() + ABSENT_MS, why: location });
    }
    return location;
  }

  private async meet(candidate: SocketReport, detail: string): Promise<Location> {
    const { cookie } = candidate;
    let fd: number;
    try {
      fd = unixConnect(rendezvousName(cookie));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      return unreachable(code === 'ECONNREFUSED' ? 'no-rendezvous' : `rendezvous-failed: ${code}`);
    }
    let socket: HandshakeSocket | null = null;
    try {
      socket = new HandshakeSocket(fd);
      const greeting = await socket.receive();
      if (greeting.descriptor >= 0) closeDescriptor(greeting.descriptor);
      const ident = decodeIdent(greeting.bytes, greeting.length);
      if (ident === null || ident.cookie !== cookie) return unreachable('another-layout: the peer has another version');
      const credentials = socket.credentials();
      const doubt = unverifiable(fd, credentials, candidate, ident.listenerFd, this.host.options.trustedUids);
      if (doubt !== null) return unreachable(`peer-unverifiable: ${doubt}`);
      const link = this.standing(ident, credentials.pid) ?? (await this.join(socket, ident));
      if (this.verified.size >= COOKIES_MAX) this.verified.clear();
      const located = { link, cookie, detail };
      this.verified.set(cookie, located);
      return located;
    } catch (error) {
      return unreachable(`handshake-failed: ${(error as Error).message}`);
    } finally {
      socket?.close();
    }
  }

  /** The link that we have with this reactor already, by another of its listeners. */
  private standing(ident: Ident, pid: number): Link | undefined {
    const link = this.host.links.find((one) => one.initiator && !one.isDead && one.peerReactorId === ident.reactorId);
    // The name is only a claim; the process behind the link is the kernel's word.
    return link?.credentials.pid === pid ? link : undefined;
  }

  private async join(socket: HandshakeSocket, ident: Ident): Promise<Link> {
    const { host } = this;
    const own = host.windows.mapOwn(SEGMENT_BYTES);
    let peer: Region | null = null;
    try {
      initialiseSegment(own.region);
      socket.send(encodeJoin(host.reactorId), own.descriptor);
      const welcome = await socket.receive();
      peer = this.mapPeer(decodeWelcome(welcome.bytes, welcome.length), welcome.descriptor);
      const credentials = socket.credentials();
      const place = {
        fd: socket.fd,
        own: own.region,
        peer,
        credentials,
        initiator: true,
        talk: host.talkOf(credentials.pid),
        peerReactorId: ident.reactorId,
      };
      const link = new Link(host.owner, host.reactor, host.windows, place);
      socket.release();
      host.add(link);
      return link;
    } catch (error) {
      host.windows.unmap(own.region);
      if (peer !== null) host.windows.unmap(peer);
      throw error;
    } finally {
      closeDescriptor(own.descriptor);
    }
  }

  private mapPeer(status: number, descriptor: number): Region {
    const refused = (): Error => new Error(`the peer refuses the link (${REFUSALS[status] ?? status})`);
    if (descriptor < 0) throw refused();
    try {
      if (status !== WELCOME_OK) throw refused();
      const region = this.host.windows.mapPeer(SEGMENT_BYTES, descriptor);
      if (isSegment(region)) return region;
      this.host.windows.unmap(region);
      throw new Error('the peer sent no segment');
    } finally {
      closeDescriptor(descriptor);
    }
  }
}
