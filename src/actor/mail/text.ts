/** Short text in shared memory. */
import type { Views } from './views.js';

/** Bytes up to which a string is worth remembering. */
const CACHED_MAX_BYTES = 32;
const CACHE_ENTRIES = 1024;

/** Strings by a hash of their bytes: keys and names come again and again, and to make a string costs more than to find it. */
const cache: string[] = new Array(CACHE_ENTRIES).fill('');

function isSame(text: string, u8: Uint8Array, at: number, length: number): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== u8[at + i]) return false;
  return true;
}

/** The string whose characters are the `length` bytes at `at`. */
export function readLatin1(views: Views, at: number, length: number): string {
  if (length > CACHED_MAX_BYTES) return views.text.toString('latin1', at, at + length);
  const { u8 } = views;
  let hash = length;
  for (let i = 0; i < length; i++) hash = (Math.imul(hash, 31) + (u8[at + i] as number)) | 0;
  const entry = (hash ^ (hash >>> 10)) & (CACHE_ENTRIES - 1);
  const known = cache[entry] as string;
  if (isSame(known, u8, at, length)) return known;
  const text = views.text.toString('latin1', at, at + length);
  cache[entry] = text;
  return text;
}

/** The string whose UTF-8 the `length` bytes at `at` are. */
export function readUtf8(views: Views, at: number, length: number): string {
  if (length <= CACHED_MAX_BYTES) {
    const { u8 } = views;
    let bits = 0;
    for (let i = 0; i < length; i++) bits |= u8[at + i] as number;
    if (bits < 0x80) return readLatin1(views, at, length);
  }
  return views.text.toString('utf8', at, at + length);
}

/**
 * Writes `text` as UTF-8 into at most `limit` bytes at `at`. @returns how many, or -1: it does not fit, or has no UTF-8
 * (half of a surrogate pair)
 */
export function writeUtf8(views: Views, at: number, limit: number, text: string): number {
  const { length } = text;
  if (length > limit) return -1;
  if (length <= CACHED_MAX_BYTES) {
    const { u8 } = views;
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code >= 0x80) break;
      u8[at + i] = code;
    }
    if (i === length) return length;
  }
  if (!isWellFormed(text) || Buffer.byteLength(text) > limit) return -1;
  return views.text.write(text, at, limit, 'utf8');
}

/** Whether it has UTF-8 at all. `String.prototype.isWellFormed`, which the library that we compile against does not know. */
function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}
