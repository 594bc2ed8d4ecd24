/**
 * The check of what `connect` and `listen` are given. Where `node:net` has an error for a mistake the application gets that
 * very error: it is obtained by making the mistake there.
 */
import { createServer, isIP, Socket, type SocketConnectOpts } from 'node:net';
import { InvalidOptionError, showValue } from '../errors.js';
import { invalidArgType } from '../misuse.js';
import { checkHandlers } from '../socket/misuse.js';
import type { AnyBytes, ReceiveBuffer, SocketHandlers, SocketOptionName } from '../socket/stream-socket.js';
import type { KeepAlive } from '../spi/types.js';
import { highWaterMarkOption, integerOption } from './config.js';
import type { Ruling } from './policy.js';
import type { AdoptOptions, BesideOptions, CommonOptions, ConnectOptions, ListenOptions } from './requests.js';

const NO_HANDLERS: SocketHandlers<AnyBytes> = {};
/** Milliseconds: the longest that a timer can wait. */
export const TIMEOUT_MAX_MS = 2 ** 31 - 1;

/** The common options, checked, defaults filled in. */
export interface CheckedCommon {
  readonly highWaterMarkBytes: number;
  readonly handlers: SocketHandlers<AnyBytes>;
  readonly lend: boolean;
  readonly receiveBuffer: ReceiveBuffer | undefined;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelayMs: number;
  /** The options that the application itself has set, which a companion is given too (rule 2.6). */
  readonly remembered: ReadonlyMap<SocketOptionName, unknown>;
  readonly signal: AbortSignal | undefined;
}

/** A checked connect. */
export interface CheckedConnect extends CheckedCommon {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly family: 0 | 4 | 6;
  readonly timeoutMs: number | undefined;
  readonly resetOnDeath: boolean;
}

/** What companions need to know of their listener. */
export interface CheckedBeside extends CheckedCommon {
  readonly ipv6Only: boolean;
  readonly withheld?: string | undefined;
  readonly ruling?: Ruling | undefined;
}

/** A checked listen. */
export interface CheckedListen extends CheckedBeside {
  readonly host: string | undefined;
  readonly port: number;
  readonly backlog: number | undefined;
  readonly admit: ListenOptions['admit'];
  readonly failed: ListenOptions['failed'];
}

/** Node's error, if it is one with a code: an exception by the way (a symbol as a host) says nothing of the mistake. */
function nodeError(error: unknown): Error | null {
  return error instanceof Error && 'code' in error ? error : null;
}

/** Node's error for a connect with these options; null if it finds nothing wrong. */
function nodeConnectError(options: object): Error | null {
  const socket = new Socket();
  try {
    socket.on('error', () => {});
    socket.connect(options as SocketConnectOpts);
    return null;
  } catch (error) {
    return nodeError(error);
  } finally {
    socket.destroy();
  }
}

/** Node's error for a listen with these options; null if it finds nothing wrong. */
function nodeListenError(options: object): Error | null {
  const server = createServer();
  try {
    server.on('error', () => {});
    server.listen(options);
    return null;
  } catch (error) {
    return nodeError(error);
  } finally {
    server.close();
  }
}

function isPort(value: unknown): boolean {
  // Node takes a port as a string too.
  const port = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return Number.isInteger(port) && (port as number) >= 0 && (port as number) <= 65_535;
}

function boolean(name: string, value: unknown, usual: boolean): boolean {
  if (value === undefined) return usual;
  if (typeof value !== 'boolean') throw invalidArgType(`options.${name}`, 'of type boolean', value);
  return value;
}

function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') {
    throw invalidArgType(`options.${name}`, 'of type function', value);
  }
}

function checkObject(options: unknown): void {
  if (options === null || typeof options !== 'object') throw invalidArgType('options', 'of type object', options);
}

function checkKnown(options: object, names: ReadonlySet<string>): void {
  const unknown = Object.keys(options).find((name) => !names.has(name));
  if (unknown !== undefined) throw new InvalidOptionError(`there is no option \`${unknown}\``);
}

