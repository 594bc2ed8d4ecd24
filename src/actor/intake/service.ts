/** How one thread serves the connections of one listener. */
import type { AnyBytes } from '../../socket/stream-socket.js';
import type { CommonOptions } from '../../switch/requests.js';
import type { ActorAddress } from '../address.js';
import type { HostSpawnOptions } from '../core.js';
import { unpackArgs } from '../runtime/args.js';
import type { ActorRef } from '../types.js';
import type { AnyDefinition } from '../workers/load-module.js';
import type { ListenerSetup, SocketSettings } from './setup.js';
import { TlsEntrance } from './tls.js';

/** See the top of this file. */
export interface Service {
  readonly definition: AnyDefinition;
  /** The arguments of one more actor. */
  readonly args: () => unknown;
  readonly spawn: HostSpawnOptions;
  readonly settings: SocketSettings;
  readonly socket: CommonOptions<AnyBytes>;
  readonly tls: TlsEntrance | null;
}

/** What a socket's switch is told, with this thread's receive buffer if there is to be one. */
export function socketOptions({ receiveBufferBytes, ...options }: SocketSettings): CommonOptions<AnyBytes> {
  return receiveBufferBytes === undefined ? options : { ...options, receiveBuffer: new Uint8Array(receiveBufferBytes) };
}

/** @param ref makes a live reference of this thread @throws what `tls.createServer` throws */
export function serviceOf(
  { url, args, actor, socket, tls }: ListenerSetup,
  definition: AnyDefinition,
  ref: (address: ActorAddress) => ActorRef<never>,
): Service {
  return {
    definition,
    args: () => unpackArgs(args, ref),
    spawn: { ...actor, module: url },
    settings: socket,
    socket: socketOptions(socket),
    tls: tls === undefined ? null : new TlsEntrance(tls),
  };
}
