/** Copying by the addon, which beats `TypedArray.set` from 1-4 KiB up. */
import { loadNative } from './load.js';

/** `(destination, destinationOffset, source, sourceOffset, length)`, in bytes. RangeError beyond either array. */
export type NativeCopy = (t: Uint8Array, to: number, s: Uint8Array, so: number, n: number) => void;

const { addon } = loadNative();

/** Null without the addon. */
export const copyNative: NativeCopy | null = addon?.copy ?? null;

/** The same past the caches, for a destination that this processor does not read soon; null without the addon. */
export const copyColdNative: NativeCopy | null = addon?.copyCold ?? null;

let isFreedMemoryKept = false;

/**
 * Tells the allocator, once, to keep what is freed for reuse: whoever receives in bulk frees in bulk, and would fault each
 * page in anew.
 */
export function keepFreedMemory(): void {
  if (isFreedMemoryKept) return;
  isFreedMemoryKept = true;
  addon?.keepFreedMemory();
}
