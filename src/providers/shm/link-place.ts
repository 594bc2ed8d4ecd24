/** What a link is made of, and whom it tells. */
import type { PeerCredentials } from '../../native/os.js';
import type { Budget } from '../../reactor/budget.js';
import type { Region } from '../../reactor/window.js';
import type { Link } from './link.js';
import type { OpenRequest } from './open-record.js';
import type { LinkBreach, OpenRefusal } from './refusals.js';

/** What happens on a link that concerns its provider. */
export interface LinkOwner {
  /** The peer opens a connection; null: its OPEN says nothing that can be meant. */
  opened(link: Link, id: number, request: OpenRequest | null): void;
  accepted(link: Link, id: number): void;
  /** The peer follows a connection that is to go on here. */
  attached(link: Link, id: number, token: bigint): void;
  rejected(link: Link, id: number, reason: number): void;
  /** The peer closed a connection that nobody has accepted yet. */
  withdrawn(link: Link, id: number): void;
  /** The peer did what no peer does, and the link ends (or, `throttled`, is heard a little later). */
  breached(what: LinkBreach | 'throttled'): void;
  /** An OPEN is rejected. */
  refused(why: OpenRefusal): void;
  /** The link is gone, and every connection on it. */
  died(link: Link, reason: string): void;
}

/** What the handshake has brought about. */
export interface LinkPlace {
  /** The Unix socket. */
  readonly fd: number;
  readonly own: Region;
  readonly peer: Region;
  readonly credentials: PeerCredentials;
  readonly initiator: boolean;
  readonly peerReactorId?: string;
  /** How much idle talk of the peer's process is listened to. */
  readonly talk: Budget;
}
