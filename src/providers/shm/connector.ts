/**
 * The connecting side: from a destination to a link with the process that listens there. The kernel says which listening
 * sockets TCP would reach (sock_diag); the rendezvous named after such a socket's cookie is answered by a process that is
 * verified once per link and cookie. No rendezvous: TCP/IP at once (rule 3.5), remembered for a short time.
 */
import type { SocketReport } from '../../native/addon.js';
import { listeningSockets, reachedListener } from '../../native/os.js';
import type { SocketAddress } from '../../spi/types.js';
import { LINKS_PER_PROCESS, reactorRendezvousName, rendezvousName, type ShmHost } from './host.js';
import type { Link } from './link.js';
import { ANOTHER_LAYOUT, type Met, meetAt, type Unreachable, unreachable } from './meeting.js';
import { listenersFor, unverifiable } from './verify.js';

/** How long a listening socket that could not be met is left to TCP/IP without another try (rule 3.5). */
const ABSENT_MS = 500;
/** Cookies remembered, of one kind or the other. */
const COOKIES_MAX = 1024;

/** Where a connection can be opened. */
export interface Located {
  readonly link: Link;
  readonly cookie: bigint;
  /** For the decision record. */
  readonly detail: string;
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
  /** Reactors that are being met, by process and name. */
  private readonly meetings = new Map<string, Promise<Met>>();
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

  /**
   * The link with a reactor of a process that we know already, where a connection is to go on.
   * @param known the link by which we know it; null: the word of another thread of ours
   */
  reach(reactorId: string, pid: number, known: Link | null): Link | Promise<Met> {
    const link = this.host.linkTo(reactorId, pid);
    if (link !== undefined) return link;
    const name = `${pid}/${reactorId}`;
    let meeting = this.meetings.get(name);
    if (meeting === undefined) {
      known?.chargeMeeting();
      meeting = this.meetReactor(reactorId, pid).finally(() => this.meetings.delete(name));
      this.meetings.set(name, meeting);
    }
    return meeting;
  }

  private async meetReactor(reactorId: string, pid: number): Promise<Met> {
    if (this.host.linksWith(pid).length >= LINKS_PER_PROCESS) return unreachable('enough-links: with this process');
    return meetAt(this.host, reactorRendezvousName(reactorId), ({ ident, credentials }) => {
      if (ident.cookie !== 0n || ident.reactorId !== reactorId) return ANOTHER_LAYOUT;
      return credentials.pid === pid ? null : 'peer-unverifiable: another process has taken the name';
    });
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
    const { trustedUids } = this.host.options;
    const met = await meetAt(this.host, rendezvousName(cookie), ({ ident, fd, credentials }) => {
      if (ident.cookie !== cookie) return ANOTHER_LAYOUT;
      const doubt = unverifiable(fd, credentials, candidate, ident.listenerFd, trustedUids);
      return doubt === null ? null : `peer-unverifiable: ${doubt}`;
    });
    if ('reason' in met) return met;
    if (this.verified.size >= COOKIES_MAX) this.verified.clear();
    const located = { link: met.link, cookie, detail };
    this.verified.set(cookie, located);
    return located;
  }
}
