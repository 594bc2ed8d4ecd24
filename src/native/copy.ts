/** Copying by the addon, which beats `TypedArray.set` from 1-4 KiB up. */
import { loadNative } from './load.js';

/**
 * `copyNative(destination, destinationOffset, source, sourceOffset, length)`, all in bytes; RangeError if that reaches
 * beyond either array. Null without the addon.
 */
export const copyNative: null | ((t: Uint8Array, to: number, s: Uint8Array, so: number, n: number) => void) =
  loadNative().addon?.copy ?? null;
