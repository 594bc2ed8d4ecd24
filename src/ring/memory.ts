import {
  RING_CAPACITY_MAX,
  RING_CAPACITY_MIN,
  RING_WORDS_BYTES,
  RING_WORDS_CONS,
  RING_WORDS_PROD,
} from '../layout/layout.gen.js';

/**
 * Where a record ring lives. The two positions and the data may stand in different memories: on a link the
 * producer's word and the data are in the writer's segment, the consumer's word in the reader's.
 *
 * Positions count bytes, run freely through 32 bits and are always multiples of RECORD_ALIGN; a position's place in
 * the data is `position & (capacity - 1)`.
 */
export interface RingMemory {
  /** Memory of the word that says up to where records are published; only the producer writes it. */
  readonly prodWords: Int32Array;
  /** Index of that word. */
  readonly prodIndex: number;
  /** Memory of the word that says up to where records are consumed; only the consumer writes it. */
  readonly consWords: Int32Array;
  /** Index of that word. */
  readonly consIndex: number;
  /** The memory of the data as words. */
  readonly words: Int32Array;
  /** Byte offset of the data in `words`, a multiple of 16. */
  readonly base: number;
  /** Bytes of the data: a power of two from RING_CAPACITY_MIN to RING_CAPACITY_MAX. */
  readonly capacity: number;
}

/** Bytes that `ringOver` needs for a ring of `capacity` bytes of data. */
export function ringBytes(capacity: number): number {
  return RING_WORDS_BYTES + capacity;
}

/**
 * Lays a ring of `capacity` bytes of data into `buffer` at byte `offset` (a multiple of 16): its two position words,
 * 128 bytes apart, then the data; `ringBytes(capacity)` bytes in all. For rings between threads of one process.
 *
 * Memory that is all zero is an empty ring.
 */
export function ringOver(buffer: SharedArrayBuffer, offset: number, capacity: number): RingMemory {
  if (offset < 0) throw new RangeError(`a ring can't stand at byte ${offset}`);
  const words = new Int32Array(buffer, 0, buffer.byteLength >>> 2);
  const memory = {
    prodWords: words,
    prodIndex: (offset + RING_WORDS_PROD) >>> 2,
    consWords: words,
    consIndex: (offset + RING_WORDS_CONS) >>> 2,
    words,
    base: offset + RING_WORDS_BYTES,
    capacity,
  };
  checkPlace(words, memory.base, capacity);
  return memory;
}

/** Throws RangeError unless a ring's data of `capacity` bytes can stand at byte `base` of `words`. */
export function checkPlace(words: Int32Array, base: number, capacity: number): void {
  const isPowerOfTwo = Number.isInteger(capacity) && (capacity & (capacity - 1)) === 0;
  if (!isPowerOfTwo || capacity < RING_CAPACITY_MIN || capacity > RING_CAPACITY_MAX) {
    throw new RangeError(`a ring can't have a capacity of ${capacity} bytes`);
  }
  if (!Number.isInteger(base) || base < 0 || base % 16 !== 0 || base + capacity > words.byteLength) {
    throw new RangeError(`a ring of ${capacity} bytes can't stand at byte ${base} of ${words.byteLength}`);
  }
}
