/**
 * `sanswitch/net`: the shape of `node:net`, over the switch. Nothing of `net` is patched: only the sockets and servers that are
 * made here, and what they connect to and accept, go through it. Channels to other processes are guarded against these.
 */
import { channel } from 'node:diagnostics_channel';
import net from 'node:net';
import { guardChannels } from './channels.js';
import { watchConnect } from './connecting.js';
import type { ServerInfo, SocketInfo } from './info.js';
import type { InnerServer } from './internals.js';
import { objectionToListen, watchListen } from './listening.js';
import { configure, settingsOf } from './thread-face.js';

// Names of its own go before those of the platform.
export * from 'node:net';
export type { SwitchOptions } from '../switch/config.js';
export type { DecisionRecord } from '../switch/decisions.js';
export type { ServerInfo, SocketInfo } from './info.js';
export { configure };

// What is wrong in the environment is an error here, not in the middle of a connect.
settingsOf();
guardChannels();

/** A `net.Socket` that tells who serves it. */
export interface Socket extends net.Socket {
  /** Who serves it, once that is decided. */
  readonly sanswitch?: SocketInfo;
}

/** A `net.Server` that tells who serves its callers. */
export interface Server extends net.Server {
  /** Once it listens on a port. */
  readonly sanswitch?: ServerInfo;
}

/** As the platform's: with `new`, without it, and as a class to extend. */
export interface SocketConstructor {
  new (options?: net.SocketConstructorOpts): Socket;
  (options?: net.SocketConstructorOpts): Socket;
  readonly prototype: Socket;
}

/** What is told of each connection. */
export type ConnectionListener = (socket: Socket) => void;

/** As the platform's: with `new`, without it, and as a class to extend. */
export interface ServerConstructor {
  new (listener?: ConnectionListener): Server;
  new (options?: net.ServerOpts, listener?: ConnectionListener): Server;
  (options?: net.ServerOpts | ConnectionListener, listener?: ConnectionListener): Server;
  readonly prototype: Server;
}

/** As the platform's. */
export interface Connect {
  (options: net.NetConnectOpts, connected?: () => void): Socket;
  (port: number, host?: string, connected?: () => void): Socket;
  (path: string, connected?: () => void): Socket;
}

type Constructor = abstract new (...args: never[]) => object;

const isOrdinaryInstance = Function.prototype[Symbol.hasInstance];

/** A class below one of the platform's, which may be called as that may: without `new`, or on an object under construction. */
function derive(Base: Constructor, methods: object): Constructor {
  const Derived = function (this: unknown, ...args: never[]): unknown {
    if (new.target !== undefined) return Reflect.construct(Base, args, new.target);
    if (!isOrdinaryInstance.call(Derived, this)) return Reflect.construct(Base, args, Derived);
    Reflect.apply(Base as unknown as () => void, this, args);
    return undefined;
  } as unknown as Constructor & { prototype: object };
  Object.setPrototypeOf(Derived, Base);
  const prototype = Object.create(Base.prototype as object) as object;
  Object.assign(prototype, methods);
  Object.defineProperty(prototype, 'constructor', { value: Derived, writable: true, configurable: true });
  Object.defineProperty(Derived, 'prototype', { value: prototype });
  Object.defineProperty(Derived, 'name', { value: Base.name });
  return Derived;
}

/** `net.Server` over the switch. */
export const Server = derive(net.Server, {
  _listen2(this: InnerServer, ...args: unknown[]) {
    const objection = objectionToListen(this, args);
    Reflect.apply((net.Server.prototype as InnerServer)._listen2, this, args);
    watchListen(this, objection);
  },
}) as unknown as ServerConstructor;

/** `net.Socket` over the switch. What a `Server` of here has accepted is an instance, too. */
export const Socket = derive(net.Socket, {
  connect(this: net.Socket, ...args: unknown[]) {
    watchConnect(this, () => Reflect.apply(net.Socket.prototype.connect, this, args));
    return this;
  },
}) as unknown as SocketConstructor;

Object.defineProperty(Socket, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    if (isOrdinaryInstance.call(this as Constructor, value)) return true;
    // The platform makes what it accepts.
    return this === Socket && value instanceof net.Socket && (value as { server?: unknown }).server instanceof Server;
  },
});

/** The platform's name for `Socket` from before there was one. */
export const Stream = Socket;

const made = channel('net.client.socket');

/** What `net.connect` makes a socket of: its first argument, if that is no port and no path. */
function socketOptions(first: unknown): net.TcpNetConnectOpts {
  const options: unknown = Array.isArray(first) ? first[0] : first;
  return (options !== null && typeof options === 'object' ? options : {}) as net.TcpNetConnectOpts;
}

/** `net.connect` over the switch. */
export const connect: Connect = (...args: unknown[]): Socket => {
  const options = socketOptions(args[0]);
  const socket = new Socket(options);
  if (made.hasSubscribers) made.publish({ socket });
  if (options.timeout) socket.setTimeout(options.timeout);
  return Reflect.apply(socket.connect, socket, args) as Socket;
};

/** `net.connect`. */
export const createConnection = connect;

/** `net.createServer` over the switch. */
export const createServer = (options?: net.ServerOpts | ConnectionListener, listener?: ConnectionListener): Server =>
  Server(options, listener);

export default { ...net, Socket, Stream, Server, connect, createConnection, createServer, configure };
