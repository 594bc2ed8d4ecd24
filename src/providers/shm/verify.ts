/**
 * Who may answer. A client speaks to a process only if that process verifiably holds the very listening socket that TCP
 * would have reached; a server believes a client's source address and port only if the kernel confirms them.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { CLAIM_BOUND_PORT, CLAIM_VIRTUAL_PORT } from '../../layout/layout.gen.js';
import type { SocketReport } from '../../native/addon.js';
import {
  boundSockets,
  closeDescriptor,
  openPidfd,
  type PeerCredentials,
  peerPidfd,
  pidfdAlive,
} from '../../native/os.js';
import { isVirtualPort, virtualPortBlock, virtualPortOwner } from '../../ports/virtual-ports.js';
import type { SocketAddress } from '../../spi/types.js';

/** The listening sockets that TCP would choose from for this destination: the most specific ones (Linux's lookup order). */
export function listenersFor(reports: readonly SocketReport[], destination: SocketAddress): SocketReport[] {
  const score = (report: SocketReport): number => {
    if (report.address === destination.address) return 3;
    if (destination.family === 4 && report.family === 4 && report.address === '0.0.0.0') return 2;
    if (destination.family === 4 && report.family === 6 && report.address === '::' && !report.v6only) return 1;
    if (destination.family === 4 && report.address === `::ffff:${destination.address}`) return 3;
    if (destination.family === 6 && report.family === 6 && report.address === '::') return 1;
    return 0;
  };
  const best = Math.max(0, ...reports.map(score));
  return best === 0 ? [] : reports.filter((report) => score(report) === best);
}

let overflowUid: number | undefined;

/** The uid that stands for users whom this user namespace does not know: it names nobody. */
function isOverflowUid(uid: number): boolean {
  overflowUid ??= Number(readFileSync('/proc/sys/kernel/overflowuid', 'latin1'));
  return uid === overflowUid;
}

/**
 * Is the process behind the Unix socket `fd` the owner of the listening socket? The kernel names the process; its
 * user must be the listening socket's; and among its descriptors, where it says (`listenerFd`), must be that socket. The
 * process is held by a pidfd meanwhile, so that its number can't have passed to another.
 * @returns null, or why not
 */
export function unverifiable(
  fd: number,
  credentials: PeerCredentials,
  listener: SocketReport,
  listenerFd: number,
  trustedUids: readonly number[],
): string | null {
  const { pid, uid } = credentials;
  if (pid <= 0) return 'the peer is in another pid namespace';
  if (uid !== listener.uid) return `the peer runs as uid ${uid}, the listening socket belongs to uid ${listener.uid}`;
  if (listener.inode === 0) return 'the kernel does not tell the listening socket';
  if (trustedUids.includes(uid)) return null;
  if (isOverflowUid(uid)) return 'the peer is of a user that this user namespace does not know';
  let pidfd = -1;
  try {
    pidfd = peerPidfd(fd) ?? openPidfd(pid);
    const target = readlinkSync(`/proc/${pid}/fd/${listenerFd}`);
    if (target !== `socket:[${listener.inode}]`) return 'the peer does not hold the listening socket';
    return pidfdAlive(pidfd) ? null : 'the peer died';
  } catch (error) {
    return `the peer's descriptors can't be read (${(error as NodeJS.ErrnoException).code})`;
  } finally {
    if (pidfd >= 0) closeDescriptor(pidfd);
  }
}

/** How long a reading of this host's addresses is believed. */
const ADDRESSES_MS = 1_000;
let addresses = new Set<string>();
let addressesReadAt = Number.NEGATIVE_INFINITY;

/** Is it one of this host's own addresses? */
export function isLocalAddress(address: string): boolean {
  if (address === '::1' || (isIPv4(address) && address.startsWith('127.'))) return true;
  const now = performance.now();
  if (now - addressesReadAt > ADDRESSES_MS) {
    addressesReadAt = now;
    addresses = new Set(Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map((one) => one.address)));
  }
  return addresses.has(address);
}

/** A client, as a link knows it. */
export interface Client {
  readonly credentials: PeerCredentials;
  /** Blocks of virtual ports by their first port: when the kernel last said that they are the client's. */
  readonly portBlocks: Map<number, number>;
}

/**
 * How long the owner of a block of virtual ports is believed to be it still. A client may give a block back while
 * connections from its ports live on, so that an earlier look proves no less than one at this moment.
 */
const BLOCK_MS = 1_000;
const BLOCKS_MAX = 1_024;

function holdsBlock(port: number, { credentials, portBlocks }: Client): boolean {
  const first = virtualPortBlock(port);
  const now = performance.now();
  if (now - (portBlocks.get(first) ?? Number.NEGATIVE_INFINITY) < BLOCK_MS) return true;
  if (virtualPortOwner(port) !== credentials.pid) return false;
  if (portBlocks.size >= BLOCKS_MAX) portBlocks.clear();
  portBlocks.set(first, now);
  return true;
}

/** Is a client where it says that it is? @throws SystemError: it can't be found out */
export function isSourceGenuine(claim: number, source: SocketAddress, client: Client): boolean {
  const { pid, uid } = client.credentials;
  // 0 stands for every process of another pid namespace, and for no process at all.
  if (pid <= 0 || !isLocalAddress(source.address)) return false;
  if (claim === CLAIM_VIRTUAL_PORT) return isVirtualPort(source.port) && holdsBlock(source.port, client);
  if (claim !== CLAIM_BOUND_PORT || source.port === 0) return false;
  return boundSockets(source.port).some((report) => report.address === source.address && report.uid === uid);
}
