/** Errors for a socket's misuse: the ones that Node gives for the same mistake, and ours where Node has none. */
import { InvalidOptionError, showValue } from '../errors.js';
import type { AnyBytes, SocketHandlers } from './stream-socket.js';

function nodeCoded<E extends Error>(error: E, code: string): E & { code: string } {
  return Object.assign(error, { code });
}

/** As Node words it: `Received type number (5)`, `Received an instance of Map`. */
export function describeReceived(value: unknown): string {
  if (value == null) return `Received ${value}`;
  if (typeof value === 'function') return `Received function ${value.name}`;
  if (typeof value === 'object') {
    const name: unknown = value.constructor?.name;
    return `Received an instance of ${typeof name === 'string' ? name : 'Object'}`;
  }
  const text =
    typeof value === 'bigint' ? `${value}n` : typeof value === 'string' ? `'${value.slice(0, 25)}'` : String(value);
  return `Received type ${typeof value} (${text})`;
}

/** `ERR_INVALID_ARG_TYPE`, as Node words it. */
export function invalidArgType(name: string, expected: string, value: unknown): TypeError {
  const what = name.includes('.') ? 'property' : 'argument';
  const message = `The "${name}" ${what} must be ${expected}. ${describeReceived(value)}`;
  return nodeCoded(new TypeError(message), 'ERR_INVALID_ARG_TYPE');
}

/** `ERR_OUT_OF_RANGE`, as Node words it. */
export function outOfRange(name: string, range: string, value: unknown): RangeError {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${showValue(value)}`;
  return nodeCoded(new RangeError(message), 'ERR_OUT_OF_RANGE');
}

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
