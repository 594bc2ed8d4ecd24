import { RingCorruptError } from '../errors.js';
import { RECORD_ALIGN, RECORD_HEADER_BYTES, RECORD_PADDING, RECORD_SWITCH } from '../layout/layout.gen.js';
import { checkPlace, type RingMemory } from './memory.js';

/** What can be chosen about a producer. */
export interface RingProducerOptions {
  /**
   * Bytes that `claim` never uses, so that a SWITCH record can always be written: 16 for a ring that is enlarged by
   * `writeSwitch`, otherwise 0 (the default).
   */
  readonly reserve?: number;
}

/**
 * The writing end of a record ring: claim, write the payload, commit, publish. Exactly one per ring.
 *
 * What the consumer writes (its position) is checked and never trusted: nonsense in it throws RingCorruptError, after
 * which the ring is unusable but nothing out of range has been touched.
 */
export class RingProducer {
  /** Bytes of payload that the last successful `claim` granted; -1 when nothing is claimed. */
  room = -1;

  private base: number;
  private size: number;
  private readonly reserve: number;
  private readonly words: Int32Array;
  private readonly prodWords: Int32Array;
  private readonly prodIndex: number;
  private readonly consWords: Int32Array;
  private readonly consIndex: number;
  /** Where the next record starts. */
  private tail: number;
  /** The position that the consumer can see. */
  private published: number;
  /** The consumer's position when we last looked. */
  private consumed: number;

  /** Continues where the words in `memory` stand; in zeroed memory that is an empty ring. Throws RingCorruptError. */
  constructor(memory: RingMemory, options: RingProducerOptions = {}) {
    checkPlace(memory.words, memory.base, memory.capacity);
    this.base = memory.base;
    this.size = memory.capacity;
    this.reserve = options.reserve ?? 0;
    this.words = memory.words;
    this.prodWords = memory.prodWords;
    this.prodIndex = memory.prodIndex;
    this.consWords = memory.consWords;
    this.consIndex = memory.consIndex;
    this.tail = Atomics.load(this.prodWords, this.prodIndex);
    this.published = this.tail;
    this.consumed = (this.tail - this.size) | 0;
    this.reloadConsumed();
  }

  /** Position behind the last committed record. */
  get position(): number {
    return this.tail;
  }

  /** Bytes of the ring's data. */
  get capacity(): number {
    return this.size;
  }

  /** Largest payload of a record: it takes at most half the ring. */
  get payloadLimit(): number {
    return this.size / 2 - RECORD_HEADER_BYTES;
  }

  /**
   * Claims room for a payload of at least `minBytes` and, as far as it stands in one piece, up to `maxBytes`; `room`
   * then says how much was granted. Returns the byte offset of the payload, a multiple of 8, or -1 if the ring is too
   * full. A claim that is not committed is simply dropped by the next one.
   *
   * On -1 the ring is at least half full and everything committed so far has been published if that made a difference
   * (see `needPosition`). Throws RangeError if `minBytes` is over `payloadLimit`, RingCorruptError.
   */
  claim(minBytes: number, maxBytes: number): number {
    const capacity = this.size;
    const offset = this.tail & (capacity - 1);
    let room = (this.consumed + capacity - this.reserve - this.tail) | 0;
    const contiguous = capacity - offset;
    if (room > contiguous) room = contiguous;
    if (room > capacity >>> 1) room = capacity >>> 1;
    room -= RECORD_HEADER_BYTES;
    // Short of the maximum only because our idea of the consumer is old, or too short at all: look again.
    if (room < maxBytes && (room < minBytes || room + RECORD_HEADER_BYTES < contiguous)) {
      return this.claimAgain(minBytes, maxBytes);
    }
    this.room = Math.min(room, maxBytes);
    return this.base + offset + RECORD_HEADER_BYTES;
  }

  /**
   * Makes the claimed record final: `length` bytes of payload, at most `room`, of the given type (not negative). It
   * becomes visible with the next `publish`. Throws RangeError without a claim or if `length` is out of range.
   */
  commit(type: number, length: number): void {
    if (length > this.room || length < 0) throw new RangeError(`can't commit ${length} bytes of ${this.room}`);
    this.room = -1;
    this.write(type, length);
  }

