/** Changes of owner (rule 8.1): inside one process, by the token of a connection that is between two engines. */
import {
  NO_ERROR,
  WSAECONNRESET,
  WSAEINVAL,
  WSAENOBUFS,
  WSAENOTCONN,
  WSAETIMEDOUT,
  WsaError,
} from '../../spi/codes.js';
import type { OwnerKey, SocketAddress } from '../../spi/types.js';
import { RECEIVE_SLOTS, VerbsConnection } from './connection.js';
import type { ConnectionState } from './connection-host.js';
import { acceptInto, type Caller } from './listen.js';
import type { SocketHost, VerbsSocket } from './socket.js';

/** How long a new owner waits for the caller; the engines let a connection wait for its owner as long. */
const MOVE_TIMEOUT_MS = 2_000;

/** What `SIO_OWNER_KEY` answers: every owner of the process will do. Structured-cloneable. */
export interface VerbsOwnerKey {
  readonly verbs: 'owner';
  readonly pid: number;
}

/** What `WSPDuplicateSocket` returns, and `WSPAccept` for another owner. Structured-cloneable. */
export interface VerbsContext {
  /** A connection that stands, or a connect request that is still to be accepted. */
  readonly verbs: 'connection' | 'request';
  readonly pid: number;
  readonly token: bigint;
  readonly local: SocketAddress | null;
  readonly remote: SocketAddress | null;
  /** Bytes of the largest message that the peer takes. */
  readonly messageBytes: number;
  /** Null: it is a connect request. */
  readonly state: ConnectionState | null;
}

/** This process's key. */
export function ownerKey(): VerbsOwnerKey {
  return { verbs: 'owner', pid: process.pid };
}

/** @throws WsaError WSAEINVAL: no owner key of this process */
function checkOwnerKey(key: OwnerKey): void {
  const { verbs, pid } = (key ?? {}) as Partial<VerbsOwnerKey>;
  if (verbs !== 'owner' || pid !== process.pid) throw new WsaError(WSAEINVAL, 'no owner key of this process');
}

/** @throws WsaError WSAEINVAL: no context of this process */
export function checkContext(context: unknown): VerbsContext {
  const { verbs, pid, token, messageBytes, state } = (context ?? {}) as Partial<VerbsContext>;
  const isOne =
    (verbs === 'connection'
      ? Number.isInteger(state?.inlineBytes) && Number.isInteger(state?.nextCookie)
      : state === null) &&
    (verbs === 'connection' || verbs === 'request') &&
    pid === process.pid &&
    typeof token === 'bigint' &&
    Number.isInteger(messageBytes);
  if (!isOne) throw new WsaError(WSAEINVAL, 'no context of this provider, or of another process');
  return context as VerbsContext;
}

/** `WSPDuplicateSocket`. @throws WsaError; the socket is then as it was */
export function duplicate(socket: VerbsSocket, key: OwnerKey): VerbsContext {
  const { connection, host, local, remote, messageBytes } = socket;
  if (socket.state === 'broken') throw new WsaError(WSAECONNRESET);
  if (socket.state !== 'connected' || connection === null) throw new WsaError(WSAENOTCONN);
  checkOwnerKey(key);
  if (!socket.isQuiet || host.memory.isUsedBy(socket) || !host.engine.flush()) {
    throw new WsaError(WSAEINVAL, 'the socket is not quiet');
  }
  const { state } = connection;
  const token = connection.leave();
  if (typeof token === 'number') throw new WsaError(WSAEINVAL, `the connection can't leave (errno ${-token})`);
  socket.moved();
  return { verbs: 'connection', pid: process.pid, token, local, remote, messageBytes, state };
}

/** `WSPAccept` for another owner (4.3): the caller goes on waiting. @throws WsaError WSAEINVAL */
export function redirect(host: SocketHost, caller: Caller, key: OwnerKey): VerbsContext {
  checkOwnerKey(key);
  const { handle, local, remote, messageBytes } = caller;
  const token = host.engine.native.detach(handle);
  if (typeof token === 'number') throw new WsaError(WSAEINVAL, `the caller can't be handed over (errno ${-token})`);
  host.engine.evict(handle);
  return { verbs: 'request', pid: process.pid, token, local, remote, messageBytes, state: null };
}

const taken = new Int32Array(1);

/** `WSPSocket` with a context: takes the connection over; FD_CONNECT tells how that went. */
export function takeOver(socket: VerbsSocket, context: VerbsContext): void {
  const { host } = socket;
  const { engine } = host;
  socket.state = 'connecting';
  socket.local = context.local;
  socket.remote = context.remote;
  if (context.state === null) return acceptTaken(socket, context);
  const slots = Int32Array.from({ length: RECEIVE_SLOTS }, () => engine.arena.take()).filter((slot) => slot >= 0);
  taken[0] = 0;
  const handle = engine.native.attach(context.token, slots, taken);
  const count = handle < 0 ? 0 : (taken[0] as number);
  for (const slot of slots.subarray(count)) engine.arena.give(slot);
  if (handle < 0) return socket.connected(WSAECONNRESET, 'gone');
  const device = host.deviceOf(handle);
  if (typeof device === 'string') {
    for (const slot of slots.subarray(0, count)) engine.arena.give(slot);
    engine.native.destroy(handle);
    return socket.connected(WSAECONNRESET, device);
  }
  const connection = new VerbsConnection(host, handle, device, socket);
  socket.connection = connection;
  if (!connection.takeOver(context.state, slots, count)) {
    return socket.connected(WSAENOBUFS, `out-of-resources: ${connection.shortage}`);
  }
  socket.limitMessages(context.messageBytes);
  socket.connected(NO_ERROR);
}

function acceptTaken(socket: VerbsSocket, context: VerbsContext): void {
  const { engine, moves } = socket.host;
  const handle = engine.native.attach(context.token, new Int32Array(0), taken);
  if (handle < 0) return socket.connected(WSAECONNRESET, 'gone');
  const code = acceptInto(socket, handle, context);
  if (code === WSAENOBUFS) return socket.connected(code, 'out-of-resources');
  if (code !== NO_ERROR) return socket.connected(WSAECONNRESET, 'peer-gone');
  const timer = setTimeout(() => {
    moves.delete(timer);
    socket.connected(WSAETIMEDOUT, 'hand-over-timed-out');
  }, MOVE_TIMEOUT_MS);
  moves.add(timer.unref());
}
