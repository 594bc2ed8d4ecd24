/**
 * The Winsock codes that cross the SPI, with their Windows values so that traces read like the documentation, and what
 * each becomes at the application's edge (winsock-direct.md, "Error names at the application's edge").
 */
import { constants } from 'node:os';
import { getSystemErrorName } from 'node:util';

/** Success. */
export const NO_ERROR = 0;
/** The operation is under way; its result arrives by `WPUCompleteOverlappedRequest` (rule 5.1). */
export const WSA_IO_PENDING = 997;
/** The operation ended because its socket was closed or the request cancelled (rules 5.11, 7.2). */
export const WSA_OPERATION_ABORTED = 995;
/** `WSPGetOverlappedResult`: the operation has not completed yet. */
export const WSA_IO_INCOMPLETE = 996;
export const WSAEACCES = 10013;
export const WSAEFAULT = 10014;
export const WSAEINVAL = 10022;
export const WSAEMFILE = 10024;
export const WSAEWOULDBLOCK = 10035;
export const WSAENOTSOCK = 10038;
export const WSAEMSGSIZE = 10040;
export const WSAENOPROTOOPT = 10042;
export const WSAEOPNOTSUPP = 10045;
export const WSAEAFNOSUPPORT = 10047;
export const WSAEADDRINUSE = 10048;
export const WSAEADDRNOTAVAIL = 10049;
export const WSAENETDOWN = 10050;
export const WSAENETUNREACH = 10051;
export const WSAECONNABORTED = 10053;
export const WSAECONNRESET = 10054;
export const WSAENOBUFS = 10055;
export const WSAEISCONN = 10056;
export const WSAENOTCONN = 10057;
export const WSAESHUTDOWN = 10058;
export const WSAETIMEDOUT = 10060;
export const WSAECONNREFUSED = 10061;
export const WSAEHOSTUNREACH = 10065;
/**
 * The peer has ended with its process, which had read all that was sent to it, and without a reset. Where this is the answer,
 * WSAECONNRESET would be as right: it tells the faces of the switch more, and the application the same.
 */
export const WSAEDISCON = 10101;
/** `WSPStartupEx`: what the provider needs is not there yet. It is asked again when the host's addresses or devices change. */
export const WSASYSNOTREADY = 10091;
export const WSAEPROVIDERFAILEDINIT = 10106;

/** A Winsock code; 0 is success. */
export type WsaCode = number;

/** Whether a code says of a connection that its peer is gone. */
export function isPeerGone(code: WsaCode): boolean {
  return code === WSAECONNRESET || code === WSAEDISCON;
}

/** Errors made of WSAEDISCON. */
const departures = new WeakSet<Error>();

/** Whether an error of a connection, an ECONNRESET to look at, says that the peer ended with its process: TCP/IP would tell an end. */
export function isDeparture(error: Error): boolean {
  return departures.has(error);
}

