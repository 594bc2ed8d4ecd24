/** Copying by the addon, which beats `TypedArray.set` from 1-4 KiB up. */
import { loadNative } from './load.js';

/** `(destination, destinationOffset, source, sourceOffset, length)`, in bytes. RangeError beyond either array. */
export type NativeCopy = (t: Uint8Array, to: number, s: Uint8Array, so: number, n: number) => void;

/** Null without the addon. */
export const copyNative: NativeCopy | null = loadNative().addon?.copy ?? null;

/** The same for a destination that nobody has in a cache. Null without the addon. */
export const copyColdNative: NativeCopy | null = loadNative().addon?.copyCold ?? null;