const COMMON = [
  'highWaterMarkBytes',
  'handlers',
  'lend',
  'receiveBuffer',
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelayMs',
  'debug',
  'signal',
];
const REMEMBERED = ['noDelay', 'keepAlive', 'debug'] as const;
const NOTHING_REMEMBERED: ReadonlyMap<SocketOptionName, unknown> = new Map();
const CONNECT_NAMES = new Set([
  ...COMMON,
  'port',
  'host',
  'localAddress',
  'localPort',
  'family',
  'timeoutMs',
  'resetOnDeath',
]);
const ADOPT_NAMES = new Set(['highWaterMarkBytes', 'handlers', 'lend', 'receiveBuffer', 'signal']);
const BESIDE_NAMES = new Set([
  ...COMMON,
  ...[
    'address',
    'descriptor',
    'ipv6Only',
    'withheld',
    'ruling',
    'place',
    'connected',
    'handedOver',
    'withdrawn',
    'failed',
  ],
]);
const LISTEN_NAMES = new Set([...COMMON, 'port', 'host', 'backlog', 'ipv6Only', 'admit', 'failed']);

function receiveBufferOption({ receiveBuffer, lend }: CommonOptions<AnyBytes>): ReceiveBuffer | undefined {
  if (receiveBuffer === undefined || typeof receiveBuffer === 'function') {
    // Nothing that could be checked before it is used.
  } else if (!(receiveBuffer instanceof Uint8Array)) {
    throw invalidArgType('options.receiveBuffer', 'an instance of Uint8Array or of type function', receiveBuffer);
  } else if (receiveBuffer.length === 0) throw new InvalidOptionError('receiveBuffer must have at least one byte');
  if (receiveBuffer !== undefined && lend === true) {
    throw new InvalidOptionError('receiveBuffer and lend exclude each other');
  }
  return receiveBuffer;
}

/**
 * What connect and listen have in common. A class and no spread object: each of those would have a hidden class of its
 * own, 2.5 KB that only a full garbage collection takes away.
 */
class Checked implements CheckedCommon {
  readonly highWaterMarkBytes: number;
  readonly handlers: SocketHandlers<AnyBytes>;
  readonly lend: boolean;
  readonly receiveBuffer: ReceiveBuffer | undefined;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelayMs: number;
  readonly remembered: ReadonlyMap<SocketOptionName, unknown>;
  readonly signal: AbortSignal | undefined;

  /** @throws TypeError, InvalidOptionError */
  constructor(options: CommonOptions<AnyBytes>, usualMarkBytes: number) {
    const { signal } = options;
    if (signal !== undefined && !(signal instanceof AbortSignal)) {
      throw invalidArgType('options.signal', 'an instance of AbortSignal', signal);
    }
    boolean('debug', options.debug, false);
    this.highWaterMarkBytes = highWaterMarkOption(options.highWaterMarkBytes, usualMarkBytes);
    this.handlers = options.handlers === undefined ? NO_HANDLERS : checkHandlers(options.handlers);
    this.lend = boolean('lend', options.lend, false);
    this.receiveBuffer = receiveBufferOption(options);
    this.noDelay = boolean('noDelay', options.noDelay, true);
    this.keepAlive = boolean('keepAlive', options.keepAlive, false);
    const delayMs = options.keepAliveInitialDelayMs;
    this.keepAliveInitialDelayMs = integerOption('keepAliveInitialDelayMs', delayMs, 0, TIMEOUT_MAX_MS, 0);
    this.remembered = rememberedOf(options);
    this.signal = signal;
  }
}

/** @throws TypeError, InvalidOptionError */
export function checkCommon(options: CommonOptions<AnyBytes>, usualMarkBytes: number): CheckedCommon {
  return new Checked(options, usualMarkBytes);
}

function rememberedOf(options: CommonOptions<AnyBytes>): ReadonlyMap<SocketOptionName, unknown> {
  const set = REMEMBERED.filter((name) => options[name] !== undefined);
  if (set.length === 0) return NOTHING_REMEMBERED;
  const remembered = new Map<SocketOptionName, unknown>(set.map((name) => [name, options[name]]));
  const { keepAlive, keepAliveInitialDelayMs: idleMs } = options;
  if (keepAlive && idleMs) remembered.set('keepAlive', { idleMs } satisfies KeepAlive);
  return remembered;
}

class ConnectRequest extends Checked implements CheckedConnect {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
  readonly family: 0 | 4 | 6;
  readonly timeoutMs: number | undefined;
  readonly resetOnDeath: boolean;

