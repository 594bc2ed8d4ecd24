/** Puts the switch below `net.Socket` and `net.Server` of this thread. */
import { Server, Socket } from 'node:net';
import { watchConnect } from './connecting.js';
import type { InnerServer } from './internals.js';
import { objectionToListen, watchListen } from './listening.js';
import { patchTls } from './securing.js';

/** On `Socket.prototype` and known to all copies of this package that a thread has loaded: it is patched. */
const PATCHED = Symbol.for('sanswitch.patched');

/**
 * Patches the platform's own classes, which programs and libraries have hold of already. Functions that others have put there
 * before are called; those who come later call ours. @returns false: they are patched already
 */
export function patch(): boolean {
  if (Object.hasOwn(Socket.prototype, PATCHED)) return false;
  Object.defineProperty(Socket.prototype, PATCHED, { value: true });
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function patched(this: Socket, ...args: unknown[]) {
    watchConnect(this, () => Reflect.apply(connect, this, args));
    return this;
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
