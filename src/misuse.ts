/** Errors for misuse that Node has words for: the same classes, codes and sentences. */

import { showValue } from './errors.js';

/** Gives an error the code that Node would give it. */
export function nodeCoded<E extends Error>(error: E, code: string): E & { code: string } {
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

/** `ERR_INVALID_HANDLE_TYPE`, as Node words it. */
export function invalidHandleType(): TypeError {
  return nodeCoded(new TypeError('This handle type cannot be sent'), 'ERR_INVALID_HANDLE_TYPE');
}

/** `ERR_OUT_OF_RANGE`, as Node words it. */
export function outOfRange(name: string, range: string, value: unknown): RangeError {
  const message = `The value of "${name}" is out of range. It must be ${range}. Received ${showValue(value)}`;
  return nodeCoded(new RangeError(message), 'ERR_OUT_OF_RANGE');
}
