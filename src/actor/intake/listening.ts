/** From what the application asks for to a socket that listens: the checks, look-ups and choices that `net.Server` makes. */
import { lookup } from 'node:dns/promises';
import { showValue } from '../../errors.js';
import { describeReceived, invalidArgType, nodeCoded, outOfRange } from '../../misuse.js';
import { ERRNO, type SystemError } from '../../native/os.js';
import { type ListenPlace, listenTcp } from '../../native/tcp.js';

/** What `net.Server` asks the kernel for when nobody says anything else. */
const BACKLOG = 511;
const BACKLOG_MAX = 2 ** 31 - 1;
const PORT_MAX = 65_535;

/** Where a listener shall listen; names and meanings are those of `net.Server.listen`. */
export interface ListeningOptions {
  /** 0 or none: one that the system chooses. */
  readonly port?: number | string;
  /** An address or a name, of which the first address is taken. None: every address, IPv6 and IPv4. */
  readonly host?: string;
  /** Connections that may wait for being accepted; 511. */
  readonly backlog?: number;
  /** With an IPv6 wildcard: no IPv4. */
  readonly ipv6Only?: boolean;
}

function checkPort(port: unknown): number {
  if (typeof port !== 'number' && typeof port !== 'string') {
    const message = `The property 'options.port' is invalid. Received ${showValue(port)}`;
    throw nodeCoded(new TypeError(message), 'ERR_INVALID_ARG_VALUE');
  }
  const value = typeof port === 'string' && port.trim() !== '' ? Number(port) : port;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= PORT_MAX) return value;
  const message = `options.port should be >= 0 and < ${PORT_MAX + 1}. ${describeReceived(port)}.`;
  throw nodeCoded(new RangeError(message), 'ERR_SOCKET_BAD_PORT');
}

/**
 * A count that the application gives.
 * @throws ERR_INVALID_ARG_TYPE, ERR_OUT_OF_RANGE
 */
export function checkCount(name: string, value: unknown, max: number): number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (!Number.isInteger(value) || value < 0 || value > max)
    throw outOfRange(name, `an integer >= 0 && <= ${max}`, value);
  return value;
}

/** Listens on every address: by the IPv6 wildcard where there is IPv6. */
function listenEverywhere(place: Omit<ListenPlace, 'address' | 'family'>): number {
  try {
    return listenTcp({ ...place, address: '::', family: 6 });
  } catch (error) {
    // The port is taken there, so it is taken; anything else may be for want of IPv6.
    if ((error as SystemError).errno === ERRNO.EADDRINUSE) throw error;
    return listenTcp({ ...place, address: '0.0.0.0', family: 4 });
  }
}

/**
 * @returns the descriptor of a listening socket, to be closed with `closeDescriptor`
 * @throws what `net.Server.listen` throws or emits: ERR_SOCKET_BAD_PORT, ENOTFOUND, EADDRINUSE, EACCES, EADDRNOTAVAIL
 */
export async function startListening(options: ListeningOptions): Promise<number> {
  const port = checkPort(options.port ?? 0);
  // 0 means the usual one, as it does there.
  const backlog = checkCount('options.backlog', options.backlog ?? 0, BACKLOG_MAX) || BACKLOG;
  const ipv6Only = options.ipv6Only === true;
  const { host } = options;
  if (host === undefined || host === '') return listenEverywhere({ port, backlog, ipv6Only });
  const { address, family } = await lookup(host);
  return listenTcp({ address, family: family === 6 ? 6 : 4, port, backlog, ipv6Only });
}
