/** What `runtime.listen` and `runtime.connect` take, and the check of it. */
import { createSecureContext, type TlsOptions } from 'node:tls';
import { InvalidOptionError, NotSerializableError, showValue } from '../../errors.js';
import { invalidArgType } from '../../misuse.js';
import type { ConnectOptions } from '../../switch/requests.js';
import { checkCommon, checkConnect } from '../../switch/validate.js';
import { optionsObject, resolveMailbox, resolveRootSupervision } from '../options.js';
import type { PackedArgs } from '../runtime/args.js';
import { packArgs } from '../runtime/args.js';
import type { Placement } from '../runtime/placement.js';
import type { MailboxOptions, SupervisionOptions } from '../types.js';
import type { ListeningOptions } from './listening.js';
import type { ReceptionOptions } from './reception.js';
import type { ActorSettings, SocketSettings } from './setup.js';

/** What `runtime.listen` takes, besides the actor. */
export interface RuntimeListenOptions extends ListeningOptions, ReceptionOptions, SocketSettings {
  /**
   * As for `tls.createServer`, as far as it can be sent to other threads: each worker makes the handshakes of its own
   * connections (within `handshakeTimeout`, 10 s by default). Such a listener has no SAN companions.
   */
  readonly tls?: TlsOptions;
  /** Comes before what the definition says. */
  readonly mailbox?: MailboxOptions;
  /** What happens when the actor of a connection fails. It keeps its socket over a restart, and goes with its worker. */
  readonly supervision?: SupervisionOptions;
}

/** Where `runtime.connect` connects to; each means what it means in `Switch.connect`. */
export type Destination = Pick<ConnectOptions, 'port' | 'host' | 'localAddress' | 'localPort' | 'family' | 'timeoutMs'>;

/** What `runtime.connect` takes, besides the actor. */
export interface RuntimeConnectOptions extends Destination, SocketSettings {
  /** For the URL of a module only. Default `least-loaded`. */
  readonly worker?: Placement;
  /** The name that the actor has as long as it lives. @throws NameTakenError */
  readonly name?: string;
  readonly mailbox?: MailboxOptions;
  /** With it the actor of a worker that died is started again, with a new connection. */
  readonly supervision?: SupervisionOptions;
}

/** A connect, as the thread that makes it knows it. Can be posted. */
export interface ConnectSettings {
  readonly destination: Destination;
  readonly socket: SocketSettings;
}

const SOCKET_NAMES = [
  'highWaterMarkBytes',
  'lend',
  'noDelay',
  'keepAlive',
  'keepAliveInitialDelayMs',
  'receiveBufferBytes',
] as const satisfies readonly (keyof SocketSettings)[];
const DESTINATION_NAMES = [
  'port',
  'host',
  'localAddress',
  'localPort',
  'family',
  'timeoutMs',
] as const satisfies readonly (keyof Destination)[];
const ACTOR_NAMES = ['actor', 'args', 'mailbox', 'supervision'];
const LISTEN_NAMES = [
  ...SOCKET_NAMES,
  ...ACTOR_NAMES,
  'port',
  'host',
  'backlog',
  'ipv6Only',
  'placement',
  'admit',
  'maxConnections',
  'failed',
  'dropped',
  'tls',
];
const CONNECT_NAMES = [...SOCKET_NAMES, ...ACTOR_NAMES, ...DESTINATION_NAMES, 'worker', 'name'];
const RECEIVE_BUFFER_MAX_BYTES = 2 ** 30;
/** The checks of the switch want to know one; that of each thread's switch is taken where nothing is said. */
const ANY_MARK_BYTES = 1;

/** An object without unknown entries. @throws InvalidOptionError */
export function checkNames<T>(what: 'listen' | 'connect', given: T): T {
  return optionsObject(`the options of ${what}`, given, what === 'listen' ? LISTEN_NAMES : CONNECT_NAMES) as T;
}

/** @throws InvalidOptionError, ERR_INVALID_ARG_TYPE, what `tls.createSecureContext` throws */
export function checkListenOptions(given: RuntimeListenOptions): SocketSettings {
  const options = given as Readonly<Record<string, unknown>>;
  for (const name of ['admit', 'failed', 'dropped']) {
    if (options[name] !== undefined && typeof options[name] !== 'function') {
      throw invalidArgType(`options.${name}`, 'of type function', options[name]);
    }
  }
  if (options.ipv6Only !== undefined && typeof options.ipv6Only !== 'boolean') {
    throw invalidArgType('options.ipv6Only', 'of type boolean', options.ipv6Only);
  }
  if (options.tls !== undefined) checkTls(options.tls);
  return checkSocket(options);
}

/** @throws what `Switch.connect` throws; InvalidOptionError */
export function checkConnectOptions(given: RuntimeConnectOptions): ConnectSettings {
  const options = given as unknown as Readonly<Record<string, unknown>>;
  const destination = pick(options, DESTINATION_NAMES) as unknown as Destination;
  checkConnect(destination, ANY_MARK_BYTES);
  return { destination, socket: checkSocket(options) };
}

function checkSocket(options: Readonly<Record<string, unknown>>): SocketSettings {
  const { receiveBufferBytes, ...settings } = pick(options, SOCKET_NAMES) as SocketSettings;
  const isSize = (bytes: number) => Number.isInteger(bytes) && bytes >= 1 && bytes <= RECEIVE_BUFFER_MAX_BYTES;
  if (receiveBufferBytes === undefined) {
    checkCommon(settings, ANY_MARK_BYTES);
    return settings;
  }
  if (!isSize(receiveBufferBytes)) {
    const shown = showValue(receiveBufferBytes);
    throw new InvalidOptionError(
      `receiveBufferBytes must be an integer from 1 to ${RECEIVE_BUFFER_MAX_BYTES}, not ${shown}`,
    );
  }
  checkCommon({ ...settings, receiveBuffer: new Uint8Array(1) }, ANY_MARK_BYTES);
  return { ...settings, receiveBufferBytes };
}

function checkTls(tls: unknown): void {
  if (tls === null || typeof tls !== 'object') throw invalidArgType('options.tls', 'of type object', tls);
  try {
    structuredClone(tls);
  } catch (error) {
    throw new InvalidOptionError(`tls can't be sent to other threads: ${(error as Error).message}`);
  }
  createSecureContext(tls as TlsOptions);
}

/** @param crosses it is sent to another thread @throws InvalidOptionError */
export function checkActor(
  { mailbox, supervision }: Pick<RuntimeListenOptions, 'mailbox' | 'supervision'>,
  crosses: boolean,
): ActorSettings {
  if (crosses && supervision?.decide !== undefined) {
    throw new InvalidOptionError('supervision.decide is a function, which does not cross threads');
  }
  resolveMailbox(mailbox);
  resolveRootSupervision(supervision);
  return { mailbox, supervision };
}

/** The arguments of the actors of a listener. @throws NotSerializableError, what a getter of them throws */
export function packListenerArgs(args: unknown): PackedArgs {
  const packed = packArgs(args);
  if (packed.transfers.length === 0) return packed;
  throw new NotSerializableError('the arguments of a listener’s actors hold what can be handed over only once');
}

function pick(options: Readonly<Record<string, unknown>>, names: readonly string[]): object {
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
}
