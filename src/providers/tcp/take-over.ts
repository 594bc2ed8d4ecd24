/** A TCP/IP connection that another owner has handed over (rule 8.1). */
import { Socket } from 'node:net';
import { InvalidOptionError } from '../../errors.js';
import { releaseDescriptor } from '../../native/os.js';
import type { TransportEvents } from '../../switch/transport.js';
import type { TcpConnection } from './connect.js';
import { type TcpContext, TcpTransport } from './transport.js';

function open({ fd, ended, isOwned }: TcpContext, options: object): Socket {
  const socket = new Socket({ fd, allowHalfOpen: true, pauseOnCreate: true, writable: !ended, ...options } as object);
  if (isOwned === true) releaseDescriptor(fd);
  return socket;
}

/** @throws InvalidOptionError */
export function checkTcpContext(context: unknown): TcpContext {
  const { fd } = (context ?? {}) as Partial<TcpContext>;
  if (Number.isInteger(fd) && (fd as number) >= 0) return context as TcpContext;
  throw new InvalidOptionError('the context of a connection by TCP/IP has no descriptor');
}

/** Opens the connection here. @throws EBADF, EINVAL, ENOTSOCK: the descriptor is none, and is still whose it was */
export function takeOverTcp(context: TcpContext, events: TransportEvents, highWaterMarkBytes: number): TcpConnection {
  const { fd, ended, stopped, resetsOnClose } = context;
  const socket = open(context, { writableHighWaterMark: highWaterMarkBytes });
  const underneath = resetsOnClose ? { socket, descriptor: fd } : null;
  return { socket, transport: new TcpTransport(socket, events, highWaterMarkBytes, underneath, stopped && !ended) };
}

/** The descriptor is this thread's no more: it belongs to whoever has the hand-over. */
export function releaseTcp({ fd }: TcpContext): void {
  releaseDescriptor(fd);
}

/** Nobody takes the connection over: the peer sees a reset. */
export function discardTcp(context: TcpContext): void {
  const socket = open(context, {});
  socket.on('error', () => {});
  socket.resetAndDestroy();
}
