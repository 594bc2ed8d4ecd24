import { RingCorruptError } from '../errors.js';
import { RECORD_ALIGN, RECORD_HEADER_BYTES, RECORD_PADDING } from '../layout/layout.gen.js';
import { checkPlace, type RingMemory } from './memory.js';

/** What can be chosen about a consumer. */
export interface RingConsumerOptions {
  /**
   * The largest capacity that the producer may switch to by a SWITCH record, in bytes. Default: the ring is never
   * enlarged, so the producer can't be further ahead than its capacity.
   */
  readonly capacityLimit?: number;
}

/**
 * The reading end of a record ring. Exactly one per ring.
 *
 *     if (ring.poll()) {
 *       while (ring.next()) {
 *         use(ring.type, ring.offset, ring.length);
 *         if (ring.release() && ring.commit()) tellBlockedProducer();
 *       }
 *     }
 *
 * Nothing that the producer writes is trusted: each header word is read exactly once, and what doesn't fit throws
 * RingCorruptError before anything out of range could be touched. The *payload* may change while it is read, if the
 * producer is hostile; who decides by it copies it first, or reads each word once.
 */
export class RingConsumer {
  /** Type of the record that `next` found. */
  type = 0;
  /** Byte offset of its payload, a multiple of 8. */
  offset = 0;
  /** Bytes of its payload. */
  length = 0;

  private base: number;
  private size: number;
  private capacityLimit: number;
  private readonly words: Int32Array;
  private readonly prodWords: Int32Array;
  private readonly prodIndex: number;
  private readonly consWords: Int32Array;
  private readonly consIndex: number;
  /** Where the current record starts. */
  private head: number;
  /** Where it ends; equal to `head` if there is none. */
  private end: number;
  /** Up to where records may be read. */
  private published: number;
  /** The position that the producer can see. */
  private committed: number;
  /** The producer is further ahead than this ring is large: a SWITCH record must come before `published`. */
  private isSwitchDue = false;

  /** Continues where the words in `memory` stand; in zeroed memory that is an empty ring. */
  constructor(memory: RingMemory, options: RingConsumerOptions = {}) {
    checkPlace(memory.words, memory.base, memory.capacity);
    this.base = memory.base;
    this.size = memory.capacity;
    this.capacityLimit = Math.max(options.capacityLimit ?? 0, memory.capacity);
    this.words = memory.words;
    this.prodWords = memory.prodWords;
    this.prodIndex = memory.prodIndex;
    this.consWords = memory.consWords;
    this.consIndex = memory.consIndex;
    this.head = Atomics.load(this.consWords, this.consIndex);
    this.end = this.head;
    this.published = this.head;
    this.committed = this.head;
  }

  /** Position up to which records have been released. */
  get position(): number {
    return this.head;
  }

  /** Whether every released record has been committed. */
  get isCommitted(): boolean {
    return this.head === this.committed;
  }

  /** Whether all that was found published by the last `reload` has been released. */
  get isDrained(): boolean {
    return this.head === this.published;
  }

  /**
   * Whether there is something to read: a cheap look first, so that an idle ring costs next to nothing, then `reload`
   * if that found news. Throws RingCorruptError. Not for the last look before sleeping: that is `reload`.
   */
  poll(): boolean {
    if (this.prodWords[this.prodIndex] === this.published) return this.head !== this.published;
    return this.reload();
  }

  /**
   * Reads the producer's position anew (sequentially consistent) and returns whether there is something to read.
   * Throws RingCorruptError if the position is impossible.
   */
  reload(): boolean {
    const published = Atomics.load(this.prodWords, this.prodIndex);
    const ahead = (published - this.head) >>> 0;
    // What was published once can't be taken back.
    const known = (this.published - this.head) >>> 0;
    if (ahead > this.capacityLimit || (published & (RECORD_ALIGN - 1)) !== 0 || ahead < known) {
      throw new RingCorruptError(
        `the producer of a ring went to ${published >>> 0}, impossible from ${this.head >>> 0}`,
      );
    }
    // Further ahead than the ring is large: it goes on elsewhere, behind a SWITCH record. Until then nothing beyond
    // this ring's own bytes may be read.
    this.isSwitchDue = ahead > this.size;
    this.published = this.isSwitchDue ? (this.head + this.size) | 0 : published;
    return ahead !== 0;
  }

