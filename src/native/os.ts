/**
 * The addon's system calls with Node's manners: what fails throws an Error with `code`, `errno` and `syscall`, as Node's
 * own do. The few outcomes that are no failure (nobody waits, no peer there) are null.
 */
import { getSystemErrorName } from 'node:util';
import type { SocketReport } from './addon.js';
import { requireNative } from './load.js';

/** An error as Node makes it for a failed system call. */
export interface SystemError extends Error {
  code: string;
  /** Negative. */
  errno: number;
  syscall: string;
}

/** Makes that error. @param errno the negative number that the addon returned */
export function systemError(errno: number, syscall: string): SystemError {
  let code: string;
  try {
    code = getSystemErrorName(errno);
  } catch {
    code = `ERRNO_${-errno}`;
  }
  return Object.assign(new Error(`${syscall} ${code}`), { code, errno, syscall });
}

/** Returns `result` unless it is a negative errno. @throws SystemError */
export function check(result: number, syscall: string): number {
  if (result < 0) throw systemError(result, syscall);
  return result;
}

/** Negated errnos that are told apart by value. */
export const ERRNO = {
  EAGAIN: -11,
  EINVAL: -22,
  ECONNREFUSED: -111,
  EPROTO: -71,
  ENOPROTOOPT: -92,
  EPERM: -1,
  EBADF: -9,
  ESTALE: -116,
  EADDRINUSE: -98,
} as const;

/** Listens by a name in the abstract namespace (SOCK_SEQPACKET). @returns the descriptor @throws EADDRINUSE */
export function unixListen(name: string, backlog: number): number {
  return check(requireNative().unixListen(name, backlog), 'listen');
}

const pairWords = new Int32Array(2);

/** Two sockets (SOCK_SEQPACKET) that are connected with each other. @throws EMFILE */
export function unixPair(): [number, number] {
  check(requireNative().unixPair(pairWords), 'socketpair');
  return [pairWords[0], pairWords[1]];
}

/** A descriptor of this thread's own for what `fd`, of any thread of this process, names. @throws EBADF, EMFILE */
export function duplicateDescriptor(fd: number): number {
  return check(requireNative().duplicateDescriptor(fd), 'fcntl');
}

/** A timer that is accurate to microseconds, not armed. @returns the descriptor, for `Poll` @throws EMFILE */
export function createTimer(): number {
  return check(requireNative().createTimer(), 'timerfd_create');
}

/** Has a timer be readable in `delayNs`, until it is armed again; 0: never. At most an hour. */
export function armTimer(fd: number, delayNs: number): void {
  check(requireNative().armTimer(fd, delayNs), 'timerfd_settime');
}

/** Names the calling thread for the system (ps, top, perf). @throws TypeError: longer than 15 bytes */
export function setThreadName(name: string): void {
  check(requireNative().setThreadName(name), 'pthread_setname_np');
}

/** Connects to such a name at once. @returns the descriptor @throws ECONNREFUSED, EAGAIN (backlog full) */
export function unixConnect(name: string): number {
  return check(requireNative().unixConnect(name), 'connect');
}

/** @returns the descriptor of a waiting connection, or null: none waits. */
export function unixAccept(listener: number): number | null {
  const fd = requireNative().unixAccept(listener);
  return fd === ERRNO.EAGAIN ? null : check(fd, 'accept');
}

/** Sends one message, with a copy of the descriptor `fdToPass` unless that is -1. @throws EPIPE, EAGAIN (full) */
export function sendMessage(fd: number, bytes: Uint8Array, fdToPass = -1): void {
  check(requireNative().sendMessage(fd, bytes, fdToPass), 'sendmsg');
}

/** A message that was received. */
export interface ReceivedMessage {
  /** Bytes in the caller's array; 0: the connection has ended. */
  readonly length: number;
  /** The descriptor that came with it, owned by the caller; -1: none. */
  readonly descriptor: number;
}

const receivedDescriptor = new Int32Array(1);

/** @returns the next message, or null: none waits. @throws EPROTO for one that breaks the rules, ECONNRESET */
export function receiveMessage(fd: number, bytes: Uint8Array): ReceivedMessage | null {
  const length = requireNative().receiveMessage(fd, bytes, receivedDescriptor);
  if (length === ERRNO.EAGAIN) return null;
  return { length: check(length, 'recvmsg'), descriptor: receivedDescriptor[0] };
}

/** Who is at the other end of a Unix socket: whoever called connect() or listen(). */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

const credentialWords = new Int32Array(3);

