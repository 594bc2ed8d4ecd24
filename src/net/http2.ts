/** HTTP/2 reads and writes natively, so it has to be known before a handle is chosen. It is not loaded for that. */
import type { Server } from 'node:net';
import type { InnerSocket } from './internals.js';

function isNamed(value: unknown, name: string): boolean {
  return (value as object | null | undefined)?.constructor?.name === name;
}

/** Whether a session has taken this socket: it leaves itself there, under a key that differs between versions of Node.js. */
export function isOfHttp2(socket: InnerSocket): boolean {
  const values = socket as unknown as Record<string | symbol, unknown>;
  return Reflect.ownKeys(socket).some((key) => isNamed(values[key], 'ClientHttp2Session'));
}

/** Whether all sockets of this server are HTTP/2's. */
export function servesHttp2(server: Server): boolean {
  return isNamed(server, 'Http2Server');
}