const EDGE: ReadonlyMap<WsaCode, readonly [name: string, node: keyof typeof constants.errno]> = new Map([
  [WSA_OPERATION_ABORTED, ['WSA_OPERATION_ABORTED', 'ECANCELED']],
  [WSAEACCES, ['WSAEACCES', 'EACCES']],
  [WSAEFAULT, ['WSAEFAULT', 'EFAULT']],
  [WSAEINVAL, ['WSAEINVAL', 'EINVAL']],
  [WSAEMFILE, ['WSAEMFILE', 'EMFILE']],
  [WSAEWOULDBLOCK, ['WSAEWOULDBLOCK', 'EAGAIN']],
  [WSAENOTSOCK, ['WSAENOTSOCK', 'ENOTSOCK']],
  [WSAEMSGSIZE, ['WSAEMSGSIZE', 'EMSGSIZE']],
  [WSAENOPROTOOPT, ['WSAENOPROTOOPT', 'ENOPROTOOPT']],
  [WSAEOPNOTSUPP, ['WSAEOPNOTSUPP', 'EOPNOTSUPP']],
  [WSAEAFNOSUPPORT, ['WSAEAFNOSUPPORT', 'EAFNOSUPPORT']],
  [WSAEADDRINUSE, ['WSAEADDRINUSE', 'EADDRINUSE']],
  [WSAEADDRNOTAVAIL, ['WSAEADDRNOTAVAIL', 'EADDRNOTAVAIL']],
  [WSAENETDOWN, ['WSAENETDOWN', 'ENETDOWN']],
  [WSAENETUNREACH, ['WSAENETUNREACH', 'ENETUNREACH']],
  [WSAECONNABORTED, ['WSAECONNABORTED', 'ECONNABORTED']],
  [WSAECONNRESET, ['WSAECONNRESET', 'ECONNRESET']],
  [WSAENOBUFS, ['WSAENOBUFS', 'ENOBUFS']],
  [WSAEISCONN, ['WSAEISCONN', 'EISCONN']],
  [WSAENOTCONN, ['WSAENOTCONN', 'ENOTCONN']],
  [WSAESHUTDOWN, ['WSAESHUTDOWN', 'EPIPE']],
  [WSAETIMEDOUT, ['WSAETIMEDOUT', 'ETIMEDOUT']],
  [WSAECONNREFUSED, ['WSAECONNREFUSED', 'ECONNREFUSED']],
  [WSAEHOSTUNREACH, ['WSAEHOSTUNREACH', 'EHOSTUNREACH']],
  [WSAEDISCON, ['WSAEDISCON', 'ECONNRESET']],
  [WSASYSNOTREADY, ['WSASYSNOTREADY', 'ENETDOWN']],
  [WSAEPROVIDERFAILEDINIT, ['WSAEPROVIDERFAILEDINIT', 'EIO']],
  [WSA_IO_PENDING, ['WSA_IO_PENDING', 'EINPROGRESS']],
  [WSA_IO_INCOMPLETE, ['WSA_IO_INCOMPLETE', 'EINPROGRESS']],
]);

/** `WSAECONNREFUSED` for 10061; `WSA#12345` for a code that this table does not know. */
export function wsaName(code: WsaCode): string {
  return code === NO_ERROR ? 'NO_ERROR' : (EDGE.get(code)?.[0] ?? `WSA#${code}`);
}

/** Where an error became known: what `WSAECONNRESET` means depends on it (rule 3.3). */
export interface EdgePlace {
  readonly syscall: string;
  readonly address?: string | undefined;
  readonly port?: number | undefined;
}

/** Node's usual error object for a Winsock code: `code`, `errno` (negative, as libuv's), `syscall`, `address`, `port`. */
export function nodeError(code: WsaCode, place: EdgePlace): NodeJS.ErrnoException {
  const refusedConnect = code === WSAECONNRESET && place.syscall === 'connect';
  const name = refusedConnect ? 'ECONNREFUSED' : (EDGE.get(code)?.[1] ?? 'EIO');
  const errno = -(constants.errno[name] ?? constants.errno.EIO);
  const where =
    place.address === undefined ? '' : ` ${place.address}${place.port === undefined ? '' : `:${place.port}`}`;
  const error: NodeJS.ErrnoException & { address?: string; port?: number } = new Error(
    `${place.syscall} ${getSystemErrorName(errno)}${where}`,
  );
  error.code = name;
  error.errno = errno;
  error.syscall = place.syscall;
  if (place.address !== undefined) error.address = place.address;
  if (place.port !== undefined) error.port = place.port;
  if (code === WSAEDISCON) departures.add(error);
  return error;
}

/** What a downcall that returns a value throws when it fails: the Winsock code, and nothing else is looked at. */
export class WsaError extends Error {
  readonly wsaCode: WsaCode;

  /** @param detail for people, goes into the decision record */
  constructor(wsaCode: WsaCode, detail = '') {
    super(detail === '' ? wsaName(wsaCode) : `${wsaName(wsaCode)}: ${detail}`);
    this.name = 'WsaError';
    this.wsaCode = wsaCode;
  }
}
