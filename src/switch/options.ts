/**
 * Socket options (rules 2.6, 9.1). The switch and TCP/IP answer the ordinary ones; what only a provider can know or do
 * (message and RDMA sizes, SO_DEBUG, groups, quality of service) goes to the provider where it supports it.
 */
import type { Socket as PlatformSocket } from 'node:net';
import { InvalidOptionError } from '../errors.js';
import type { SocketOptionTarget } from '../socket/socket.js';
import type { SocketOptionName } from '../socket/stream-socket.js';
import { nodeError, WSAENOPROTOOPT } from '../spi/codes.js';

/** The application's options of one socket: remembered from the moment on that it set them. */
export type RememberedOptions = Map<SocketOptionName, unknown>;

/** The options of a connection that TCP/IP serves. */
export class TcpOptions implements SocketOptionTarget {
  private readonly socket: PlatformSocket;
  private readonly values: RememberedOptions;

  /** @param remembered what the application set when it connected or listened */
  constructor(socket: PlatformSocket, remembered: ReadonlyMap<SocketOptionName, unknown>) {
    this.socket = socket;
    this.values = new Map<SocketOptionName, unknown>([['noDelay', true], ['keepAlive', false], ...remembered]);
  }

  set(name: SocketOptionName, value: unknown): void {
    if (name === 'noDelay') this.socket.setNoDelay(checkFlag(name, value));
    else if (name === 'keepAlive') this.socket.setKeepAlive(checkFlag(name, value));
    else throw nodeError(WSAENOPROTOOPT, { syscall: 'setsockopt' });
    this.values.set(name, value);
  }

  get(name: SocketOptionName): unknown {
    if (name !== 'noDelay' && name !== 'keepAlive') throw nodeError(WSAENOPROTOOPT, { syscall: 'getsockopt' });
    return this.values.get(name);
  }
}

/** @throws InvalidOptionError */
export function checkFlag(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw new InvalidOptionError(`${name} must be true or false, not ${String(value)}`);
  return value;
}
