/** Copying by the addon, which beats `TypedArray.set` from 1-4 KiB up. */
import { loadNative } from './load.js';

/** `(destination, destinationOffset, source, sourceOffset, length)`, in bytes. RangeError beyond either array. */
export type NativeCopy = (t: Uint8Array, to: number, s: Uint8Array, so: number, n: number) => void;

const { addon } = loadNative();

/** Null without the addon. */
export const copyNative: NativeCopy | null = addon?.copy ?? null;

/** The same past the caches, for a destination that this processor does not read soon; null without the addon. */
export const copyColdNative: NativeCopy | null = addon?.copyCold ?? null;
