/**
 * Socket options (rules 2.6, 9.1). The switch and TCP/IP answer the ordinary ones; what only a provider can know or do
 * (message and RDMA sizes, SO_DEBUG, groups, quality of service) goes to the provider where it supports it.
 */
import type { Socket as PlatformSocket } from 'node:net';
import { InvalidOptionError, showValue } from '../errors.js';
import type { SocketOptionTarget } from '../socket/socket.js';
import type { SocketOptionName } from '../socket/stream-socket.js';
import { NO_ERROR, nodeError, WSAENOPROTOOPT, WSAEOPNOTSUPP, type WsaCode } from '../spi/codes.js';
import {
  IPPROTO_TCP,
  SIO_GET_QOS,
  SIO_SET_GROUP_QOS,
  SIO_SET_QOS,
  SO_DEBUG,
  SO_GROUP_ID,
  SO_GROUP_PRIORITY,
  SO_KEEPALIVE,
  SO_MAX_MSG_SIZE,
  SO_MAX_RDMA_SIZE,
  SO_RDMA_THRESHOLD_SIZE,
  SOL_SOCKET,
  TCP_NODELAY,
} from '../spi/types.js';
import type { Companion } from './companion.js';
import { resultOf, StepFailure, statusOf } from './downcalls.js';

/** The application's options of one socket: remembered from the moment on that it set them. */
export type RememberedOptions = Map<SocketOptionName, unknown>;

interface OptionPlace {
  readonly level: number;
  readonly name: number;
}

/** The options that are replayed on a companion, by what the SPI calls them (rule 2.6). */
export const REPLAYED: Partial<Record<SocketOptionName, OptionPlace>> = {
  noDelay: { level: IPPROTO_TCP, name: TCP_NODELAY },
  keepAlive: { level: SOL_SOCKET, name: SO_KEEPALIVE },
  debug: { level: SOL_SOCKET, name: SO_DEBUG },
};

/** The options that the provider answers, where it supports them (rule 9.1). */
const PROVIDERS: Partial<Record<SocketOptionName, OptionPlace>> = {
  debug: { level: SOL_SOCKET, name: SO_DEBUG },
  groupId: { level: SOL_SOCKET, name: SO_GROUP_ID },
  groupPriority: { level: SOL_SOCKET, name: SO_GROUP_PRIORITY },
  maxMessageBytes: { level: SOL_SOCKET, name: SO_MAX_MSG_SIZE },
  maxRdmaBytes: { level: SOL_SOCKET, name: SO_MAX_RDMA_SIZE },
  rdmaThresholdBytes: { level: SOL_SOCKET, name: SO_RDMA_THRESHOLD_SIZE },
};

/** Quality of service goes by `WSPIoctl` (rule 9.1). */
const CONTROLS: Partial<Record<SocketOptionName, { readonly get?: number; readonly set: number }>> = {
  qos: { get: SIO_GET_QOS, set: SIO_SET_QOS },
  groupQos: { set: SIO_SET_GROUP_QOS },
};

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

  get remembered(): ReadonlyMap<SocketOptionName, unknown> {
    return this.values;
  }

  get(name: SocketOptionName): unknown {
    if (name !== 'noDelay' && name !== 'keepAlive') throw nodeError(WSAENOPROTOOPT, { syscall: 'getsockopt' });
    return Boolean(this.values.get(name));
  }
}

/** The options of a connection that a SAN provider serves. Its companion is no longer needed for anything else. */
export class SanOptions implements SocketOptionTarget {
  readonly companion: Companion;
  private readonly given: ReadonlyMap<SocketOptionName, unknown>;
  /** Made when it is first needed: few applications ask. */
  private own: RememberedOptions | null = null;

  constructor(companion: Companion, remembered: ReadonlyMap<SocketOptionName, unknown>) {
    this.companion = companion;
    this.given = remembered;
  }

  get remembered(): ReadonlyMap<SocketOptionName, unknown> {
    return this.own ?? this.given;
  }

  private get values(): RememberedOptions {
    this.own ??= new Map<SocketOptionName, unknown>([['noDelay', true], ['keepAlive', false], ...this.given]);
    return this.own;
  }

  set(name: SocketOptionName, given: unknown): void {
    // As over TCP/IP the time of the first probe stays what it was.
    const value = (name === 'keepAlive' && given === true && this.given.get(name)) || given;
    const control = CONTROLS[name];
    const place = PROVIDERS[name] ?? REPLAYED[name];
    if (name === 'noDelay' || name === 'keepAlive' || name === 'debug') checkFlag(name, given);
    if (control !== undefined) this.ask('setsockopt', (spi, socket) => spi.WSPIoctl(socket, control.set, value));
    else if (place === undefined) throw nodeError(WSAENOPROTOOPT, { syscall: 'setsockopt' });
    else if (!this.tell(place, value) && PROVIDERS[name] !== undefined) {
      throw nodeError(WSAENOPROTOOPT, { syscall: 'setsockopt' });
    }
    if (PROVIDERS[name] === undefined) this.values.set(name, value);
  }

  get(name: SocketOptionName): unknown {
    const place = PROVIDERS[name];
    const control = CONTROLS[name]?.get;
    if (place !== undefined) {
      return this.ask('getsockopt', (spi, socket) => spi.WSPGetSockOpt(socket, place.level, place.name));
    }
    if (control !== undefined) return this.ask('getsockopt', (spi, socket) => spi.WSPIoctl(socket, control));
    if (!this.values.has(name)) throw nodeError(WSAENOPROTOOPT, { syscall: 'getsockopt' });
    return Boolean(this.values.get(name));
  }

  /** @returns whether the provider knows the option */
  private tell(place: OptionPlace, value: unknown): boolean {
    const { spi, fault } = this.companion.provider;
    let code: WsaCode;
    try {
      code = statusOf('WSPSetSockOpt', 'option-failed', fault, () =>
        spi.WSPSetSockOpt(this.companion.socket, place.level, place.name, value),
      );
    } catch (error) {
      throw edge(error, 'setsockopt');
    }
    if (code !== NO_ERROR && code !== WSAENOPROTOOPT) throw nodeError(code, { syscall: 'setsockopt' });
    return code === NO_ERROR;
  }

  private ask(
    syscall: string,
    call: (spi: Companion['provider']['spi'], socket: Companion['socket']) => unknown,
  ): unknown {
    const { spi, fault } = this.companion.provider;
    try {
      return resultOf(syscall, 'option-failed', fault, () => call(spi, this.companion.socket));
    } catch (error) {
      throw edge(error, syscall);
    }
  }
}

/** What a provider does not support is an option that does not exist. */
function edge(error: unknown, syscall: string): Error {
  if (!(error instanceof StepFailure)) return error as Error;
  return nodeError(error.code === WSAEOPNOTSUPP ? WSAENOPROTOOPT : error.code, { syscall });
}

/** @throws InvalidOptionError */
export function checkFlag(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean')
    throw new InvalidOptionError(`${name} must be true or false, not ${showValue(value)}`);
  return value;
}
