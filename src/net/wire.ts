/** A SAN connection as the handles of this folder see it: what it tells them, and errors in the platform's words. */
import type { Buffer } from 'node:buffer';
import { constants } from 'node:os';
import { systemError } from '../native/os.js';
import type { SwitchSocket } from '../socket/socket.js';
import type { Status } from './internals.js';

/** What a handle is told. */
export interface WireEvents {
  /** A private copy. */
  received(bytes: Buffer): void;
  ended(): void;
  /** It is over, though not in order. @param status negated errno */
  failed(status: Status): void;
}

/** Codes that mean, for whoever reads or writes, that the peer or the way to it is gone. */
function statusOf(error: Error): Status {
  const { code } = error as NodeJS.ErrnoException;
  const errno = code === undefined ? undefined : (constants.errno as Record<string, number>)[code];
  return -(errno ?? constants.errno.ECONNRESET);
}

/** Why a write has failed, as the platform says it. */
export function writeError(error: Error): Error {
  return systemError(statusOf(error), 'write');
}

/** Connects a stream with the handle that it serves. Nothing is told before the first `resume`. */
export function attach(stream: SwitchSocket, events: WireEvents): void {
  stream.pause();
  stream.handlers = {
    // The switch hands out copies of Node's own kind unless it is asked to lend.
    received: (_, bytes) => events.received(bytes as Buffer),
    ended: () => events.ended(),
    closed: (_, error) => {
      if (error !== null) events.failed(statusOf(error));
    },
  };
}

/**
 * Ends a connection as closing a TCP descriptor does: what was sent still gets there, and nobody waits for it. The process may end
 * once it has left.
 */
export function letGo(stream: SwitchSocket): void {
  stream.handlers = {};
  const isOut = stream.queuedBytes === 0;
  void stream.close();
  if (isOut) stream.unref();
  else stream.handlers = { drained: () => stream.unref() };
}
