/** Looks the platform's inner symbols up, once: a Node.js that has others stays on TCP/IP, and says so. */
import { Socket } from 'node:net';
import type { Objection } from '../switch/policy.js';
import { type Handle, type InnerSocket, symbolOf } from './internals.js';
import { warn } from './thread-face.js';

/** The symbols that a SAN connection needs. */
export interface Platform {
  /** Of a handle: its socket. */
  readonly owner: symbol;
  /** Of `Socket.prototype`: puts another handle in the place of the one that it has. */
  readonly reinitialize: symbol;
  /** Of a socket made with `onread`: the memory, the callback, and the function that gives memory. */
  readonly buffer: symbol;
  readonly bufferCallback: symbol;
  readonly bufferGenerator: symbol;
  /** Of a socket: bytes of the last write that waits, which its time-out looks at. */
  readonly lastWriteQueueSize: symbol;
}

/** What stands against any provider but TCP/IP on this thread. */
let objection: Objection | null | undefined;

let known: Platform | string | undefined;

function find(handle: object): Platform | string {
  const socket = new Socket();
  const symbols = {
    owner: symbolOf(handle, 'owner_symbol'),
    reinitialize: symbolOf(socket, 'kReinitializeHandle'),
    buffer: symbolOf(socket, 'kBuffer'),
    bufferCallback: symbolOf(socket, 'kBufferCb'),
    bufferGenerator: symbolOf(socket, 'kBufferGen'),
    lastWriteQueueSize: symbolOf(socket, 'lastWriteQueueSize'),
  };
  const missing = Object.entries(symbols).flatMap(([name, symbol]) => (symbol === undefined ? [name] : []));
  if (missing.length > 0) return `Node.js ${process.versions.node} is not known inside (${missing.join(', ')})`;
  return symbols as Platform;
}

/**
 * The platform, or why it is not known.
 * @param handle one of its own, which belongs to a socket or a server
 */
export function platformOf(handle: object): Platform | string {
  known ??= find(handle);
  return known;
}

/** Node's permission model forbids what no face of ours could ask for in the platform's place. */
function permissionModel(): Objection | null {
  if ((process as { permission?: unknown }).permission === undefined) return null;
  return { reason: 'permission-model', detail: "Node's permission model is on" };
}

/**
 * Why nothing but TCP/IP serves on this thread; null: there is no reason.
 * @param handle as for `platformOf`
 */
export function platformObjection(handle: object): Objection | null {
  if (objection === undefined) {
    const platform = platformOf(handle);
    objection = typeof platform === 'string' ? { reason: 'unknown-platform', detail: platform } : permissionModel();
    if (objection !== null) warn(objection.detail as string);
  }
  return objection;
}

/** Puts a handle in the place of a socket's own, which is closed. */
export function replaceHandle(socket: InnerSocket, handle: Handle, platform: Platform): void {
  // The platform would forget that the socket has been ended, as it may have been before it was connected.
  const { _undestroy } = socket;
  const replaced = (value: () => void) =>
    Object.defineProperty(socket, '_undestroy', { value, writable: true, configurable: true });
  replaced(() => {});
  (socket[platform.reinitialize] as (handle: Handle) => void)(handle);
  // Not taken away again: see `watchConnect`.
  replaced(_undestroy);
}
