/** Listening for TCP connections, and what becomes of those accepted: the addon's calls with the errors of `node:net`. */
import { getSystemErrorMap } from 'node:util';
import { requireNative } from './load.js';
import { check, ERRNO, type SystemError, systemError } from './os.js';

/** Where to listen. */
export interface ListenPlace {
  readonly address: string;
  /** 0: one that the system chooses. */
  readonly port: number;
  readonly family: 4 | 6;
  readonly backlog: number;
  /** Family 6 only: no IPv4. */
  readonly ipv6Only: boolean;
}

/** The error that `net.Server` emits when listening fails: it names the place. */
function listenError(errno: number, { address, port }: ListenPlace): SystemError {
  const error = systemError(errno, 'listen');
  const [, text] = getSystemErrorMap().get(errno) ?? [error.code, 'unknown error'];
  error.message = `listen ${error.code}: ${text} ${port > 0 ? `${address}:${port}` : address}`;
  return Object.assign(error, { address }, port > 0 ? { port } : {});
}

/**
 * Binds and listens. As in `node:net`, SO_REUSEADDR is set, and every failure is one of `listen`. What is accepted is reset
 * when it is closed, until `setResetOnClose` says otherwise.
 * @returns the descriptor, to be closed with `closeDescriptor`
 * @throws SystemError with `address` and `port`: EADDRINUSE, EADDRNOTAVAIL, EACCES, EINVAL (no address of that family)
 */
export function listenTcp(place: ListenPlace): number {
  const { address, port, family, backlog, ipv6Only } = place;
  const fd = requireNative().listenTcp(address, port, family, backlog, ipv6Only ? 1 : 0);
  if (fd < 0) throw listenError(fd, place);
  return fd;
}

/**
 * Whether closing a TCP socket resets its connection. As long as it does, a peer can tell the death of the socket's thread or
 * process from an orderly end; to be unset before such an end. @throws SystemError
 */
export function setResetOnClose(fd: number, isOn: boolean): void {
  check(requireNative().setResetOnClose(fd, isOn ? 1 : 0), 'setsockopt');
}

/** The error that a socket has and has told nobody; it is told with this. Null: there is none. */
export function pendingError(fd: number): SystemError | null {
  const errno = requireNative().pendingError(fd);
  return errno === 0 ? null : systemError(errno, 'read');
}

/** The local address of a TCP socket. */
export function localAddress(fd: number): string {
  const address = requireNative().localAddress(fd);
  if (typeof address === 'number') throw systemError(address, 'getsockname');
  return address;
}

/** What tells an accepted socket from any other that has had, or will have, its number. */
export interface SocketIdentity {
  readonly fd: number;
  readonly cookie: bigint;
}

/**
 * Closes an accepted socket that no living thread but this one has open.
 * @returns false: somebody else has closed it before, and nothing was closed now
 */
export function closeSocket({ fd, cookie }: SocketIdentity): boolean {
  const result = requireNative().closeSocket(fd, cookie);
  if (result === ERRNO.ESTALE || result === ERRNO.EBADF) return false;
  check(result, 'close');
  return true;
}

/**
 * Gives up an accepted socket, which its new owner closes.
 * @returns false: the new owner has closed it already, and its number stands for another socket
 */
export function releaseSocket({ fd, cookie }: SocketIdentity): boolean {
  const result = requireNative().releaseSocket(fd, cookie);
  if (result === ERRNO.EBADF) return false;
  check(result, 'close');
  return true;
}
