/** Puts the switch below `net.Socket` and `net.Server` of this thread. */
import cluster from 'node:cluster';
import { Server, Socket } from 'node:net';
import type { Objection } from '../switch/policy.js';
import { watchConnect } from './connecting.js';
import type { InnerServer } from './internals.js';
import { watchListen } from './listening.js';
import { patchTls } from './securing.js';

/** On `Socket.prototype` and known to all copies of this package that a thread has loaded: it is patched. */
const PATCHED = Symbol.for('sanswitch.patched');

/** What `_listen2` is given: address, port, family, backlog, descriptor, flags. */
export type ListenArgs = readonly unknown[];

const DESCRIPTOR = 4;

/**
 * Why a server that is about to listen has to stay on TCP/IP, whatever serves here; null: it has not to. Others may listen on a
 * descriptor that came from elsewhere, and take its callers.
 */
export function objectionToListen(server: Server, args: ListenArgs): Objection | null {
  if (cluster.isWorker) return { reason: 'cluster-worker' };
  const fd = args[DESCRIPTOR];
  if (typeof fd === 'number' && fd >= 0) return { reason: 'file-descriptor' };
  return (server as InnerServer)._handle === null ? null : { reason: 'foreign-handle' };
}

/**
 * Patches the platform's own classes, which programs and libraries have hold of already. Functions that others have put there
 * before are called; those who come later call ours. @returns false: they are patched already
 */
export function patch(): boolean {
  if (Object.hasOwn(Socket.prototype, PATCHED)) return false;
  Object.defineProperty(Socket.prototype, PATCHED, { value: true });
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function patched(this: Socket, ...args: unknown[]) {
    const result = Reflect.apply(connect, this, args) as Socket;
    watchConnect(this);
    return result;
  } as typeof connect;
  const prototype = Server.prototype as InnerServer;
  const listen = prototype._listen2;
  prototype._listen2 = function patched(this: Server, ...args: unknown[]) {
    const objection = objectionToListen(this, args);
    Reflect.apply(listen, this, args);
    watchListen(this, objection);
  };
  patchTls();
  return true;
}