  constructor(options: ConnectOptions<AnyBytes>, usualMarkBytes: number) {
    super(options, usualMarkBytes);
    const { timeoutMs } = options;
    this.host = options.host || 'localhost';
    this.port = Number(options.port);
    this.localAddress = options.localAddress;
    this.localPort = options.localPort || undefined;
    this.family = (options.family ?? 0) as 0 | 4 | 6;
    this.resetOnDeath = boolean('resetOnDeath', options.resetOnDeath, false);
    this.timeoutMs = timeoutMs === undefined ? undefined : integerOption('timeoutMs', timeoutMs, 1, TIMEOUT_MAX_MS, 1);
  }
}

/** @throws what `net.connect` throws for the same mistake; TypeError, InvalidOptionError for what it does not know */
export function checkConnect(options: ConnectOptions<AnyBytes>, usualMarkBytes: number): CheckedConnect {
  checkObject(options);
  checkKnown(options, CONNECT_NAMES);
  const { port, host, localAddress, localPort, family = 0 } = options;
  const plain =
    isPort(port) &&
    (host === undefined || typeof host === 'string') &&
    (localAddress === undefined || (typeof localAddress === 'string' && isIP(localAddress) !== 0)) &&
    (localPort === undefined || (typeof localPort === 'number' && isPort(localPort))) &&
    (family === 0 || family === 4 || family === 6);
  if (!plain) {
    // A name would be looked up; what is wrong shows before that, unless it is the name itself.
    const like = typeof host === 'string' || host === undefined ? '127.0.0.1' : host;
    throw (
      nodeConnectError({ port, host: like, localAddress, localPort, family }) ??
      (family !== 0 && family !== 4 && family !== 6
        ? invalidArgType('options.family', 'one of: 0, 4, 6', family)
        : new InvalidOptionError(`localPort must be an integer from 0 to 65535, not ${showValue(localPort)}`))
    );
  }
  return new ConnectRequest(options, usualMarkBytes);
}

/** @throws what `net.Server.listen` throws for the same mistake; TypeError, InvalidOptionError for what it does not know */
export function checkListen(options: ListenOptions<AnyBytes>, usualMarkBytes: number): CheckedListen {
  checkObject(options);
  checkKnown(options, LISTEN_NAMES);
  const { port = 0, host, backlog } = options;
  if (!isPort(port)) {
    throw nodeListenError({ port }) ?? new InvalidOptionError('the port is not valid');
  }
  if (host !== undefined && typeof host !== 'string') throw invalidArgType('options.host', 'of type string', host);
  checkFunction('admit', options.admit);
  checkFunction('failed', options.failed);
  return {
    ...new Checked(options, usualMarkBytes),
    host: host || undefined,
    port: Number(port),
    backlog: backlog === undefined ? undefined : integerOption('backlog', backlog, 0, 2 ** 31 - 1, 511),
    ipv6Only: boolean('ipv6Only', options.ipv6Only, false),
    admit: options.admit,
    failed: options.failed,
  };
}

/** @throws TypeError, InvalidOptionError */
export function checkBeside<T>(options: BesideOptions<T>, usualMarkBytes: number): CheckedBeside {
  checkObject(options);
  checkKnown(options, BESIDE_NAMES);
  const { address, descriptor, place, connected, handedOver } = options;
  if (typeof address?.address !== 'string') throw invalidArgType('options.address', 'of type AddressInfo', address);
  if (!Number.isInteger(descriptor)) throw invalidArgType('options.descriptor', 'an integer', descriptor);
  for (const [name, value] of Object.entries({ place, connected, handedOver })) {
    if (typeof value !== 'function') throw invalidArgType(`options.${name}`, 'of type function', value);
  }
  checkFunction('withdrawn', options.withdrawn);
  checkFunction('failed', options.failed);
  const ipv6Only = boolean('ipv6Only', options.ipv6Only, false);
  return { ...new Checked(options, usualMarkBytes), ipv6Only, withheld: options.withheld, ruling: options.ruling };
}

/** @throws TypeError, InvalidOptionError */
export function checkAdopt(options: AdoptOptions, usualMarkBytes: number): CheckedCommon {
  checkObject(options);
  checkKnown(options, ADOPT_NAMES);
  return new Checked(options, usualMarkBytes);
}
