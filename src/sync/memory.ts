/** Where a primitive lives: some words of a `SharedArrayBuffer`. */
import { invalidArgType, outOfRange } from '../misuse.js';

const WORD_BYTES = Int32Array.BYTES_PER_ELEMENT;

/**
 * The words of a primitive of `bytes` bytes.
 * @throws TypeError ERR_INVALID_ARG_TYPE unless `buffer` is shared, RangeError ERR_OUT_OF_RANGE for an offset that is
 *   misaligned or leaves no room
 */
export function wordsAt(buffer: SharedArrayBuffer, byteOffset: number, bytes: number): Int32Array {
  if (!(buffer instanceof SharedArrayBuffer)) {
    throw invalidArgType('buffer', 'an instance of SharedArrayBuffer', buffer);
  }
  if (typeof byteOffset !== 'number') throw invalidArgType('byteOffset', 'of type number', byteOffset);
  const last = buffer.byteLength - bytes;
  if (!(byteOffset >= 0 && byteOffset <= last && byteOffset % WORD_BYTES === 0)) {
    const range = `a multiple of ${WORD_BYTES}, with ${bytes} bytes from there to the end of ${buffer.byteLength}`;
    throw outOfRange('byteOffset', range, byteOffset);
  }
  return new Int32Array(buffer, byteOffset, bytes / WORD_BYTES);
}

/** A whole number within a range. @throws TypeError ERR_INVALID_ARG_TYPE, RangeError ERR_OUT_OF_RANGE */
export function checkCount(name: string, value: number, least: number, most: number): number {
  if (typeof value !== 'number') throw invalidArgType(name, 'of type number', value);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw outOfRange(name, `an integer >= ${least} && <= ${most}`, value);
}