  /**
   * Goes to the next record, if one was found published by the last `reload` or `poll`: `type`, `offset` and `length`
   * then describe it, until `release`. Once per record. Throws RingCorruptError if the record is impossible.
   */
  next(): boolean {
    while (this.head !== this.published) {
      const at = this.base + (this.head & (this.size - 1));
      const word = at >>> 2;
      // Each header word is read once: a second look could find another value.
      const length = this.words[word];
      const type = this.words[word + 1];
      const record = this.recordBytes(length);
      if (type !== RECORD_PADDING) {
        this.type = type;
        this.offset = at + RECORD_HEADER_BYTES;
        this.length = length;
        this.end = (this.head + record) | 0;
        return true;
      }
      this.skipPadding(record);
    }
    if (this.isSwitchDue) throw new RingCorruptError('a ring goes on elsewhere, and nothing says where');
    return false;
  }

  /**
   * Gives the record that `next` found back: its bytes are no longer ours once committed. Returns true when a quarter
   * of the ring has been released since the last `commit`: the time to call it. Less often would block the producer,
   * more often costs both sides a cache line each time.
   */
  release(): boolean {
    this.head = this.end;
    return ((this.head - this.committed) | 0) >= this.size >>> 2;
  }

  /**
   * Tells the producer that all released records are consumed (sequentially consistent). Returns true if at least half
   * of the ring was in use until now: only then can the producer be blocked, and whoever has blocked producers looks.
   */
  commit(): boolean {
    const before = this.committed;
    if (this.head === before) return false;
    this.committed = this.head;
    Atomics.store(this.consWords, this.consIndex, this.head);
    // Read anew, after the store: the producer may have filled the ring and blocked since our last look. Whatever
    // value a hostile one put there, it decides only whether somebody looks.
    const published = Atomics.load(this.prodWords, this.prodIndex);
    return (published - before) >>> 0 >= this.size >>> 1;
  }

  /**
   * Releases and commits, unread, everything that is published now. For a connection that ends early: whoever gets its
   * ring next must find it drained. Throws RingCorruptError.
   */
  discard(): void {
    this.reload();
    if (this.isSwitchDue) this.published = Atomics.load(this.prodWords, this.prodIndex) & -RECORD_ALIGN;
    this.isSwitchDue = false;
    this.end = this.published;
    this.release();
    this.commit();
  }

  /**
   * Goes on reading at another place: after a SWITCH record, once released, or when the ring is drained. Positions go
   * on. `base` and `capacity` as in RingMemory, the capacity at most `capacityLimit`. Throws RingCorruptError.
   */
  rebase(base: number, capacity: number): void {
    checkPlace(this.words, base, capacity);
    this.capacityLimit = Math.max(this.capacityLimit, capacity);
    this.base = base;
    this.size = capacity;
    this.published = this.head;
    this.end = this.head;
    this.isSwitchDue = false;
    this.reload();
  }

  /** Bytes of the record at `head`, whose header says `length`, checked. */
  private recordBytes(length: number): number {
    // Unsigned, so that a negative length is an enormous one.
    const isPossible = length >>> 0 <= (this.size >>> 1) - RECORD_HEADER_BYTES;
    const record = (length + RECORD_HEADER_BYTES + RECORD_ALIGN - 1) & -RECORD_ALIGN;
    const published = (this.published - this.head) | 0;
    const contiguous = this.size - (this.head & (this.size - 1));
    if (!isPossible || record > published || record > contiguous) {
      throw new RingCorruptError(`a record of ${length >>> 0} bytes at ${this.head >>> 0} does not fit into its ring`);
    }
    return record;
  }

  /** Releases a padding record, which must end where the ring ends. */
  private skipPadding(record: number): void {
    const next = (this.head + record) | 0;
    if ((next & (this.size - 1)) !== 0) throw new RingCorruptError('padding in the middle of a ring');
    this.head = next;
    this.end = next;
  }
}