/** Who is at the other end of a Unix socket. @throws SystemError */
export function peerCredentials(fd: number): PeerCredentials {
  check(requireNative().peerCredentials(fd, credentialWords), 'getsockopt');
  return { pid: credentialWords[0], uid: credentialWords[1] >>> 0, gid: credentialWords[2] >>> 0 };
}

/** @returns a pidfd of the peer, or null: this kernel has no SO_PEERPIDFD. @throws ESRCH: the peer has been reaped */
export function peerPidfd(fd: number): number | null {
  const pidfd = requireNative().peerPidfd(fd);
  return pidfd === ERRNO.ENOPROTOOPT ? null : check(pidfd, 'getsockopt');
}

/** @returns a pidfd of `pid` @throws ESRCH */
export function openPidfd(pid: number): number {
  return check(requireNative().openPidfd(pid), 'pidfd_open');
}

/** Whether the process of a pidfd still runs. @throws SystemError */
export function pidfdAlive(pidfd: number): boolean {
  return check(requireNative().pidfdAlive(pidfd), 'poll') === 1;
}

/** Closes a descriptor that came from this module. @throws EBADF for any other */
export function closeDescriptor(fd: number): void {
  check(requireNative().closeDescriptor(fd), 'close');
}

/** Gives up such a descriptor: its new owner closes it. @throws EBADF for any other */
export function releaseDescriptor(fd: number): void {
  check(requireNative().releaseDescriptor(fd), 'close');
}

/** Binds a TCP socket without connecting it. @returns its descriptor @throws EADDRINUSE, EADDRNOTAVAIL, EINVAL */
export function bindTcp(address: string, port: number, family: 4 | 6): number {
  return check(requireNative().bindTcp(address, port, family), 'bind');
}

/** The local port of a TCP socket. */
export function localPort(fd: number): number {
  return check(requireNative().localPort(fd), 'getsockname');
}

/** The number by which sock_diag knows a socket of this process. */
export function socketCookie(fd: number): bigint {
  const cookie = requireNative().socketCookie(fd);
  if (typeof cookie === 'number') throw systemError(cookie, 'getsockopt');
  return cookie;
}

/** The inode of a descriptor of this process. */
export function descriptorInode(fd: number): number {
  return check(requireNative().descriptorInode(fd), 'fstat');
}

function reports(result: SocketReport[] | number): SocketReport[] {
  if (typeof result === 'number') throw systemError(result, 'sock_diag');
  return result;
}

/** Who listens on a TCP port (1..65535), IPv4 and IPv6, every owner of a shared one. About 15 µs. */
export function listeningSockets(port: number): SocketReport[] {
  return reports(requireNative().listeningSockets(port));
}

/** One end of a TCP connection; neither port may be 0. */
interface End {
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
}

/**
 * Whom a TCP connection between these ends, both of this host and of one family, would reach at this moment: the kernel's
 * own lookup, SO_REUSEPORT included. About 2 µs.
 * @returns the listening socket's cookie; 0n: none, one that is bound to an interface, or this kernel won't say
 */
export function reachedListener(source: End, destination: End): bigint {
  const { family, address, port } = destination;
  const cookie = requireNative().reachedListener(family, source.address, source.port, address, port);
  return typeof cookie === 'number' ? 0n : cookie;
}

/** Sockets that are bound to a port and no more. Empty on kernels before 6.8, see boundSocketsKnown(). */
export function boundSockets(port: number): SocketReport[] {
  return reports(requireNative().boundSockets(port));
}

let boundKnown: boolean | undefined;

/** Whether this kernel reports bound sockets at all; found out once, with a socket of our own. */
export function boundSocketsKnown(): boolean {
  if (boundKnown === undefined) {
    const fd = bindTcp('127.0.0.1', 0, 4);
    try {
      const cookie = socketCookie(fd);
      boundKnown = boundSockets(localPort(fd)).some((report) => report.cookie === cookie);
    } finally {
      closeDescriptor(fd);
    }
  }
  return boundKnown;
}

/** @returns a descriptor that becomes readable when this host's addresses change */
export function addressChanges(): number {
  return check(requireNative().addressChanges(), 'netlink');
}

/** @returns how many changes were waiting */
export function drainAddressChanges(fd: number): number {
  return check(requireNative().drainAddressChanges(fd), 'netlink');
}

/** @returns a descriptor that becomes readable when a device of this host comes or goes */
export function deviceChanges(): number {
  return check(requireNative().deviceChanges(), 'netlink');
}

/** @returns how many of the changes that were waiting are about RDMA devices */
export function drainDeviceChanges(fd: number): number {
  return check(requireNative().drainDeviceChanges(fd), 'netlink');
}
