/** Meeting a reactor at one of its rendezvous: the handshake of the connecting side, which finds or makes the link with it. */
import { SEGMENT_BYTES, WELCOME_OK, WELCOME_RESOURCES, WELCOME_SEGMENT } from '../../layout/layout.gen.js';
import { closeDescriptor, type PeerCredentials, unixConnect } from '../../native/os.js';
import type { Region } from '../../reactor/window.js';
import { WSAETIMEDOUT, type WsaCode } from '../../spi/codes.js';
import { decodeIdent, decodeWelcome, encodeJoin, type Ident } from './handshake.js';
import { HandshakeSocket } from './handshake-socket.js';
import type { ShmHost } from './host.js';
import { Link } from './link.js';
import { initialiseSegment, isSegment } from './segment.js';

/** Why a peer makes no link with us, as its WELCOME says it. */
const REFUSALS: Readonly<Record<number, string>> = {
  [WELCOME_SEGMENT]: 'it can not use our segment',
  [WELCOME_RESOURCES]: 'it is short of memory or descriptors',
};

/** Why a peer can't be met; WSAETIMEDOUT, which promises nothing about TCP/IP (rule 3.4). */
export interface Unreachable {
  readonly code: WsaCode;
  /** For the decision record: kebab-case, then details behind a colon. */
  readonly reason: string;
}

/** The outcome of a meeting. */
export type Met = { readonly link: Link } | Unreachable;

/** Who answers at a rendezvous. */
export interface Stranger {
  /** What it says. */
  readonly ident: Ident;
  /** The socket between us. */
  readonly fd: number;
  /** What the kernel says. */
  readonly credentials: PeerCredentials;
}

/** That nobody may be spoken to. */
export const ANOTHER_LAYOUT = 'another-layout: the peer has another version';

/** An outcome of a search or meeting. */
export function unreachable(reason: string): Unreachable {
  return { code: WSAETIMEDOUT, reason };
}

/**
 * Meets whoever has this name, and makes a link with its reactor if there is none.
 * @param doubt why the stranger is not the one that is meant, or null
 */
export async function meetAt(host: ShmHost, name: string, doubt: (stranger: Stranger) => string | null): Promise<Met> {
  let fd: number;
  try {
    fd = unixConnect(name);
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
    if (ident === null) return unreachable(ANOTHER_LAYOUT);
    const credentials = socket.credentials();
    const why = doubt({ ident, fd, credentials });
    if (why !== null) return unreachable(why);
    return { link: host.linkTo(ident.reactorId, credentials.pid) ?? (await join(host, socket, ident)) };
  } catch (error) {
    return unreachable(`handshake-failed: ${(error as Error).message}`);
  } finally {
    socket?.close();
  }
}

async function join(host: ShmHost, socket: HandshakeSocket, ident: Ident): Promise<Link> {
  const own = host.windows.mapOwn(SEGMENT_BYTES);
  let peer: Region | null = null;
  try {
    initialiseSegment(own.region);
    socket.send(encodeJoin(host.reactorId), own.descriptor);
    const welcome = await socket.receive();
    peer = mapPeer(host, decodeWelcome(welcome.bytes, welcome.length), welcome.descriptor);
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

function mapPeer(host: ShmHost, status: number, descriptor: number): Region {
  const refused = (): Error => new Error(`the peer refuses the link (${REFUSALS[status] ?? status})`);
  if (descriptor < 0) throw refused();
  try {
    if (status !== WELCOME_OK) throw refused();
    const region = host.windows.mapPeer(SEGMENT_BYTES, descriptor);
    if (isSegment(region)) return region;
    host.windows.unmap(region);
    throw new Error('the peer sent no segment');
  } finally {
    closeDescriptor(descriptor);
  }
}
