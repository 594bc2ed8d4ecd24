/** Errors for a socket's misuse: the ones that Node gives for the same mistake, and ours where Node has none. */
import { InvalidOptionError } from '../errors.js';
import { invalidArgType, nodeCoded } from '../misuse.js';
import type { AnyBytes, SocketHandlers } from './stream-socket.js';

/** Something else than bytes was given to `send`. */
export function invalidBytes(value: unknown): TypeError {
  return invalidArgType('bytes', 'an instance of Uint8Array', value);
}

/** Sending after one's own `end()`. */
export function writeAfterEndError(): Error {
  return nodeCoded(new Error('write after end'), 'ERR_STREAM_WRITE_AFTER_END');
}

/** Sending on a socket that is closed. */
export function destroyedError(cause: Error | null): Error {
  const error = new Error('Cannot call send after a socket was closed', cause === null ? undefined : { cause });
  return nodeCoded(error, 'ERR_STREAM_DESTROYED');
}

const HANDLER_NAMES = ['received', 'drained', 'urgent', 'ended', 'closed'] as const;

/** The handlers object itself, checked. @throws TypeError ERR_INVALID_ARG_TYPE, InvalidOptionError for an unknown name */
export function checkHandlers<B extends AnyBytes>(handlers: SocketHandlers<B>): SocketHandlers<AnyBytes> {
  if (handlers === null || typeof handlers !== 'object') throw invalidArgType('handlers', 'of type object', handlers);
  for (const name of HANDLER_NAMES) {
    const handler: unknown = handlers[name];
    if (handler !== undefined && typeof handler !== 'function') {
      throw invalidArgType(`handlers.${name}`, 'of type function', handler);
    }
  }
  const unknown = Object.keys(handlers).find((key) => key === 'error' || key === 'data' || key === 'close');
  if (unknown !== undefined) {
    throw new InvalidOptionError(`there is no handler \`${unknown}\`; there are ${HANDLER_NAMES.join(', ')}`);
  }
  return handlers as SocketHandlers<AnyBytes>;
}
