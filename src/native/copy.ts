/** Copying by the addon, which beats `TypedArray.set` from 1-4 KiB up. */
import { loadNative } from './load.js';

/** `(destination, destinationOffset, source, sourceOffset, length)`, in bytes. RangeError beyond either array. */
export type NativeCopy = (t: Uint8Array, to: number, s: Uint8Array, so: number, n: number) => void;

const { addon } = loadNative();

/** Null without the addon. */
export const copyNative: NativeCopy | null = addon?.copy ?? null;

let coldCopies = false;

/**
 * The same for a destination that nobody has in a cache, such as a buffer just allocated; null without the addon. Whoever
 * receives in bulk frees in bulk: with the first such copy the allocator is told to keep freed memory for reuse.
 */
export const copyColdNative: NativeCopy | null =
  addon === null
    ? null
    : (destination, destinationOffset, source, sourceOffset, length) => {
        if (!coldCopies) addon.keepFreedMemory();
        coldCopies = true;
        addon.copyCold(destination, destinationOffset, source, sourceOffset, length);
      };