  /** Makes all committed records visible to the consumer, in one sequentially consistent store. */
  publish(): void {
    if (this.tail === this.published) return;
    this.published = this.tail;
    Atomics.store(this.prodWords, this.prodIndex, this.tail);
  }

  /**
   * The position that the consumer must reach before a `claim(minBytes, ...)` that has just returned -1 can succeed.
   * As long as it has not, at least half of the ring is in use.
   */
  needPosition(minBytes: number): number {
    const contiguous = this.size - (this.tail & (this.size - 1));
    const record = padded(minBytes);
    const wasted = contiguous < record ? contiguous : 0;
    return (this.tail + wasted + record + this.reserve - this.size) | 0;
  }

  /** Bytes between the consumer's position, read now, and our own. Throws RingCorruptError. */
  used(): number {
    this.reloadConsumed();
    return (this.tail - this.consumed) | 0;
  }

  /** Whether the consumer has consumed (and said so) everything that was ever committed. Throws RingCorruptError. */
  isDrained(): boolean {
    return this.used() === 0;
  }

  /** Reads the consumer's position anew (sequentially consistent). Throws RingCorruptError if it is impossible. */
  reloadConsumed(): void {
    const consumed = Atomics.load(this.consWords, this.consIndex);
    // It moves forward only, never beyond what is published, and by whole records.
    const step = (consumed - this.consumed) | 0;
    const limit = (this.published - this.consumed) | 0;
    if (step < 0 || step > limit || (consumed & (RECORD_ALIGN - 1)) !== 0) {
      throw new RingCorruptError(
        `the consumer of a ring went to ${consumed >>> 0}, impossible after ${this.consumed >>> 0}`,
      );
    }
    this.consumed = consumed;
  }

  /**
   * Commits a SWITCH record with the name of the slot where the next record will stand. Never fails in a ring with
   * 16 bytes of reserve, if `rebase` follows before anything else is claimed.
   */
  writeSwitch(slot: number): void {
    if (this.reserve < RECORD_ALIGN) throw new RangeError('a ring without a reserve has no room for a SWITCH record');
    this.room = -1;
    this.words[(this.base + (this.tail & (this.size - 1)) + RECORD_HEADER_BYTES) >>> 2] = slot;
    this.write(RECORD_SWITCH, 4);
  }

  /**
   * Goes on writing at another place: after `writeSwitch`, to one of at least the same capacity, or when the ring is
   * drained, to any. Positions go on. `base` and `capacity` as in RingMemory.
   */
  rebase(base: number, capacity: number): void {
    checkPlace(this.words, base, capacity);
    this.room = -1;
    this.base = base;
    this.size = capacity;
  }

  /** The slow half of `claim`: with the consumer's newest position, and with a wrap if one is needed. */
  private claimAgain(minBytes: number, maxBytes: number): number {
    if (minBytes > this.payloadLimit) throw new RangeError(`a record of ${minBytes} bytes is too large for this ring`);
    this.reloadConsumed();
    const capacity = this.size;
    const needed = padded(minBytes);
    let free = (this.consumed + capacity - this.reserve - this.tail) | 0;
    let offset = this.tail & (capacity - 1);
    let contiguous = capacity - offset;
    if (contiguous < needed && free >= contiguous) {
      this.write(RECORD_PADDING, contiguous - RECORD_HEADER_BYTES);
      free -= contiguous;
      // Blocked all the same: the consumer must see the padding, else it could find the ring less than half full, and
      // nothing left to do that would bring us our room.
      if (free < needed) this.publish();
      offset = 0;
      contiguous = capacity;
    }
    const granted = Math.min(free, contiguous, capacity >>> 1) - RECORD_HEADER_BYTES;
    if (granted < minBytes) {
      this.room = -1;
      return -1;
    }
    this.room = Math.min(granted, maxBytes);
    return this.base + offset + RECORD_HEADER_BYTES;
  }

  /** Writes a record's header and moves behind the record. */
  private write(type: number, length: number): void {
    const word = (this.base + (this.tail & (this.size - 1))) >>> 2;
    this.words[word] = length;
    this.words[word + 1] = type;
    this.tail = (this.tail + padded(length)) | 0;
  }
}

/** Bytes that a record with `length` bytes of payload takes in the ring. */
function padded(length: number): number {
  return (length + RECORD_HEADER_BYTES + RECORD_ALIGN - 1) & -RECORD_ALIGN;
}
