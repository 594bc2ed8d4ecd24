/**
 * Descriptors of TCP/IP connections that change threads with their actors. The number of one that is on its way is nobody's: if
 * the thread that it was sent to dies before it has opened it, it would stay open for ever, and its peer wait. So the old
 * thread keeps one of its own, which the system closes with it, until the new thread has another.
 */
import { HandOverError } from '../../errors.js';
import { closeDescriptor, duplicateDescriptor, socketCookie } from '../../native/os.js';
import { setResetOnClose } from '../../native/tcp.js';
import type { SocketHandOver } from '../../switch/owner.js';

const TCP = 'tcp';

/** What is said of a guarded descriptor. */
interface Guarded {
  /** The old thread's. */
  readonly fd: number;
  /** Tells the socket from any other that gets its number when the old thread has closed it. */
  readonly cookie: bigint;
}

/** A connection that was handed over, and whose descriptor this thread keeps. The caller is to `settle` or `discard` it. */
export function guard(connection: SocketHandOver): SocketHandOver {
  if (connection.provider !== TCP) return connection;
  const { fd } = connection.context as { readonly fd: number };
  return { ...connection, context: { ...(connection.context as object), cookie: socketCookie(fd) } };
}

/** On the new thread: gives the connection a descriptor that is its own. @throws HandOverError: the old thread has died */
export function claim(connection: SocketHandOver): SocketHandOver {
  if (connection.provider !== TCP) return connection;
  const { fd, cookie } = connection.context as Guarded;
  let own = -1;
  try {
    own = duplicateDescriptor(fd);
    if (socketCookie(own) !== cookie) throw new Error('its number is another socket’s');
    return { ...connection, context: { ...(connection.context as object), fd: own, isOwned: true } };
  } catch (cause) {
    if (own >= 0) closeDescriptor(own);
    throw new HandOverError('the connection is gone with the thread that it comes from', { cause });
  }
}

/** On the old thread: the new one has the connection, or never will. If nobody has it, its peer sees a reset. */
export function settle({ provider, context }: SocketHandOver): void {
  if (provider === TCP) closeDescriptor((context as Guarded).fd);
}

/** On the old thread: nobody else has been told of the connection. */
export function discard(connection: SocketHandOver): void {
  if (connection.provider === TCP) setResetOnClose((connection.context as Guarded).fd, true);
  settle(connection);
}
