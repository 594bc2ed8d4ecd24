/** Copying between the application's memory and registered memory: small pieces in JavaScript, large ones natively. */
import { Buffer } from 'node:buffer';
import { copyColdNative, copyNative } from './copy.js';
import { keepFreedMemory } from './freed-memory.js';

/** Bytes from which the call into native code pays (measured: ARCHITECTURE.md, "Budget"). */
const NATIVE_COPY_MIN_BYTES = 2048;
/** Bytes up to which a plain loop beats `TypedArray.set`. */
const LOOP_MAX_BYTES = 32;

/** Bytes from which a copy past the caches pays. */
export const COLD_COPY_MIN_BYTES = 65_536;

/** Copies `length` bytes; both ranges must lie inside their arrays (the callers' checks), the memories may be shared. */
export function copyBytes(
  target: Uint8Array,
  targetOffset: number,
  source: Uint8Array,
  sourceOffset: number,
  length: number,
): void {
  if (length >= NATIVE_COPY_MIN_BYTES && copyNative !== null) {
    copyNative(target, targetOffset, source, sourceOffset, length);
  } else if (length <= LOOP_MAX_BYTES) {
    for (let i = 0; i < length; i++) target[targetOffset + i] = source[sourceOffset + i];
  } else if (sourceOffset === 0 && length === source.length) {
    target.set(source, targetOffset);
  } else {
    target.set(source.subarray(sourceOffset, sourceOffset + length), targetOffset);
  }
}

/** Bytes up to which copies share a slab: small chunks would otherwise pay for a memory block each. */
const SLAB_SHARE_MAX_BYTES = 4096;

/** The same past the caches, for `length` of COLD_COPY_MIN_BYTES or more: nobody on this processor reads the copy soon. */
export function copyPastCaches(
  target: Uint8Array,
  targetOffset: number,
  source: Uint8Array,
  sourceOffset: number,
  length: number,
): void {
  if (length >= COLD_COPY_MIN_BYTES && copyColdNative !== null) {
    copyColdNative(target, targetOffset, source, sourceOffset, length);
  } else {
    copyBytes(target, targetOffset, source, sourceOffset, length);
  }
}

/** A private copy of a message's bytes, for an application that may keep it. */
export function copyOut(source: Uint8Array, offset: number, length: number): Buffer {
  // Node's own pool serves the small ones; its pieces are never handed out twice.
  const copy = length <= SLAB_SHARE_MAX_BYTES ? Buffer.allocUnsafe(length) : Buffer.allocUnsafeSlow(length);
  if (length >= COLD_COPY_MIN_BYTES) keepFreedMemory();
  copyPastCaches(copy, 0, source, offset, length);
  return copy;
}
