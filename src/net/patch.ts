/** Puts the switch below `net.Socket` and `net.Server` of this thread. */
import { Server, Socket } from 'node:net';
import { watchConnect } from './connecting.js';
import type { InnerServer } from './internals.js';
import { watchListen } from './listening.js';

/** Patches the platform's own classes. */
export function patch(): void {
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function patched(this: Socket, ...args: unknown[]) {
    const result = Reflect.apply(connect, this, args) as Socket;
    watchConnect(this);
    return result;
  } as typeof connect;
  const prototype = Server.prototype as InnerServer;
  const listen = prototype._listen2;
  prototype._listen2 = function patched(this: Server, ...args: unknown[]) {
    Reflect.apply(listen, this, args);
    watchListen(this);
  };
}
